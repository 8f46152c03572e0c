"""Frames of a study on vendors: their record, what it foretells, and what a failure costs."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import pandas as pd

from siting import catalogue, reasoning
from siting.catalogue import Fact, Source, source_of
from siting.cost.api_prices import successor
from siting.cost.dates import switched_off
from siting.cost.prices import ApiPrice, BilledTokens, api_request
from siting.places import BY_REQUEST
from siting.quality import spoken
from siting.quantity import DAYS_OF_MONTH, Range
from siting.study.frames import Rows, Topic, frame
from siting.vendors import notice
from siting.vendors.stability import option_vendors
from siting.vendors.vendor_record import (
    AskedOfVendor,
    Backtest,
    Event,
    Record,
    VendorFact,
    load,
    on_record,
    separate,
)

SHORT = 90
"""Days of notice that a chance is told for. [days]"""


class VendorFrames(Topic):
    """Frames on vendors: record, chances, losses."""

    @frame
    def vendors(self) -> Rows:
        """One vendor that an option depends on.

        name: as the scenario calls it
        vendor?: as the record calls it; missing where the record does not know it
        options: labels of the options that depend on it
        role: api (sells its own models), platform, host of open models, or infrastructure
        press: how closely the press follows it: high, medium, low
        searched: how well its record was searched: closely, lightly or not
        searched_on?: when
        events: events in the record [1]
        notices: retirement notices in the record [1]
        """
        users = defaultdict(list)
        for name, option in self.options.items():
            for vendor, _ in option_vendors(self.scenario, name):
                users[vendor].append(option.label)
        for name, labels in users.items():
            row = {
                "name": name,
                "options": "; ".join(labels),
                "role": "",
                "press": "",
                "searched": "not",
                "events": 0,
                "notices": 0,
            }
            known = self.results.stability.vendors.get(name)
            if known:
                row |= {
                    "vendor": known.vendor,
                    "role": known.role,
                    "press": known.press,
                    "searched": known.searched,
                    "searched_on": known.searched_on or None,
                    "events": len(known.events),
                    "notices": len(known.notices),
                }
            yield row

    @frame
    def vendor_events(self) -> Rows:
        """One event in the record of one of the client's vendors, oldest first.

        vendor: vendor
        date: day or month of the event
        known: day on which it was public
        category: kind of event
        direction: adverse or favourable
        severity: 1 (notice) to 5 (service or control lost) [1]
        evidence: primary, stated, reported, alleged or scheduled
        case: case that it belongs to: a case counts once
        settles: final or appealable, where it ends the adverse state of its case
        summary: what happened
        source: who says so
        url: address of the source
        """
        for v in self.results.vendors:
            yield from (_event(e) | {"vendor": v.vendor} for e in v.events)
            yield from map(source_of, v.events)

    @frame
    def notice_habits(self) -> Rows:
        """What one vendor promised, and how much notice it has given: all with notices on record.

        vendor: vendor
        mine: whether an option of this client depends on it
        notices: notices for models in general use, with a day of notice [1]
        unsure: of these, those that may have been longer, as only the latest possible day of notice
            is known: too few days to say whether it was short, so that they count in no chance [1]
        quartile?: a quarter of them were this short or shorter [days]
        promise?: notice that it promises [days]
        promised?: what its promise is worth: no more than the shortest notice given since, else
            than a quarter of all notices; half while it is young [days]
        broken: notices given since the promise that are shorter, with their days
        short: notices of 90 days or less, any stage [1]
        moved_forward: end dates brought forward after the notice [1]
        """
        record = load()
        mine = {v.vendor for v in self.results.vendors}
        for vendor in record.vendors:
            v = on_record(record, vendor, self.client.report_date)
            if v.notices or v.promise is not None:
                yield {
                    "vendor": v.vendor,
                    "mine": v.vendor in mine,
                    "notices": len(v.days),
                    "unsure": sum(n.may_be_longer(SHORT) for n in separate(v.notices)),
                    "quartile": v.quartile_days,
                    "promise": v.promise.days if v.promise else None,
                    "promised": v.promise_worth,
                    "broken": "; ".join(f"{n.days} days on {n.announced}" for n in v.broken),
                    "short": sum(n.short is True for n in v.notices),
                    "moved_forward": sum(n.moved == "forward" for n in v.notices),
                }
            if v.vendor in mine:
                yield from _pages(n.row for n in v.notices)

    @frame
    def notice_chances(self) -> Rows:
        """Chance that a vendor's next retirement notice is at most so many days: all with notices.

        vendor: vendor
        mine: whether an option of this client depends on it
        within: days of notice [days]
        by_vendor: whether the vendor's own notices move it; if not, it is that of a typical vendor,
            the same for all, as no test shows that a record foretells it, and no more than the
            vendor's own for more days
        chance*: chance, with its 80 % interval [share]
        notices: the vendor's own notices so far [1]
        short: of these, notices of at most so many days [1]
        pool: chance of a vendor without notices: that of a typical one with the drift of all
            [share]
        """
        record = load().as_of(self.client.report_date)
        mine = {v.vendor for v in self.results.vendors}
        known = {n.vendor for n in separate(record.notices)} | mine
        for v in record.vendors:
            if v.vendor in known and v.role != "infrastructure":
                yield from self._notice_chances(record, v.vendor, v.vendor in mine)
        yield from _pages(n.row for n in separate(record.notices) if n.vendor in mine)

    def _notice_chances(self, record: Record, vendor: str, mine: bool) -> Rows:
        """Rows of `notice_chances` of one vendor, from most days to fewest: for fewer days, a
        chance is never higher than for more."""
        tests = catalogue.table("vendor_backtests", Backtest)
        shown = {b.quantity for b in tests if b.label.startswith("by vendor")}
        of_vendor = notice.notice_chances(record, vendor, self.client.report_date)
        typical = notice.notice_chances(record, "", self.client.report_date)
        most = Range(1.0, 1.0, 1.0, unit="share")
        for own, of_all in zip(reversed(of_vendor), reversed(typical), strict=True):
            by_vendor = f"next notice at most {own.within} days" in shown
            chance = own.chance if by_vendor else of_all.chance
            most = Range(
                min(most.low, chance.low),
                min(most.central, chance.central),
                min(most.high, chance.high),
                unit="share",
            )
            yield {
                "vendor": vendor,
                "mine": mine,
                "within": own.within,
                "by_vendor": by_vendor,
                "chance*": most,
                "notices": own.notices,
                "short": own.short,
                "pool": own.pool,
            }

    @frame
    def retiring_models(self) -> Rows:
        """One model that an option uses although its vendor ended it, or will within the horizon.

        option: label of the option
        baseline: whether it is what runs today
        vendor: vendor
        model: model
        spoken: the model as a person says it
        announced?: day of the notice; missing where it is not known
        retired: last day
        left: until its last day; negative where it is past [days]
        replacement: successor that the vendor names
        replacement_spoken: the same as a person says it; blank where none is named
        replacement_retired?: last day of that successor there; missing where none is announced
        url: address of the source
        """
        for end in self.results.retiring:
            e = end.ending
            heir = successor(self.scenario, end.option, e.model)
            yield {
                "option": end.option,
                "baseline": end.option == self.scenario.finance.baseline,
                "vendor": e.vendor,
                "model": e.model,
                "spoken": spoken(e.model),
                "announced": iso(e.announced),
                "retired": iso(e.retired),
                "left": end.days(self.client.report_date),
                "replacement": heir.model if heir else "",
                "replacement_spoken": spoken(heir.model) if heir else "",
                "replacement_retired": iso(heir.until if heir else None),
                "url": e.sources[0].url,
            }
            yield from e.sources

    @frame
    def bridges(self) -> Rows:
        """The model that follows one in use which ends before the latest go-live, at its vendor.
        None where none ends before, or none is named.

        option: label of the option whose model ends
        vendor: vendor
        model: identifier of the model
        spoken: the model as a person says it
        ends?: its last day; missing where none is announced
        lasts: whether it runs beyond the latest go-live
        until?: when today's service is switched off, of a model that lasts
        cost?: of all requests with it, as planned, from the end of the model in use until today's
            service is switched off; missing where it has no price [currency]
        held?: what the plan holds for those days [currency]
        beyond?: what that cost is beyond what the plan holds [currency]
        month?: that cost by the month: what a month costs in which the choice goes live later
            [currency]
        input_price?: its list price of input, of a million tokens [USD/M tokens]
        output_price?: the same of output [USD/M tokens]
        cached_price?: the same of input that is read from a cache; missing where the list has none
            [USD/M tokens]
        price_date?: date of that price
        cleared_by?: who reviews the impact assessment for a model that lasts, before data reach it;
            missing where no law asks that of today's service
        cleared_due?: the day by which, in the plan
        law?: by which law
        """
        (found,) = self.study.answer().to_dict("records")
        retiring = self.study.retiring_models()
        decided = retiring.baseline | (retiring.option == found["option"])
        latest = str(found["live_high"])
        due = retiring[decided & (retiring.retired <= latest)]
        for used in due[due.replacement != ""].drop_duplicates(["vendor", "model"]).itertuples():
            name = next(n for n, o in self.options.items() if o.label == used.option)
            ends = used.replacement_retired
            row = {
                "option": name,
                "vendor": used.vendor,
                "model": used.replacement,
                "spoken": used.replacement_spoken,
                "ends": ends,
                "lasts": pd.isna(ends) or ends > latest,
            }
            if row["lasts"]:
                row |= self._bridging(name, used) | self._clearance(name)
            if "cost" in row:
                listed = self._listed(name, used.replacement)
                row |= _price_of_tokens(listed)
                yield listed.source
            yield row
        yield from due.attrs["sources"]

    def _listed(self, name: str, model: str) -> ApiPrice:
        """What the list of an option's provider asks for the tokens of a usual request."""
        usual = BilledTokens(input_mean=1000, output_mean=1000)
        provider = self.options[name].provider
        return api_request(provider, model, usual, 0.0, self.client.report_date)

    def _clearance(self, name: str) -> dict[str, Any]:
        """Who clears a model that is new to the service of today, by which law: columns of
        `bridges`. name: of the option that runs today."""
        said = self.results.sovereignty.options[name].verdicts
        for step in self.results.plan:
            if step.reviews_bridge:
                asked = (said[rule] for rule in step.row.rules.split(";"))
                laws = [finding.cited for finding in asked if finding.verdict != "n.a."]
                return {
                    "cleared_by": step.row.owner,
                    "cleared_due": self.results.day(step.due),
                    "law": " and ".join(laws),
                }
        return {}

    def _bridging(self, name: str, used: Any) -> dict[str, Any]:
        """What it costs to serve all requests of an option with the model that follows, from the
        end of the one in use until what runs today is switched off: columns of `bridges`.

        used: a row of `retiring_models`.
        """
        option = self.options[name]
        last = (dt.date.fromisoformat(used.retired) - self.client.report_date).days
        off = switched_off(self.scenario, str(self.results.decision.recommended))
        row: dict[str, Any] = {"until": self.results.day(off)}
        if option.kind not in BY_REQUEST or name != self.scenario.finance.baseline:
            return row
        heir = used.replacement
        changes = {
            f"options.{name}.models": {
                w: heir if m == used.model else m for w, m in option.models.items()
            },
            f"options.{name}.effort": reasoning.effort_after(option.effort, heir),
        }
        bridged = self.results.changed(changes, redesigned=False)
        cost = self.results.paid_by_request(bridged, name, last, off)
        if cost is None:
            return row
        planned = self.results.paid_by_request(self.scenario, name, last, off) or 0.0
        month = cost * DAYS_OF_MONTH / (off - last)
        beyond = cost - planned
        return row | {"cost": cost, "held": planned, "beyond": beyond, "month": month}

    @frame
    def quiet_years(self) -> Rows:
        """One vendor: the chance that a year passes without a forced move, the likeliest first.

        vendor: vendor
        options: labels of the options that depend on it
        chance*?: chance, with its 80 % range [share]
        parts: chance of each kind of forced move, the likeliest first
        searched: how well the record was searched
        why_not: why there is no figure; empty where there is one
        """
        found: dict[tuple[str, Range | None], list[str]] = defaultdict(list)
        years = {}
        for name, risk in self.results.stability.options.items():
            for year in risk.quiet:
                key = year.vendor, year.chance
                found[key].append(self.results.labels[name])
                years[key] = year
        record = load()
        for key in sorted(years, key=lambda k: -k[1].central if k[1] else 0.0):
            year = years[key]
            known = record.vendor(year.vendor)
            parts = sorted(year.parts, key=lambda part: -part.chance.central)
            yield {
                "vendor": year.vendor,
                "options": "; ".join(found[key]),
                "chance*": year.chance,
                "parts": "; ".join(
                    f"{p.kind.shock.replace('_', ' ')} {p.chance.central:.0%}" for p in parts
                ),
                "searched": known.searched if known else "not",
                "why_not": year.why_not,
            }
            yield from (source_of(e) for part in year.parts for e in part.events)

    @frame
    def vendor_profile(self) -> Rows:
        """One thing to know of one of the client's vendors before signing, or to ask it for.

        vendor: vendor
        what: what
        known?: what is on record, or what was answered of an option of that vendor; missing where
            nothing is
        question: how to ask for it
        """
        asked = catalogue.table("vendor_questions", AskedOfVendor)
        for vendor in self.results.vendors:
            answered = self._answered_of(vendor.vendor)
            for row in asked:
                fact = vendor.facts.get(row.attribute)
                known = _with_unit(fact) if fact else answered.get(row.attribute)
                yield {
                    "vendor": vendor.vendor,
                    "what": row.label,
                    "known": known,
                    "question": row.question,
                }
                if fact:
                    yield source_of(fact)

    def _answered_of(self, vendor: str) -> dict[str, str]:
        """What the rules take as answered of a vendor, by the fact about it that it answers."""
        found = self.results.stability.vendors.items()
        names = {name for name, record in found if record.vendor == vendor}
        options = self.results.sovereignty.options.values()
        flows = [flow for option in options for flow in option.flows]
        return {
            known.attribute.vendor_fact: known.text
            for flow in flows
            if flow.carrier in self.options and self.options[flow.carrier].vendor in names
            for known in flow.known.values()
            if known.attribute.vendor_fact and known.value is not None
        }

    @frame
    def vendor_losses(self) -> Rows:
        """One option with the expected loss from shocks to its vendors, all kinds together.

        option: label of the option
        vendors: vendors that it depends on
        expected*?: expected loss [currency per year]
        unprepared?: expected loss with nothing of the readiness list in hand [currency per year]
        prepared?: expected loss with all of it in hand [currency per year]
        why_not: why there is no figure; empty where there is one
        """
        for name, o in self.results.stability.options.items():
            row: dict[str, Any] = {
                "option": name,
                "vendors": "; ".join(o.vendors),
                "expected*": o.expected,
                "why_not": o.why_not,
            }
            if o.with_nothing is not None:
                row["unprepared"] = o.with_nothing.central
            if o.with_everything is not None:
                row["prepared"] = o.with_everything.central
            yield row

    @frame
    def asked_shocks(self) -> Rows:
        """One 'what if' of the scenario, and one option that it hits.

        vendor: vendor
        shock: kind of shock
        month: when it is supposed to happen [months]
        option?: label of the option; missing where none depends on the vendor
        effect: what it does to the service
        months: until the workload runs normally again [months]
        cost*?: cost of the move away from the vendor [currency]
        yearly?: change of yearly cost, where a price changes [currency]
        why_not: what is not estimated, and why
        """
        for e in self.results.stability.shocks:
            yield {
                "vendor": e.vendor,
                "shock": e.kind.shock.replace("_", " "),
                "month": e.month,
                "option": e.option,
                "effect": e.kind.service_effect,
                "months": e.kind.months.central,
                "cost*": e.one_off,
                "yearly": e.yearly and e.yearly.central,
                "why_not": e.not_estimated,
            }
            yield source_of(e.kind)

    @frame
    def readiness(self) -> Rows:
        """One thing that a client can have in hand before a vendor fails it.

        item: what
        in_hand: whether the client has it
        saves*: share of the switching cost that it saves [share]
        reason: why it helps
        """
        for r, in_hand in self.results.stability.readiness.items():
            yield {
                "item": r.name,
                "in_hand": in_hand,
                "saves*": r.reduces,
                "reason": r.meaning,
            }
            yield source_of(r)

    @frame
    def vendor_probabilities(self) -> Rows:
        """One probability on vendors, or a score that was withdrawn, and how it did on the past.

        quantity: probability
        definition: what counts as its coming
        window: what was foretold from what
        method: how it is worked out
        n: cases [1]
        vendors: vendors [1]
        happened: cases in which it came [1]
        auc*: chance of ranking a case that came above one that did not; 0.5 is a coin [1]
        skill*: Brier skill against the base rate, with its 95 %; above zero beats not knowing [1]
        lovo_low: lowest of the first with one vendor left out [1]
        gap: largest difference of foretold and observed frequency in a class of cases [share]
        label: by vendor, the same for all vendors, or withdrawn
        """
        for b in catalogue.table("vendor_backtests", Backtest):
            yield {
                "quantity": b.quantity,
                "definition": b.definition,
                "window": b.window,
                "method": b.method,
                "n": b.n,
                "vendors": b.vendors,
                "happened": b.happened,
                "auc*": b.auc,
                "skill*": b.skill,
                "lovo_low": b.lovo_low,
                "gap": b.gap,
                "label": b.label,
            }
            yield source_of(b)


