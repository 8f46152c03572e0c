"""What a client should know about the vendors of its options, and what their failure would cost.

`assess` is the one entry: red flags and the dated record, the end of the models in use, shocks and
the expected yearly loss. There is no score: the composite that once stood here foretold nothing
(docs/decisions.md).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from siting import catalogue
from siting.catalogue import Input, Source, source_of
from siting.quantity import Range
from siting.vendors import notice
from siting.vendors.notice import Ending
from siting.vendors.shocks import (
    OptionLoss,
    Remedy,
    ShockEffect,
    checklist,
    effect,
    expected_loss,
)
from siting.vendors.vendor_record import (
    Event,
    Notice,
    Policy,
    Record,
    Vendor,
    VendorFact,
    known_by,
    load,
    setting,
)

if TYPE_CHECKING:
    from siting.inputs.scenario import Scenario

SERVED = ("api", "managed_cloud", "open_api")
"""Kinds of option whose models the vendor can end; elsewhere the client holds the weights."""


@dataclass(frozen=True, slots=True)
class RedFlag:
    """Something to read before any number, with its source."""

    text: str
    source: Source
    ids: tuple[str, ...] = ()
    alleged: bool = False


@dataclass(frozen=True, slots=True)
class OnRecord:
    """What is on record about one vendor on a day."""

    vendor: str
    role: str
    press: str
    events: tuple[Event, ...]
    notices: tuple[Notice, ...]
    facts: Mapping[str, VendorFact]
    promise: Policy | None
    red_flags: tuple[RedFlag, ...]
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


@dataclass(frozen=True, slots=True)
class OptionRisk:
    """The vendors of one option, the ends of the models that it uses, and the expected loss."""

    option: str
    vendors: tuple[str, ...]
    endings: tuple[Ending, ...]
    loss: OptionLoss


@dataclass(frozen=True, slots=True)
class Assessment:
    """Everything that the chapters, summary.json and the decision need."""

    as_of: dt.date
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
    events, notices = known.events_of(vendor), known.notices_of(vendor)
    facts, promise = known.facts_of(vendor), known.promise_of(vendor)
    flags = red_flags(events, facts, promise, day)
    undated = sum(
        e.vendor in vendor.names and e.date == "undated" and not e.replaced_by for e in known.events
    )
    return OnRecord(
        vendor.vendor, vendor.role, vendor.press, events, notices, facts, promise, flags, undated
    )


def red_flags(
    events: tuple[Event, ...],
    facts: Mapping[str, VendorFact],
    promise: Policy | None,
    day: dt.date,
) -> tuple[RedFlag, ...]:
    """What a reader should know first: worst recent events, open control, promises of notice."""
    flags = []
    control = facts.get("control_change")
    words = {"open": "a change of control is announced and open", "acqui-hire": "acqui-hire"}
    if control is not None and control.value in words:
        text = f"{words[control.value]} ({control.note or control.date})"
        flags.append(RedFlag(text, source_of(control)))
    for event in reversed(events):
        recent = (day - event.known_date).days <= setting("recent_days")
        if recent and event.direction == "adverse" and event.severity >= 4:
            flags.append(_event_flag(event, events))
    if promise is not None and (promise.days or 0) < setting("promise_short_days"):
        said = f"{promise.days:.0f} days" if promise.days else "no number of days"
        flags.append(RedFlag(f"notice promised before a model ends: {said}", source_of(promise)))
    return tuple(flags)


def _event_flag(event: Event, events: tuple[Event, ...]) -> RedFlag:
    later = [e for e in events if e.case == event.case and e.known_date > event.known_date]
    ends = {e.settles for e in later if e.settles}
    state = " (since lifted or settled)" if "final" in ends else " (since ruled on)" if ends else ""
    alleged = event.evidence == "alleged"
    text = f"{event.event_date}: {'alleged: ' if alleged else ''}{event.summary}{state}"
    return RedFlag(text, source_of(event), (event.event_id,), alleged)


def promise_worth(found: OnRecord, day: dt.date) -> float | None:
    """Days of notice that a promise is worth today; 0 for none; None if nothing is known.

    No more than the observed lower quartile, once there are enough notices to see one; until
    then half, while the promise is younger than a year.
    """
    if found.promise is None:
        return None
    promised = float(found.promise.days or 0)
    if found.quartile_days is not None and len(found.days) >= setting("notice_min"):
        return min(promised, found.quartile_days)
    young = (day - known_by(found.promise.date)).days < setting("promise_young_days")
    return promised / 2 if young else promised


def option_vendors(scenario: Scenario, name: str) -> tuple[tuple[str, str], ...]:
    """Vendors that an option depends on, each with the option that uses it: a hybrid's parts."""
    option = scenario.options[name]
    own = [(option.vendor, name)] if option.vendor else []
    for part in (option.base, option.burst):
        if part and part in scenario.options and part != name:
            own += option_vendors(scenario, part)
    return tuple(dict.fromkeys(own))


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
    record, day, seed = load(), scenario.client.report_date, scenario.seed
    names = {o: [n for n, _ in option_vendors(scenario, o)] for o in scenario.options}
    known = {n: record.vendor(n) for own in names.values() for n in own}
    items, years = checklist(scenario.stability.readiness), scenario.finance.horizon_months / 12
    costs, spend = switching_cost or {}, yearly_spend or {}
    ends = {o: _endings(record, scenario, o) for o in names}
    losses = {
        o: expected_loss(record, o, own, years, costs.get(o), items, day, seed)
        for o, own in ends.items()
    }
    users = {v: tuple(o for o in names if v in map(known.get, names[o])) for v in known.values()}
    return Assessment(
        as_of=day,
        vendors={n: on_record(record, v, day) for n, v in known.items() if v},
        options={
            o: OptionRisk(o, tuple(names[o]), tuple(e for x in own.values() for e in x), losses[o])
            for o, own in ends.items()
        },
        shocks=tuple(
            effect(s, v, users.get(v, ()), costs, spend, items, seed)
            for s in scenario.stability.shocks
            if (v := record.vendor(s.vendor))
        ),
        readiness=items,
        unknown_vendors=tuple(sorted(n for n, v in known.items() if v is None)),
        inputs=tuple(
            Input(
                name=f"vendors, {s.setting.replace('_', ' ')}",
                value=Range(s.low, s.central, s.high, s.unit),
                source=source_of(s),
            )
            for s in catalogue.settings("vendor_settings").values()
        ),
    )


