"""From a scenario to its answer: every stage, worked out once for each value of what it reads.

A stage is handed a copy of the scenario in which what it does not read is blank, and its result is
kept under the words of that copy. So a variant of a scenario costs only what it touches, and a
result cannot rest on what its key leaves out, with one exception: the evidence of a scenario stands
in the copy and not in its words. It moves no figure and no verdict, only what is cited, and no
variant changes it: a chain is for one client's scenario and its variants. All variants use the same
draws (common random numbers): each cause of doubt has a stream of its own.

    scenario → capacity → prices → draws ┐
             → quality                   ├→ candidates → decision
             → rules                     │
             → vendors ──────────────────┘
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, partial, wraps
from typing import Any, Concatenate, Generic, ParamSpec, TypeAlias, TypeVar, cast

import numpy as np
from pydantic import BaseModel

from siting import catalogue, quality
from siting.cost import api_prices, costing, fiscal, ledger, tco, uncertainty
from siting.cost.api_prices import PricePath
from siting.cost.costing import Compiled
from siting.cost.fiscal import FiscalYear
from siting.cost.money import MONTHS
from siting.cost.priced import Plan, PricedHybrid
from siting.draws import DRAWS
from siting.inputs import attributes
from siting.inputs.scenario.model import (
    Finance,
    Option,
    Scenario,
    Tokens,
    Workload,
)
from siting.places import BY_REQUEST, MIXED
from siting.quality import leaves
from siting.quantity import Range
from siting.records import frozen
from siting.rules import sovereignty
from siting.rules.conditions import Values
from siting.rules.flows import Cited, evidence_of
from siting.rules.rulebook import Stress
from siting.serving import capacity
from siting.serving.capacity import OptionCapacity, SplitCapacity
from siting.vendors import stability
from siting.verdict import design, options, ordered
from siting.verdict.candidate import Burden, Candidate, Future
from siting.verdict.decision import Decision
from siting.verdict.design import Design, Machines
from siting.verdict.leaving import Terms
from siting.verdict.options import Assessed, Priced

T = TypeVar("T")
P = ParamSpec("P")
OfOption: TypeAlias = "Callable[Concatenate[Chain, Scenario, str, P], T]"
"""What is made of a scenario and the name of one of its options."""


def _blank(record: type[BaseModel], *names: str) -> Mapping[str, Any]:
    """Fields of a record as they stand where nobody says them."""
    return {name: record.model_fields[name].default for name in names}


NO_BILL_READS = _blank(Option, "attributes", "flows")
"""What of an option moves no bill."""
NO_MACHINE_READS = {
    **NO_BILL_READS,
    **_blank(
        Option, "months_to_production", "commitment", "discount", "lease", "contract_until",
        "renews_for_months", "notice_days", "contracts", "minimum_commitment_per_month",
        "provisioned",
    ),
}  # fmt: skip
"""What of an option moves no machine."""
NO_RULE_READS = _blank(
    Option, "gpu", "weights", "tensor_parallel", "server", "room", "owned_servers",
    "existing_servers", "lease", "commitment", "redundancy", "discount", "provisioned",
    "minimum_commitment_per_month", "contracts",
)  # fmt: skip
"""What of an option no rule looks at."""
NO_DATA = _blank(Workload, "data")
VOLUMES = (
    "requests_per_user_day", "requests_per_day", "requests_per_month",
    "conversations_per_user_day", "conversations_per_day", "conversations_per_month",
)  # fmt: skip
"""Lines of a workload that say how much is asked."""
_USUAL = _blank(Workload, *VOLUMES, "growth_by_year", "growth_per_year", "peak_factor", "seasons")
NO_LOAD = {**_USUAL, "users": 0.0, "requests_per_day": 1.0, "arrivals": None}
"""How much is asked, blank: for stages that look at what is asked, and about what."""
AS_ASKED = {
    **_USUAL,
    **_blank(
        Workload, "turns", "hours", "weekdays", "reasoning_tokens", "cached_input_share",
        "batchable_share", "deadline", "latency", "availability", "measured",
    ),
    "arrivals": "people",
    "input_tokens": Tokens(mean=1, p95=1),
    "output_tokens": Tokens(mean=1, p95=1),
}  # fmt: skip
"""What of a load no rule looks at: licences count its users."""
UNREAD = _blank(
    Scenario, "fine_tuning", "stability", "rules", "decision", "report", "suppose", "what_if"
)
"""Sections of a scenario, as a stage sees those that it does not read."""


@frozen
class Reads:
    """What of a scenario a stage reads."""

    name: str
    """Of the stage: pieces of a scenario that are cut for it are kept under this name."""
    blank_in_option: Mapping[str, Any]
    """Fields of an option that it does not read, as they then stand."""
    blank_in_workload: Mapping[str, Any]
    """The same of a workload."""
    sections: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Sections that it reads besides client, evidence and seed; of each the fields that it does not
    read, as they then stand."""

    def left_out(self, section: str, scenario: Scenario) -> Mapping[str, Any]:
        """Fields of a section as they then stand; of what is gone, what no price hangs on."""
        found = self.sections.get(section, {})
        if section != "suppose":
            return found
        follows = api_prices.followers()
        return {**found, "gone": [lost for lost in scenario.suppose.gone if lost in follows]}


