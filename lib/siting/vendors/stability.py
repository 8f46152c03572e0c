"""What could happen to this client if a vendor fails it, and what would it cost in a year?

`assess` is the one entry. A shock is rare, so its yearly chance is the base rate over all vendors
that sell model access: no test shows that a vendor's own record moves it (`siting validate
stability`). The end of a model is the exception: notice and life are habits of each vendor
(`siting.vendors.notice`). The loss is a share of the client's switching cost, lowered by what the
client has in hand. It is an estimate and stands on a line of its own. There is no score: the
composite that once stood here foretold nothing (docs/decisions.md).
"""

from __future__ import annotations

import datetime as dt
import hashlib
import itertools
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache, reduce
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import numpy as np

from siting import catalogue, places
from siting.catalogue import Fact, Input, column, one_of
from siting.inputs.countries import members
from siting.inputs.scenario.model import Readiness
from siting.quality import leaves, models
from siting.quantity import DAYS_OF_YEAR, Range
from siting.records import frozen
from siting.vendors import notice
from siting.vendors.notice import DRAWS, Array, Ending
from siting.vendors.vendor_record import (
    Event,
    OnRecord,
    Record,
    Untuned,
    Vendor,
    load,
    on_record,
    setting,
)

if TYPE_CHECKING:
    from siting.inputs.scenario.model import Scenario, Shock

Costs: TypeAlias = Mapping[str, Range]
"""By option, in the client's currency."""

NO_COST = "not estimated, because no switching cost is given"
NO_OPTION = "no option of this scenario depends on this vendor"
NO_MOVE = "cost of the move not estimated, because no switching cost is given"
NOT_SEARCHED = "not estimated, because the record of this vendor was not searched"
Side: TypeAlias = tuple[str, ...]
"""Roles of vendors whose shocks are counted together."""
HOSTS: Side = ("host", "infrastructure")
SIDES: tuple[Side, ...] = (("api",), ("platform",), HOSTS)
NO_VENDOR = "no vendor of a running service: nothing can be withdrawn"


class ShockKind(Fact, tables="stability_shocks", key="shock"):
    """One kind of shock: what counts as one, what it does, and how much of a move it costs."""

    shock: str
    outcome: str
    min_severity: int | None = None
    category: Annotated[
        str,
        one_of(lambda: column("severity_rubric", "category") | {"notices"}, "category of events"),
    ]
    """Category of events that it is counted from; `notices` for the end of a model."""
    unless_settled: bool = False
    """A case that was settled later does not count: what was claimed did not come."""
    service_effect: str
    migration_share: Range
    """Share of the full switching cost that it causes."""
    months: Range
    """Time until the workload runs normally again. [months]"""
    rate_basis: str
    """What the chance rests on, in words."""
    forces_move: bool = False
    """Whether it makes the client move, or stops the service: what a quiet year is without."""
    counted: Literal["cost", "loss"]
    """Where the verdict counts it: in the path of prices, or as expected loss."""

    def counts(self, event: Event) -> bool:
        """Whether an event is one of this kind: allegations are not."""
        grave = event.severity >= (self.min_severity or 1)
        adverse = event.direction == "adverse" and event.evidence != "alleged"
        return event.category == self.category and grave and adverse


class Precaution(Fact, tables="stability_readiness", key="item"):
    """Something that a client can have in hand before a shock."""

    item: Annotated[str, one_of(lambda: Readiness.model_fields, "readiness of a client")]
    name: str
    reduces: Range
    """Share of the switching cost that it saves."""
    meaning: str


@frozen
class KindLoss:
    """One kind of shock for one option: its chance, and its cost when it happens."""

    kind: ShockKind
    vendor: str
    chances: Array = field(compare=False, repr=False)
    """Chance in a year, by draw. [share]"""
    costs: Array | None = field(compare=False, repr=False)
    """Cost when it happens, by draw; None where no switching cost is given. [client's currency]"""
    events: tuple[Event, ...]
    """The cases that the chance is counted from."""


