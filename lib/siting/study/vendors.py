"""Frames of a study on vendors: their record, what it foretells, and what a failure costs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from siting import catalogue
from siting.catalogue import Fact, Source
from siting.quantity import Range
from siting.study.frames import Rows, Topic, frame, picked
from siting.vendors import notice
from siting.vendors.stability import option_vendors
from siting.vendors.vendor_record import (
    AskedOfVendor,
    Backtest,
    OnRecord,
    Record,
    load,
    separate,
)

SHORT = 90
"""Days of notice that a chance is told for. [days]"""


class VendorFrames(Topic):
    """Frames on vendors: record, chances, losses."""

    @frame(
        "name",
        "vendor? options business searched events notices promise? dated? quartile? broken? "
        "questions",
    )
    def vendors(self) -> Rows:
        """One vendor that an option depends on."""
        users = defaultdict(list)
        for name, option in self.options.items():
            for vendor, _ in option_vendors(self.scenario, name):
                users[vendor].append(option.label)
        for name, labels in users.items():
            row = {
                "name": name,
                "options": "; ".join(labels),
                "business": "",
                "searched": "not",
                "events": 0,
                "notices": 0,
                "questions": "",
            }
            known = self.results.stability.vendors.get(name)
            if known:
                row |= picked(known, "vendor searched") | {
                    "business": known.role,
                    "events": len(known.events),
                    "notices": len(known.notices),
                    "promise": known.promise.days if known.promise else None,
                    "dated": len(known.days),
                    "quartile": known.quartile_days,
                    "questions": "\n".join(self._unanswered(known)),
                    "broken": "; ".join(f"{n.days} days on {n.announced}" for n in known.broken),
                }
                yield from _pages(n.row for n in known.notices)
            yield row

    @frame(
        "vendor date case summary",
        "public direction severity proof",
    )
    def vendor_events(self) -> Rows:
        """One event in the record of one of the client's vendors, oldest first."""
        for v in self.results.vendors:
            for event in v.events:
                yield picked(event, "case summary direction severity") | {
                    "vendor": v.vendor,
                    "date": event.event_date,
                    "public": event.known_date,
                    "proof": event.evidence,
                }
            yield from (each.provenance for each in v.events)

    @frame(
        "vendor within",
        "mine chance* notices short pool",
    )
    def notice_chances(self) -> Rows:
        """Chance that a vendor's next retirement notice is at most so many days: all with
        notices."""
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
            most = Range(*map(min, most.ends, chance.ends), unit="share")
            yield picked(own, "within notices short pool") | {
                "vendor": vendor,
                "mine": mine,
                "chance*": most,
            }

    @frame(
        "vendor options",
        "chance*? why_not",
    )
    def quiet_years(self) -> Rows:
        """One vendor: the chance that a year passes without a forced move, the likeliest
        first."""
        found = defaultdict(list)
        for name, risk in self.results.stability.options.items():
            for year in risk.quiet:
                found[year.vendor, year.chance].append((self.results.labels[name], year))
        for vendor, chance in sorted(found, key=lambda key: -key[1].central if key[1] else 0.0):
            _, year = found[vendor, chance][-1]
            yield {
                "vendor": vendor,
                "options": "; ".join(label for label, _ in found[vendor, chance]),
                "chance*": chance,
                "why_not": year.why_not,
            }
            yield from (e.provenance for part in year.parts for e in part.events)

    def _unanswered(self, vendor: OnRecord) -> Iterator[str]:
        """What to ask a vendor before signing, of which nothing is on record, and which no answer
        about a flow to it tells."""
        every = self.results.stability.vendors.items()
        names = {name for name, record in every if record.vendor == vendor.vendor}
        answered = {
            known.attribute.vendor_fact
            for option in self.results.sovereignty.options.values()
            for flow in option.flows
            if flow.carrier in self.options and self.options[flow.carrier].vendor in names
            for known in flow.known.values()
            if known.value is not None
        }
        for row in catalogue.table("vendor_questions", AskedOfVendor):
            if row.attribute not in answered | vendor.facts.keys():
                yield row.question

    @frame(
        "vendor shock month option?",
        "until_normal move_cost? why_not",
    )
    def asked_shocks(self) -> Rows:
        """One 'what if' of the scenario, and one option that it hits."""
        for e in self.results.stability.shocks:
            yield picked(e, "vendor month option") | {
                "shock": e.kind.shock.replace("_", " "),
                "until_normal": e.kind.months.central,
                "move_cost": e.one_off and e.one_off.central,
                "why_not": e.not_estimated,
            }
            yield e.kind.provenance

    @frame(
        "precaution",
        "in_hand saves reason",
    )
    def readiness(self) -> Rows:
        """One thing that a client can have in hand before a vendor fails it."""
        for r, in_hand in self.results.stability.readiness.items():
            yield {
                "precaution": r.name,
                "in_hand": in_hand,
                "saves": r.reduces.central,
                "reason": r.meaning,
            }
            yield r.provenance


def _pages(rows: Iterable[Fact]) -> Iterable[Source]:
    """The pages that rows come from, each once; the rows stand in the table."""
    where = {"locator": "rows named in the table"}
    return {r.url: r.provenance.model_copy(update=where) for r in rows}.values()