CAPACITY = Reads(name="capacity", blank_in_option=NO_MACHINE_READS, blank_in_workload=NO_DATA)
MONEY = Reads(
    name="money",
    blank_in_option=NO_BILL_READS,
    blank_in_workload=NO_DATA,
    sections={
        "finance": {"falling_prices": None, "budget_any_year": None},
        "suppose": {"law": []},
        "decision": {"premiums": {}, "hard_constraints": []},
        "fine_tuning": {},
    },
)
"""Of what is supposed only which model is gone; not the belief, by which futures are weighted that
are priced each by itself; nor limits, nor what is valued."""
QUALITY = Reads(name="quality", blank_in_option=NO_MACHINE_READS, blank_in_workload=NO_LOAD)
LAW = Reads(
    name="rules",
    blank_in_option=NO_RULE_READS,
    blank_in_workload=AS_ASKED,
    sections={"rules": {}, "stability": {}, "fine_tuning": {}},
)
VENDORS = Reads(
    name="vendors",
    blank_in_option={**NO_MACHINE_READS, **NO_RULE_READS},
    blank_in_workload={**NO_LOAD, **NO_DATA},
    sections={"stability": {}, "fine_tuning": {}},
)


@cache
def _horizon(months: int) -> Finance:
    """The horizon alone, for stages that read nothing else of finance."""
    return Finance(baseline="none", horizon_months=months)


@dataclass(frozen=True)
class Seen(Generic[T]):
    """A scenario, or a record in it, as a stage sees it: without what it does not read."""

    whole: T
    """The record itself, held so that no other takes its identity while this is kept."""
    record: T
    words: Hashable
    """All that it holds but the evidence: the key of what is made of it."""


def billed(make: OfOption[P, T]) -> OfOption[P, T]:
    """Makes a method a stage: it is handed what the bill of an option hangs on, and called once
    for each such piece of a scenario and for what it is asked besides."""

    @wraps(make)
    def kept(chain: Chain, scenario: Scenario, name: str, /, *args: P.args, **more: P.kwargs) -> T:
        def made(seen: Scenario) -> T:
            return make(chain, seen, name, *args, **more)

        names = chain.billed_with(scenario, name)
        return chain.once(make.__name__, MONEY, scenario, names, made, name, args, *more.values())

    return kept