@frozen
class QuietYear:
    """The chance that a year passes without a forced move from one vendor, and what it rests on.

    A forced move: a model in use ends at less notice than the client needs, terms or residency
    change against it, the service is out for a working day, or a ruling or a block stops it.
    """

    vendor: str
    chance: Range | None
    """With its 80 % range; None where the record was not searched. [share]"""
    parts: tuple[KindLoss, ...]
    """The kinds of shock that it is the absence of."""
    why_not: str = ""


@frozen
class OptionRisk:
    """The ends of the models that an option uses, and what shocks to its vendors may cost it."""

    vendors: tuple[str, ...]
    endings: tuple[Ending, ...]
    kinds: tuple[KindLoss, ...]
    quiet: tuple[QuietYear, ...] = ()
    """One for each vendor."""
    why_not: str = ""
    """Why there is no figure; empty where there is one."""
    expected: Range | None = None
    """Expected yearly loss, in the client's currency."""


@frozen
class ShockEffect:
    """The answer to one 'what if' of the scenario for one option that it hits."""

    vendor: str
    kind: ShockKind
    month: int
    option: str | None
    """None where no option depends on the vendor."""
    one_off: Range | None
    """Cost of the move, in the client's currency; None where no switching cost is given."""
    not_estimated: str


@frozen
class ServiceEnd:
    """A service of a vendor that a job of the client's needs, and that ends."""

    vendor: str
    service: str
    """In words, as `Scenario.tunes_at` has it."""
    last: dt.date
    """Last day on which something new can be begun with it."""
    event: Event
    """That says so."""

    @property
    def point(self) -> str:
        """What is open of an option that needs it, in a few words."""
        return self.service[:1].upper() + self.service[1:]


@frozen
class VendorRisks:
    """Everything that the chapters, summary.json and the decision need."""

    vendors: Mapping[str, OnRecord]
    """The client's vendors, by the names that their options use."""
    options: Mapping[str, OptionRisk]
    ceasing: Mapping[str, tuple[ServiceEnd, ...]]
    """By option: services that a job of the client's needs there, and that end."""
    shocks: tuple[ShockEffect, ...]
    readiness: Mapping[Precaution, bool]
    unknown_vendors: tuple[str, ...]
    """Vendors of options that are not in the record: base rates alone."""
    inputs: tuple[Input, ...]


def kinds() -> dict[str, ShockKind]:
    return {k.shock: k for k in catalogue.table("stability_shocks", ShockKind)}


def checklist(readiness: Readiness) -> dict[Precaution, bool]:
    """The readiness list, and whether the client has each item in hand."""
    precautions = catalogue.table("stability_readiness", Precaution)
    return {r: getattr(readiness, r.item) for r in precautions}


@lru_cache(maxsize=512)
def _triangular(value: Range, seed: int, *key: str) -> Array:
    """Draws of a range from the stream of some words: the same for all variants of a scenario."""
    if value.is_exact:
        drawn = np.full(DRAWS, value.central)
    else:
        stream = _stream(seed, *key)
        drawn = stream.triangular(value.low, value.central, value.high, DRAWS)
    drawn.flags.writeable = False
    return drawn


def _range(draws: Array, unit: str) -> Range:
    """Mean with its 80 % interval: an expected loss is a mean, and a rare one has a long tail."""
    low, high = (float(x) for x in np.percentile(draws, [10, 90]))
    mean = float(draws.mean())
    return Range(min(low, mean), mean, max(high, mean), unit=unit)


# Chances


def side(role: str) -> Side:
    """The roles that are counted with `role`."""
    return next(roles for roles in SIDES if role in roles)


@lru_cache(maxsize=64)
def followed(record: Record, roles: Side) -> tuple[Vendor, ...]:
    """Vendors of these roles whose record was searched, so that a rate can be counted.

    Of makers and platforms those that the press follows too: what the others did is written down
    only where it was loud.
    """
    searched = (v for v in record.vendors if v.role in roles and v.searched != "not")
    return tuple(v for v in searched if roles == HOSTS or v.press != "low")