def _endings(record: Record, scenario: Scenario, name: str) -> dict[Vendor, tuple[Ending, ...]]:
    """The ends of the models that an option uses, by vendor; a hybrid has those of its parts."""
    day, months = scenario.client.report_date, scenario.finance.horizon_months
    ends: dict[Vendor, tuple[Ending, ...]] = {}
    for vendor_name, user in option_vendors(scenario, name):
        vendor = record.vendor(vendor_name) or _unknown(vendor_name)
        option = scenario.options[user]
        models = option.models.values() if option.kind in SERVED else ()
        ends[vendor] = tuple(
            notice.ending(record, vendor, m, day, months, scenario.seed)
            for m in dict.fromkeys(models)
        )
    return ends


def moves(scenario: Scenario, name: str) -> tuple[Range, ...]:
    """Moves to another model that an option's vendors force on the client, by year. [moves]

    All models of the option together; none where the client holds the weights.
    """
    ends = [e for own in _endings(load(), scenario, name).values() for e in own]
    years = zip(*(e.moves for e in ends), strict=True)
    return tuple(
        Range(
            sum(m.low for m in year),
            sum(m.central for m in year),
            sum(m.high for m in year),
            "moves a year",
        )
        for year in years
    )


def _unknown(name: str) -> Vendor:
    """A vendor without a record: the base rates of all vendors hold for it."""
    return Vendor(
        vendor=name,
        role="host",
        press="low",
        source="not in the record of vendors",
        locator=name,
        date="undated",
        kind="estimate",
    )