class Chain:
    """Runs scenarios through all stages; keeps every result by the words it was made from."""

    def __init__(self, draws: int = DRAWS) -> None:
        self.draws = draws
        self._kept: dict[Hashable, Any] = {}
        self._seen: dict[Hashable, Seen[Any]] = {}
        self._cited: dict[int, Cited] = {}
        """What was looked up of a list of evidence, which each holds: variants share both."""
        self._shortlists: dict[str, tuple[Design, ...]] = {}
        self._matters: float | None = None
        """A month of today's bill in the first scenario that is decided on."""
        self._own: frozenset[Hashable] = frozenset()
        """Keys of what was made before any variant."""

    # --- keeping ------------------------------------------------------------------------------

    def stage(self, name: str, words: Hashable, make: Callable[[], T]) -> T:
        key = name, words
        if key not in self._kept:
            self._kept[key] = make()
        found: T = self._kept[key]
        return found

    def once(
        self,
        name: str,
        reads: Reads,
        scenario: Scenario,
        names: Iterable[str],
        make: Callable[[Scenario], T],
        *more: Hashable,
    ) -> T:
        """What a stage makes of some options of a scenario as it sees it.

        more: what it hangs on besides.
        """
        seen = self.seen(reads, scenario, names)
        return self.stage(name, (*more, seen.words), partial(make, seen.record))

    def begin_variants(self) -> None:
        """From now on variants of the report are run."""
        self._own = frozenset(self._kept)

    def forget_variants(self) -> None:
        """Lets go of what was made since then, for who holds the outcomes; it can be made again."""
        for key in self._kept.keys() - self._own:
            del self._kept[key]
        self._seen.clear()

    def _piece(self, reads: Reads, record: Any, blank: Mapping[str, Any]) -> Seen[Any]:
        """A part of a scenario as a stage sees it; made once for each object, since variants share
        what they do not change."""
        key = reads.name, id(record)
        if key not in self._seen:
            seen = record.model_copy(update=dict(blank)) if blank else record
            self._seen[key] = Seen(record, seen, repr(seen))
        return self._seen[key]

    def seen(self, reads: Reads, scenario: Scenario, names: Iterable[str]) -> Seen[Scenario]:
        """A scenario of some options as a stage sees it: what it does not read is blank. Made once
        for each object, as a part is."""
        names = tuple(names)
        key = reads.name, id(scenario), names
        if key not in self._seen:
            seen = self._view(reads, scenario, names)
            self._seen[key] = seen
            self._seen[reads.name, id(seen.record), names] = seen
        return self._seen[key]

    def _view(self, reads: Reads, scenario: Scenario, names: Iterable[str]) -> Seen[Scenario]:
        options = {n: self._piece(reads, scenario.options[n], reads.blank_in_option) for n in names}
        loads = {
            n: self._piece(reads, w, reads.blank_in_workload) for n, w in scenario.workloads.items()
        }
        sections = {
            name: self._piece(reads, getattr(scenario, name), reads.left_out(name, scenario))
            for name in ("client", *reads.sections)
        }
        months = scenario.finance.horizon_months
        seen = scenario.model_copy(
            update={
                **UNREAD,
                "finance": _horizon(months),
                **{name: p.record for name, p in sections.items()},
                "options": {n: p.record for n, p in options.items()},
                "workloads": {n: p.record for n, p in loads.items()},
            }
        )
        parts = (
            tuple((n, p.words) for n, p in part.items()) for part in (sections, options, loads)
        )
        return Seen(scenario, seen, (scenario.seed, months, *parts))

    # --- machines that are left to the kit ----------------------------------------------------

    def designed(self, scenario: Scenario) -> Scenario:
        """The scenario as it is decided on: what it leaves to the kit is designed, and what could
        be ordered for a smaller bill at its places stands beside what it names. What the move costs
        once is left to the sum: so the ways stay the same at any volume."""
        found = built = self.built(scenario)
        for way in ordered.good_ways(built):
            beside = ordered.with_option(built, way.name, way.option)
            if self.bill(beside, way.name) < self.bill(built, way.of):
                typed = scenario.options[way.of]
                option = way.option
                if design.is_open(typed):  # at another term other machines may be the cheapest
                    option = Machines.of(typed).put_in(option)
                there = ordered.with_option(found, way.name, option)
                found = self._on_machines(there, way.name)
        return found

    def built(self, scenario: Scenario) -> Scenario:
        """The scenario with the best form of each option that it leaves to the kit: first as
        planned, so that each has a price; then, where there are several ways to order one, by what
        it costs in all beside the others."""
        scenario = ordered.as_sold(scenario)
        today = scenario.finance.baseline
        left = {
            n: o for n, o in scenario.options.items() if design.is_open(o) or ordered.is_open(o)
        }
        names = sorted(left, key=lambda n: n != today)  # others pay for what runs today
        for worth in (self._as_planned, self._in_all):
            for name in names:
                ways = self._ways(ordered.with_option(scenario, name, left[name]), name)
                several = len(ways) > 1
                scenario = min(ways, key=partial(worth, name)) if several else ways[0]
        return scenario

    def _ways(self, scenario: Scenario, name: str) -> list[Scenario]:
        """The scenario with each way to order an option, each on its best machines."""
        is_open = ordered.is_open(scenario.options[name])
        ways = ordered.ways(scenario, name) if is_open else [scenario]
        return [self._on_machines(way, name) for way in ways]

    def _as_planned(self, name: str, scenario: Scenario) -> tuple[bool, float]:
        """What can be taken first, the cheapest first."""
        return self.as_planned(scenario, name).order

    def _in_all(self, name: str, scenario: Scenario) -> tuple[bool, float]:
        """The same by what it costs in all."""
        found = self._weighed(scenario)
        c = found.candidate(name)
        is_refused = bool(self.as_planned(scenario, name).refused)
        return is_refused or bool(c.struck), found.mean(name) if c.burden.costs else math.inf

    def bill(self, scenario: Scenario, name: str) -> float:
        """What vendors bill for the use of an option over the horizon, as planned; without end
        where it has no price. [client's currency]"""
        priced = self.option(scenario, name)
        return priced.paid("api") + priced.paid("rental") if priced else math.inf

    def _on_machines(self, scenario: Scenario, name: str) -> Scenario:
        """The scenario with the best machines of an option, where they are left to the kit."""
        option = scenario.options[name]
        designs = self.designs(scenario, name) if design.is_open(option) else ()
        if not designs:
            return scenario
        return ordered.with_option(scenario, name, designs[0].machines.put_in(option))

    @billed
    def designs(self, seen: Scenario, name: str) -> tuple[Design, ...]:
        """Designs of an option whose machines are left to the kit, the best one first: of all
        machines the first time, which is for the report itself; for its variants of the best of
        those, while these serve."""
        known = self._shortlists.get(name)
        if known:
            found = design.looked_at(seen, name, self.as_planned, known)
            if design.needed(found) == design.needed(known):
                return found
        found = self.every_design(seen, name)
        self._shortlists.setdefault(name, found[: design.SHORTLIST])
        return found

    @billed
    def every_design(self, seen: Scenario, name: str) -> tuple[Design, ...]:
        """Designs of all machines, whatever was looked at before: what a report lists."""
        return design.looked_at(seen, name, self.as_planned)

    def as_planned(self, scenario: Scenario, name: str) -> Design:
        """An option sized, and priced as planned."""
        machines = Machines.of(scenario.options[name])
        if why := design.unpriced(scenario.options[name], scenario):
            return Design(machines=machines, unpriced=why)
        sized = self.sized(scenario, name)
        plan = self.plan(scenario, name)
        why = plan.not_estimated.get(name, "")
        if why:
            return Design(machines=machines, sized=sized, unpriced=why)
        found = ledger.totals(plan, plan.central(), [name])[name]
        return Design(machines=machines, sized=sized, present=float(found.present[0]))

    # --- one option ---------------------------------------------------------------------------

    def sized(self, scenario: Scenario, name: str) -> OptionCapacity:
        """GPUs, latency and use of an option; a hybrid's are those of its base."""
        option = scenario.options[name]
        if option.kind == "split":
            works = quality.parts(scenario, name).items()
            return SplitCapacity.of(option, {p: self.sized(scenario.of(w), p) for p, w in works})
        own = option.base if option.kind in MIXED else name
        make = partial(capacity.assess, name=own, sized=self.sized)
        found = self.once("capacity", CAPACITY, scenario, (own,), make)
        return replace(found, kind=option.kind, runs=scenario.options[own])

    def billed_with(self, scenario: Scenario, name: str) -> tuple[str, ...]:
        """Options that a bill needs: itself, its parts, and what runs until it serves."""
        parts = (name, *leaves(scenario, name))
        before: tuple[str, ...] = ()
        if not scenario.options[name].in_use and scenario.finance.baseline in scenario.options:
            before = (scenario.finance.baseline, *leaves(scenario, scenario.finance.baseline))
        needed = {*parts, *before}
        return tuple(n for n in scenario.options if n in needed)

    @billed
    def plan(self, seen: Scenario, name: str, path: PricePath = "named_model") -> Plan:
        """Prices of an option, of its parts, and of what is paid until it serves, on a path of API
        prices; no mix is split yet."""
        sized = {n: self.sized(seen, n) for n in seen.options}
        return costing.compile_plan(seen, sized, partial(self._compiled, path))

    @billed
    def option(self, seen: Scenario, name: str) -> Priced | None:
        """Prices and split of one option; None where it has no price."""
        plan = tco.with_optimum(self.plan(seen, name))
        if name not in plan.options:
            return None
        return Priced(name=name, plan=plan, flows=ledger.flows(plan, name, plan.central()))

    @billed
    def totals(
        self, seen: Scenario, name: str, years: tuple[FiscalYear, ...] = ()
    ) -> Mapping[Future, ledger.Totals]:
        """What an option costs in every draw in each future; empty without a price.

        years: of which is told what is paid where prices hold.
        """
        own = self.option(seen, name)
        if own is None:
            return {}
        clock = self._clock(own.plan, seen.seed)
        held = ledger.total(clock, name, years)
        found: dict[Future, ledger.Totals] = {"hold": held, "fall": held}
        plans: dict[Future, Plan] = {}
        if any(option.kind in BY_REQUEST for option in seen.options.values()):
            plans["fall"] = self.plan(seen, name).falling
        if any(seen.options[part].kind in BY_REQUEST for part in leaves(seen, name)):
            plans["move"] = self.plan(seen, name, "equal_quality")
        split = own.split
        for future, plan in plans.items():
            # A mix keeps the servers that are cheapest where prices hold: they are ordered before
            # anybody knows which future comes.
            if split is not None and not split.alone:
                fixed = replace(cast(PricedHybrid, plan.options[name]), split=split)
                plan = replace(plan, options={**plan.options, name: fixed})
            plan = tco.with_optimum(plan)
            alike = clock if plan.options == own.plan.options else None
            found[future] = ledger.total(self._clock(plan, seen.seed, alike), name)
        return found

    def _ceilings(self, scenario: Scenario) -> tuple[FiscalYear, ...]:
        """Years of which is asked what is paid; none without a ceiling."""
        return () if scenario.finance.budget_any_year is None else fiscal.spans(scenario)

    def _clock(self, plan: Plan, seed: int, alike: ledger.Clock | None = None) -> ledger.Clock:
        """A plan in every draw; alike: see there."""
        drawn = uncertainty.draws_at(plan, self._scores(plan, seed))
        return ledger.Clock(plan, drawn, alike)

    def likely_at(
        self, scenario: Scenario, name: str, priced: Iterable[str], times: float
    ) -> float:
        """What an option likely costs if some of its prices were so many times what they are, in
        every draw; a mix is split as planned. [client's currency]

        priced: factors of the plan. Raises KeyError for one that the option does not have.
        """
        plan = tco.with_optimum(self.plan(scenario, name))
        dearer = {f: plan.factors[f] for f in priced}
        dearer = {f: replace(x, value=x.value.scaled(times)) for f, x in dearer.items()}
        plan = replace(plan, factors={**plan.factors, **dearer})
        found = ledger.total(self._clock(plan, scenario.seed), name)
        return float(np.median(found.present))

    def _compiled(
        self, path: PricePath, scenario: Scenario, name: str, sized: OptionCapacity
    ) -> Compiled:
        """Prices of one option that is no mix, beside what runs today: it may keep some of that. A
        path moves prices of APIs alone."""
        if scenario.options[name].kind not in BY_REQUEST:
            path = "named_model"
        make = partial(costing.compile_option, name=name, sized=sized, path=path)
        names = self.billed_with(scenario, name)
        return self.once("prices", MONEY, scenario, names, make, name, path)

    def uncertainty(self, scenario: Scenario, plan: Plan) -> uncertainty.Uncertainty:
        """Costs of all options in every draw.

        plan: of all options together, which tells what the uncertain inputs are.
        """
        years = self._ceilings(scenario)
        found = {n: self.totals(scenario, n, years) for n in plan.options}
        return uncertainty.Uncertainty(
            plan=plan,
            scores=self._scores(plan, scenario.seed),
            totals={n: totals["hold"] for n, totals in found.items() if totals},
        )

    def _scores(self, plan: Plan, seed: int) -> dict[str, Any]:
        return uncertainty.scores(list(uncertainty.drivers(plan)), self.draws, seed)

    # --- all options --------------------------------------------------------------------------

    def quality(self, scenario: Scenario) -> quality.Parities:
        """Each option's model against the floor of each workload."""
        return self.once("quality", QUALITY, scenario, scenario.options, quality.assess)

    def rules(self, scenario: Scenario) -> sovereignty.Sovereignty:
        """Verdicts of all rules on all options."""
        law = sovereignty.law_of(scenario)
        judged = {name: self.judged(scenario, name) for name in scenario.options}
        return sovereignty.Sovereignty(scenario, law, judged)

    def judged(self, scenario: Scenario, name: str) -> sovereignty.OptionAssessment:
        """Verdicts of all rules on one option."""
        supposed = tuple(scenario.suppose.law)

        def made(seen: Scenario) -> sovereignty.OptionAssessment:
            source = self._cited.setdefault(id(scenario.evidence), evidence_of(scenario))
            return sovereignty.judged(seen, name, _supposed(supposed), source)

        names = dict.fromkeys((name, *leaves(scenario, name)))
        return self.once("rules", LAW, scenario, names, made, name, supposed)

    def vendors(self, scenario: Scenario) -> stability.VendorRisks:
        """Chances of shocks to vendors, and what they cost."""
        leaving = self._leaving(scenario)
        make = partial(stability.assess, switching_cost=leaving)
        return self.once("vendors", VENDORS, scenario, scenario.options, make, repr(leaving))

    def _leaving(self, scenario: Scenario) -> dict[str, Range]:
        """What a vendor's shock is measured by: a full move away from each option that has a
        price. [client's currency]"""

        def made(seen: Scenario) -> dict[str, Range]:
            return options.switching_costs(self.costs(seen), seen.client.currency)

        return self.once("leaving", MONEY, scenario, scenario.options, made)

    def costs(self, scenario: Scenario) -> dict[str, Priced]:
        """What each option costs as planned, of those that have a price."""
        found = {n: self.option(scenario, n) for n in scenario.options}
        return {n: priced for n, priced in found.items() if priced is not None}

    def candidates(self, scenario: Scenario) -> tuple[Candidate, ...]:
        """All options as the decision sees them."""
        law = self.rules(scenario)
        costs = self.costs(scenario)
        parity = self.quality(scenario)
        risks = self.vendors(scenario)
        made = []
        for name in scenario.options:
            found = Assessed(
                scenario=scenario,
                name=name,
                capacity=self.sized(scenario, name),
                law=law,
                parities=parity.of(name),
                costs=costs,
                not_estimated=""
                if name in costs
                else self.plan(scenario, name).not_estimated[name],
            )
            bears = partial(self._burden, found, risks.options[name]) if name in costs else Burden
            # kept with the assessment, by whose identity it is found
            key = id(law.options[name])
            has = self.stage("properties", key, partial(law.properties, name))
            made.append(found.candidate(risks, bears, has))
        return tuple(made)

    def _burden(self, found: Assessed, risk: stability.OptionRisk) -> Burden:
        """Kept by what it reads: prices in all futures, shocks, and remedies."""
        scenario = found.scenario
        name = found.name
        remedies = self.once("remedies", MONEY, scenario, (), costing.remedies)
        shocks = self.seen(VENDORS, scenario, scenario.options).words
        years = self._ceilings(scenario)

        def made(_seen: Scenario) -> Burden:
            return found.burden(risk, remedies, self.totals(scenario, name, years))

        more = name, years, shocks, repr(self._leaving(scenario)), found.law.remedies(name)
        names = self.billed_with(scenario, name)
        return self.once("burden", MONEY, scenario, names, made, *more)

    def decide(self, scenario: Scenario) -> Decision:
        """The answer to a scenario, with what it leaves to the kit designed."""
        return self.decided(self.designed(scenario))

    def decided(self, scenario: Scenario) -> Decision:
        """The answer to a scenario that is designed. What matters is that of the first that was
        decided on: one amount of money, through all changes."""
        found = self._weighed(scenario)
        if self._matters is None:
            self._matters = found.counts
        return found

    def _weighed(self, scenario: Scenario) -> Decision:
        """The same, whether or not it is the first."""
        belief = scenario.finance.falling_prices
        if belief is None:
            belief = catalogue.settings("decision_settings")["falling_prices"].central
        free = Decision(
            candidates=self.candidates(scenario),
            baseline=scenario.finance.baseline,
            terms=Terms.of(scenario.finance),
            falling=belief,
            premiums={},
            matters=self._matters,
            kept=self._kept,
        )
        premiums = scenario.decision.premiums_a_year(MONTHS * free.counts)
        return replace(free, premiums=premiums, matters=free.counts)


def _supposed(events: Iterable[str]) -> Values:
    """Attributes that are supposed where these events happen."""
    rows = {s.stress: s for s in catalogue.table("sovereignty_stress", Stress)}
    known = attributes.dictionary()
    asked = (rows[event] for event in events)
    return {s.attribute: attributes.plain_value(s.value, known[s.attribute]) for s in asked}
