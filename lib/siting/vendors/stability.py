"""What a client should know about the vendors of its options, and what their failure would cost.

`assess` is the one entry: red flags and the dated record, the end of the models in use, shocks and
the expected yearly loss. There is no score: the composite that once stood here foretold nothing
(docs/decisions.md).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING

import numpy as np

from siting import catalogue
from siting.catalogue import Input, Source, source_of
from siting.quality import leaves
from siting.quantity import Range
from siting.vendors import notice, shocks, vendor_record
from siting.vendors.notice import Ending
from siting.vendors.shocks import OptionRisk, Remedy, ShockEffect
from siting.vendors.vendor_record import Event, Notice, Policy, Record, Vendor, VendorFact, setting

if TYPE_CHECKING:
    from siting.inputs.scenario import Scenario

SERVED = ("api", "managed_cloud", "open_api")
"""Kinds of option whose models the vendor can end; elsewhere the client holds the weights."""


@dataclass(frozen=True, slots=True)
class RedFlag:
    """Something to read before any number, with its source."""

    text: str
    source: Source
    alleged: bool = False


@dataclass(frozen=True, slots=True)
class OnRecord:
    """What is on record about one vendor on a day."""

    vendor: str
    role: str
    press: str
    day: dt.date
    events: tuple[Event, ...]
    notices: tuple[Notice, ...]
    facts: Mapping[str, VendorFact]
    promise: Policy | None
    undated: int
    """Events that are not counted because their source shows no date."""

    @property
    def days(self) -> list[int]:
        """Days of notice of generally available models with a notice of their own. [d]"""
        return [n.days for n in notice.separate(self.notices) if n.days is not None]

    @property
    def quartile_days(self) -> float | None:
        """A quarter of the notices were this short or shorter. [d]"""
        return float(np.percentile(self.days, 25)) if self.days else None

    @property
    def promise_worth(self) -> float | None:
        """Days of notice that a promise is worth on the day; 0 for none; None if nothing is known.

        No more than the observed lower quartile, once there are enough notices to see one; until
        then half, while the promise is younger than a year.
        """
        if self.promise is None:
            return None
        promised = float(self.promise.days or 0)
        if self.quartile_days is not None and len(self.days) >= setting("notice_min"):
            return min(promised, self.quartile_days)
        young = (self.day - vendor_record.known_by(self.promise.date)).days < setting(
            "promise_young_days"
        )
        return promised / 2 if young else promised

    @property
    def red_flags(self) -> tuple[RedFlag, ...]:
        """What to know first: worst recent events, open control, promises of notice."""
        flags, control = [], self.facts.get("control_change")
        words = {"open": "a change of control is announced and open", "acqui-hire": "acqui-hire"}
        if control is not None and control.value in words:
            text = f"{words[control.value]} ({control.note or control.date})"
            flags.append(RedFlag(text, source_of(control)))
        for event in reversed(self.events):
            recent = (self.day - event.known_date).days <= setting("recent_days")
            if recent and event.direction == "adverse" and event.severity >= 4:
                flags.append(_event_flag(event, self.events))
        promise = self.promise
        if promise is not None and (promise.days or 0) < setting("promise_short_days"):
            said = f"{promise.days:.0f} days" if promise.days else "no number of days"
            text = f"notice promised before a model ends: {said}"
            flags.append(RedFlag(text, source_of(promise)))
        return tuple(flags)


@dataclass(frozen=True, slots=True)
class Assessment:
    """Everything that the chapters, summary.json and the decision need."""

    vendors: Mapping[str, OnRecord]
    """The client's vendors, by the names that their options use."""
    options: Mapping[str, OptionRisk]
    shocks: tuple[ShockEffect, ...]
    readiness: Mapping[Remedy, bool]
    unknown_vendors: tuple[str, ...]
    """Vendors of options that are not in the record: base rates alone."""
    inputs: tuple[Input, ...]