def _with_unit(fact: VendorFact) -> str:
    """A fact as it is printed: a number with its unit, a word alone."""
    number = fact.value.replace(".", "", 1).isdigit()
    return f"{fact.value} {fact.unit.replace('_', ' ')}".strip() if number else fact.value


def _event(e: Event) -> dict[str, Any]:
    """What the record says of an event."""
    return {
        "vendor": e.vendor,
        "date": e.event_date,
        "known": e.known_date.isoformat(),
        "category": e.category,
        "direction": e.direction,
        "severity": e.severity,
        "evidence": e.evidence,
        "case": e.case,
        "settles": e.settles,
        "summary": e.summary,
        "source": e.source,
        "url": e.url,
    }


def iso(day: dt.date | None) -> str | None:
    return day.isoformat() if day else None


def _pages(rows: Iterable[Fact]) -> Iterable[Source]:
    """The pages that rows come from, each once; the rows stand in the table."""
    where = {"locator": "rows named in the table"}
    return {r.url: source_of(r).model_copy(update=where) for r in rows}.values()


def _price_of_tokens(listed: ApiPrice) -> dict[str, Any]:
    """Columns of `bridges` on a list price."""
    return {
        "input_price": listed.input_per_million,
        "output_price": listed.output_per_million,
        "cached_price": listed.cached_per_million,
        "price_date": listed.source.date,
    }