@lru_cache(maxsize=256)
def cases(
    record: Record, kind: ShockKind, day: dt.date, years: float, roles: Side
) -> tuple[Event, ...]:
    """The worst event of every case of this kind at vendors of these roles up to `day`.

    Those of the `years` before it; allegations are left out.
    """
    since = day - dt.timedelta(days=round(DAYS_OF_YEAR * years))
    known = record.as_of(day)
    found: dict[tuple[str, str], list[Event]] = defaultdict(list)
    for vendor in followed(record, roles):
        events = known.events_of(vendor)
        settled = {e.case for e in events if e.settles and kind.unless_settled}
        for e in events:
            if kind.counts(e) and e.known_date > since and e.case not in settled:
                found[e.vendor, e.case].append(e)
    worst = (max(case, key=lambda e: e.severity) for case in found.values())
    return tuple(sorted(worst, key=lambda e: (e.known_date, e.event_id)))


def years_hit(events: Iterable[Event], day: dt.date) -> set[tuple[str, int]]:
    """Vendor and year before `day`, counted back from 0, of each vendor-year with a case."""
    return {(e.vendor, int((day - e.known_date).days // DAYS_OF_YEAR)) for e in events}


# Losses


@dataclass(frozen=True, slots=True)
class Chance:
    """Chance of a shock in a year by draw, and the cases that it is counted from."""

    draws: Array
    events: tuple[Event, ...]


def _stream(seed: int, *key: str) -> np.random.Generator:
    """Random numbers of their own for a seed and some words."""
    text = ":".join((str(seed), *key)).encode()
    digest = hashlib.blake2b(text, digest_size=16).digest()
    return np.random.default_rng(np.frombuffer(digest, np.uint32))


@lru_cache(maxsize=256)
def base_rate(
    record: Record, kind: ShockKind, day: dt.date, seed: int, roles: Side, country: str
) -> Chance:
    """Chance that a vendor of these roles has at least one case in a year.

    Of blocks, those count that held in the client's country. Share of vendor-years: beta, with half
    a year added on each side (Jeffreys). Several cases of one vendor in one year count once: one
    vendor that many authorities bar does not speak for all.
    """
    years = round(setting("rate_years"))
    union = members("eu", day)
    found = cases(record, kind, day, years, roles)
    events = tuple(e for e in found if e.reaches(country, union))
    vendors = len({v.group or v.vendor for v in followed(record, roles)})
    hit = years_hit(events, day)
    fade = 0.5 ** (DAYS_OF_YEAR / setting("rate_half_life_days"))
    seen = sum(fade**back for _, back in hit)
    watched = vendors * sum(fade**back for back in range(years))
    rng = _stream(seed, "rate", kind.shock, *roles)
    return Chance(rng.beta(seen + 0.5, watched - seen + 0.5, DRAWS), events)


@frozen
class Exposure:
    """What the loss from a shock rests on, beside the option and its vendors."""

    record: Record
    day: dt.date
    readiness: Mapping[Precaution, bool]
    seed: int
    country: str = ""

    @property
    def needs_days(self) -> int:
        """Notice that a move to another model needs. [d]"""
        return round(setting("notice_short_days"))

    def _chance(self, kind: ShockKind, vendor: str, endings: Sequence[Ending]) -> Chance:
        """Chance of a kind of shock from a vendor of which models with these ends are used."""
        if kind.category == "notices":
            return Chance(self._short_end(vendor, endings), ())
        known = self.record.vendor(vendor)
        unknown = "api" if endings else "host"
        roles = side(known.role if known else unknown)
        return base_rate(self.record, kind, self.day, self.seed, roles, self.country)

    def _short_end(self, vendor: str, endings: Sequence[Ending]) -> Array:
        """Chance by draw that a model in use ends within a year at less notice than is needed: none
        of weights that the client holds.

        An end that is announced is no surprise: it is short if too few days are left.
        """
        if not endings:
            return np.zeros(DRAWS)
        chance = notice.notice_chance(self.record, vendor, self.day, self.needs_days)
        share = _stream(self.seed, "retirement", vendor).beta(chance.a, chance.b, DRAWS)
        spared = np.ones(DRAWS)
        for e in endings:
            if e.retired is None:
                spared *= 1 - share * e.by_year[0]
            else:
                spared *= (e.retired - self.day).days >= self.needs_days
        return 1 - spared

    def quiet_year(self, vendor: str, losses: Sequence[KindLoss]) -> QuietYear:
        """Chance that a year passes without a forced move from a vendor: that none of them comes.

        The kinds are taken as independent of one another.
        """
        parts = tuple(x for x in losses if x.kind.forces_move and x.vendor == vendor)
        known = self.record.vendor(vendor)
        if known is None or known.searched == "not":
            return QuietYear(vendor=vendor, chance=None, parts=parts, why_not=NOT_SEARCHED)
        passed: Array = np.prod([1 - x.chances for x in parts], axis=0)
        return QuietYear(vendor=vendor, chance=_range(passed, "share"), parts=parts)

    @cached_property
    def _left(self) -> Array:
        """Share of the switching cost that what is in hand leaves, by draw; savings multiply."""
        in_hand = (r for r, held in self.readiness.items() if held)
        left = [1 - _triangular(r.reduces, self.seed, r.item) for r in in_hand]
        return np.asarray(np.prod(left, axis=0) * np.ones(DRAWS))

    def _costs(self, kind: ShockKind, switching: Range) -> Array:
        """Cost when the shock happens: share of the switching cost, as far as it is left."""
        share = _triangular(kind.migration_share, self.seed, "cost", kind.shock)
        # One stream for the cost in all kinds: the client has one switching cost, not six.
        whole = _triangular(switching, self.seed, "switching")
        return whole * share * self._left

    def expected_loss(
        self, vendors: Mapping[str, Sequence[Ending]], switching: Range | None
    ) -> OptionRisk:
        """Expected yearly loss of an option: sum over its vendors and kinds of chance times cost.

        vendors: each with the ends of the models that are used from it. switching: cost of a full
        move of the option's workloads, in the client's currency. None: the loss is not estimated.
        """
        total = np.zeros(DRAWS)
        found: list[KindLoss] = []
        # Moving away costs the same whichever vendor is left.
        leaving = {n: self._costs(k, switching) for n, k in kinds().items()} if switching else {}
        for vendor, kind in itertools.product(vendors, kinds().values()):
            yearly = self._chance(kind, vendor, vendors[vendor])
            costs = leaving.get(kind.shock)
            if costs is not None:
                total += yearly.draws * costs
            found.append(
                KindLoss(
                    kind=kind,
                    vendor=vendor,
                    chances=yearly.draws,
                    costs=costs,
                    events=yearly.events,
                )
            )
        risk = OptionRisk(
            vendors=tuple(vendors),
            endings=tuple(e for own in vendors.values() for e in own),
            kinds=tuple(found),
            quiet=tuple(self.quiet_year(vendor, found) for vendor in vendors),
        )
        if not vendors or switching is None:
            return replace(risk, why_not=NO_COST if vendors else NO_VENDOR)
        return replace(risk, expected=_range(total, f"{switching.unit} per year"))

    def effect(
        self, shock: Shock, vendor: str, option: str | None, switching: Costs
    ) -> ShockEffect:
        """What one shock of the scenario costs an option that it hits.

        switching: cost of a full move away, by option.
        """
        kind = kinds()[shock.kind]
        move = switching.get(option or "")
        lacks = NO_OPTION if option is None else NO_MOVE
        return ShockEffect(
            vendor=vendor,
            kind=kind,
            month=shock.month,
            option=option,
            one_off=_range(self._costs(kind, move), move.unit) if move else None,
            not_estimated="" if move else lacks,
        )


# The client's options


def option_vendors(scenario: Scenario, name: str) -> tuple[tuple[str, str], ...]:
    """Vendors that an option depends on, each with the option that uses it: a mix's parts."""
    users = dict.fromkeys((name, *leaves(scenario, name)))
    return tuple((v, user) for user in users if (v := scenario.options[user].vendor))


def ceasing(scenario: Scenario, name: str) -> tuple[ServiceEnd, ...]:
    """Services of an option's vendor that a job of the client's needs, and that a notice which is
    public on the day of the report ends."""
    service = scenario.tunes_at(name)
    record = load()
    vendor = record.vendor(scenario.options[name].vendor) if service else None
    if vendor is None:
        return ()
    known = on_record(record, vendor, scenario.client.report_date)
    return tuple(
        ServiceEnd(
            vendor=scenario.options[name].vendor,
            service=service,
            last=catalogue.first_day(event.ends_on),
            event=event,
        )
        for event in known.events
        if event.ends == "fine-tuning"
    )


def untuned(scenario: Scenario, name: str, model: str) -> Untuned | None:
    """What says that the vendor of an option does not fine-tune a model; None where nothing on file
    does."""
    sold_by = {scenario.options[part].provider for part in leaves(scenario, name)}
    rows = catalogue.table("models_untuned", Untuned)
    key = catalogue.name_key(model)
    of_model = (row for row in rows if catalogue.name_key(row.model) == key)
    return next((row for row in of_model if row.provider in sold_by), None)


def assess(scenario: Scenario, switching_cost: Costs | None = None) -> VendorRisks:
    """Record, red flags, ends of models, shocks and expected yearly loss for a client's options.

    switching_cost: a full move away from an option's vendor, in the client's currency, by option.
    Without it the loss is 'not estimated, because …'.
    """
    record = load()
    day = scenario.client.report_date
    names = {o: [n for n, _ in option_vendors(scenario, o)] for o in scenario.options}
    known = {n: record.vendor(n) for own in names.values() for n in own}
    in_hand = checklist(scenario.stability.readiness)
    client = Exposure(
        record=record,
        day=day,
        readiness=in_hand,
        seed=scenario.seed,
        country=scenario.client.country,
    )
    costs = switching_cost or {}
    shocks = []
    for asked in scenario.stability.shocks:
        if vendor := record.vendor(asked.vendor):
            users: list[str | None] = [o for o in names if vendor in map(known.get, names[o])]
            for option in users or [None]:
                shocks.append(client.effect(asked, vendor.vendor, option, costs))
    vendors = {n: on_record(record, v, day) for n, v in known.items() if v}
    return VendorRisks(
        vendors=vendors,
        options={
            o: client.expected_loss(_endings(record, scenario, o), costs.get(o)) for o in names
        },
        ceasing={o: ceasing(scenario, o) for o in names},
        shocks=tuple(shocks),
        readiness=in_hand,
        unknown_vendors=tuple(sorted(known.keys() - vendors)),
        inputs=tuple(
            Input(name=f"vendors, {name.replace('_', ' ')}", value=s.range, source=s.provenance)
            for name, s in catalogue.settings("vendor_settings").items()
        ),
    )


def _endings(record: Record, scenario: Scenario, name: str) -> dict[str, tuple[Ending, ...]]:
    """The ends of the models that an option uses, by vendor; a mix has those of its parts.

    A vendor without a record has none of its own: the rates of all vendors hold for it.
    """
    day = scenario.client.report_date
    months = scenario.finance.horizon_months
    ends: dict[str, tuple[Ending, ...]] = {}
    for called, user in option_vendors(scenario, name):
        known = record.vendor(called)
        option = scenario.options[user]
        vendor = known.vendor if known else called
        used = models(scenario, name).get(user, ()) if option.kind in places.BY_REQUEST else ()
        ends[vendor] = ends.get(vendor, ()) + tuple(
            notice.ending(record, vendor, m, day, months, scenario.seed) for m in used
        )
    return ends


def moves(scenario: Scenario, name: str) -> tuple[Range, ...]:
    """Moves to another model that an option's vendors force on the client, by year. [moves]

    All models of the option together; none where the client holds the weights.
    """
    ends = [e for own in _endings(load(), scenario, name).values() for e in own]
    return tuple(reduce(Range.plus, year) for year in zip(*(e.moves for e in ends), strict=True))