def on_record(record: Record, vendor: Vendor, day: dt.date) -> OnRecord:
    """What was known about `vendor` on `day`."""
    known = record.as_of(day)
    events, notices = known.events_of(vendor), known.notices_of(vendor.vendor)
    facts, promise = known.facts_of(vendor), known.promise_of(vendor)
    undated = sum(
        e.vendor in vendor.recorded_as and e.date == "undated" and not e.replaced_by
        for e in known.events
    )
    return OnRecord(
        vendor.vendor, vendor.role, vendor.press, day, events, notices, facts, promise, undated
    )


def _event_flag(event: Event, events: tuple[Event, ...]) -> RedFlag:
    later = [e for e in events if e.case == event.case and e.known_date > event.known_date]
    ends = {e.settles for e in later if e.settles}
    state = " (since lifted or settled)" if "final" in ends else " (since ruled on)" if ends else ""
    alleged = event.evidence == "alleged"
    text = f"{event.event_date}: {'alleged: ' if alleged else ''}{event.summary}{state}"
    return RedFlag(text, source_of(event), alleged)


def option_vendors(scenario: Scenario, name: str) -> tuple[tuple[str, str], ...]:
    """Vendors that an option depends on, each with the option that uses it: a hybrid's parts."""
    users = dict.fromkeys((name, *leaves(scenario, name)))
    return tuple((v, user) for user in users if (v := scenario.options[user].vendor))


def assess(
    scenario: Scenario,
    switching_cost: Mapping[str, Range] | None = None,
    yearly_spend: Mapping[str, Range] | None = None,
) -> Assessment:
    """Record, red flags, ends of models, shocks and expected yearly loss for a client's options.

    switching_cost: a full move away from an option's vendor, in the client's currency, by option.
    Without it the loss is 'not estimated, because …'. yearly_spend: what an option pays its vendor
    a year, for shocks that change a price.
    """
    record, day = vendor_record.load(), scenario.client.report_date
    names = {o: [n for n, _ in option_vendors(scenario, o)] for o in scenario.options}
    known = {n: record.vendor(n) for own in names.values() for n in own}
    users = {v: tuple(o for o in names if v in map(known.get, names[o])) for v in known.values()}
    in_hand = shocks.checklist(scenario.stability.readiness)
    years = scenario.finance.horizon_months / 12
    client = shocks.Client(record, day, years, in_hand, scenario.seed)
    costs, spend = switching_cost or {}, yearly_spend or {}
    asked = [(s, record.vendor(s.vendor)) for s in scenario.stability.shocks]
    return Assessment(
        vendors={n: on_record(record, v, day) for n, v in known.items() if v},
        options={
            o: client.expected_loss(_endings(record, scenario, o), costs.get(o)) for o in names
        },
        shocks=tuple(
            client.effect(s, v.vendor, users.get(v, ()), costs, spend) for s, v in asked if v
        ),
        readiness=in_hand,
        unknown_vendors=tuple(sorted(n for n, v in known.items() if v is None)),
        inputs=tuple(
            Input(name=f"vendors, {name.replace('_', ' ')}", value=s.range, source=source_of(s))
            for name, s in catalogue.settings("vendor_settings").items()
        ),
    )


def _endings(record: Record, scenario: Scenario, name: str) -> dict[str, tuple[Ending, ...]]:
    """The ends of the models that an option uses, by vendor; a hybrid has those of its parts.

    A vendor without a record has none of its own: the rates of all vendors hold for it.
    """
    day, months = scenario.client.report_date, scenario.finance.horizon_months
    ends: dict[str, tuple[Ending, ...]] = {}
    for called, user in option_vendors(scenario, name):
        known, option = record.vendor(called), scenario.options[user]
        vendor = known.vendor if known else called
        models = option.models.values() if option.kind in SERVED else ()
        ends[vendor] = ends.get(vendor, ()) + tuple(
            notice.ending(record, vendor, m, day, months, scenario.seed)
            for m in dict.fromkeys(models)
        )
    return ends


def moves(scenario: Scenario, name: str) -> tuple[Range, ...]:
    """Moves to another model that an option's vendors force on the client, by year. [moves]

    All models of the option together; none where the client holds the weights.
    """
    ends = [e for own in _endings(vendor_record.load(), scenario, name).values() for e in own]
    return tuple(reduce(Range.plus, year) for year in zip(*(e.moves for e in ends), strict=True))
