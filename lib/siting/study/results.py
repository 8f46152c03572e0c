"""Results of one scenario, each computed when it is first asked for.

No formula is here: each property is a call of a pure domain function on results above it, or what
several topics pick from them.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from siting_report.formats import Numbers

from siting import pictures, quality
from siting.catalogue import Input
from siting.cost import dates, prices, tco, uncertainty
from siting.draws import Floats
from siting.inputs import scenario
from siting.inputs.attributes import properties
from siting.inputs.scenario import usual
from siting.inputs.scenario.changes import Changes, put
from siting.memory import fine_tuning, vram
from siting.quality import Parity
from siting.quantity import DAYS_OF_MONTH, DAYS_OF_PLAN_YEAR, Range
from siting.rules import sovereignty
from siting.serving import capacity
from siting.serving.load import Load
from siting.vendors import stability
from siting.vendors.vendor_record import OnRecord
from siting.verdict import knowledge, options, plausible, variants
from siting.verdict.chain import Chain
from siting.verdict.decision import Decision, Principle, Saving
from siting.verdict.due import Due
from siting.verdict.knowledge import Knowledge
from siting.verdict.plan import Facts, Step
from siting.verdict.untested import Untested, untested
from siting.verdict.until_live import ModelEnd, UntilLive
from siting.verdict.variants import Outcome, Switch, Variant

SUCCESSOR = "successor_price"
"""Begins the name of a driver of cost that is the price of a model's successor."""
_MARKUP = re.compile(r"[\\`*_\[\]<>#|$~^]")


def _texts(data: Any) -> Iterator[str]:
    """Every text in nested data, keys included."""
    if isinstance(data, str):
        yield data
    elif isinstance(data, dict):
        yield from _texts([*data, *data.values()])
    elif isinstance(data, list):
        yield from itertools.chain.from_iterable(map(_texts, data))


class Pair(NamedTuple):
    """Two options by their names in the scenario."""

    chosen: str
    rival: str
    """What its money is held against: see `Results.compared`."""


class Results:
    """A scenario and what follows from it. Results are computed once, when first used."""

    def __init__(self, chosen: scenario.Scenario) -> None:
        self.chain = Chain()
        self.said = chosen
        """The scenario as it was written: what is left to the kit is still open in it."""
        self.scenario = self.chain.designed(chosen)
        self.client = chosen.client
        self.tries = 0
        """Changes that have been tried so far."""
        self.tries_ahead = 0
        """Changes that are still to be tried."""
        self.options = self.scenario.options

    @cached_property
    def labels(self) -> dict[str, str]:
        """What options are called, by their names in the scenario; none has no name."""
        return {"": ""} | {name: option.label for name, option in self.options.items()}

    def left_open(self, variant: Variant, found: Outcome) -> int | None:
        """How many points the law leaves open of an option that only a variant has; it went through
        the same rules as the others, and none of them fails. None for an option of the report."""
        if found.option is None or not self.is_brought(found.option, variant):
            return None
        return len(self.chain.judged(self._after(variant), found.option).open_points)

    def is_brought(self, option: str | None, variant: Variant) -> bool:
        """Whether an option is no other order of one of the report's, but what a variant tries."""
        return option in variant.options and option not in self.options

    def _after(self, variant: Variant) -> scenario.Scenario:
        return self.chain.designed(put(self.said, variant.changes))

    def label_after(self, option: str | None, variant: Variant) -> str | None:
        """What an option is called in a variant; one that it brings is what it tries."""
        if option is None:
            return None
        if self.is_brought(option, variant):
            return variant.after
        return self.labels.get(option) or self._after(variant).options[option].label

    def input_in_words(self, driver: str, label: str) -> str:
        """The label of a driver of cost with the names of models as a person says them, and the
        vendor where several sell one model."""
        what, _, of = driver.partition(".")
        if what == SUCCESSOR:
            label = f"{label} at {of.rpartition('/')[0].rpartition('/')[2]}"
        named = {model for option in self.options.values() for model in option.models.values()}
        for model in sorted(named, key=len, reverse=True):
            label = label.replace(model, quality.spoken(model))
        return label

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Texts of the scenario that Markdown could misread, longest first."""
        said = {*_texts(self.scenario.model_dump(mode="json"))}
        found = (text for text in said if len(text) > 2 and _MARKUP.search(text))
        return tuple(sorted(found, key=lambda text: (-len(text), text)))

    @cached_property
    def roles(self) -> dict[str, str]:
        """What each option is to the reader, by label: `chosen`, `today` or `other`, so ordered."""
        chosen = self.decision.recommended
        today = self.scenario.finance.baseline
        names = sorted(self.options, key=lambda n: (n != chosen, n != today))
        role = {today: "today", chosen: "chosen"}
        return {self.labels[name]: role.get(name, "other") for name in names}

    @cached_property
    def numbers(self) -> Numbers:
        """Writes numbers, dates and money as the client's country does."""
        return Numbers(self.client.country, self.client.currency, self.client.language)

    @cached_property
    def memory(self) -> dict[str, tuple[vram.Fit, ...]]:
        """Which model fits on which GPU, by option and model."""
        return vram.assess(self.scenario)

    @cached_property
    def training(self) -> dict[str, tuple[fine_tuning.Plan, ...]]:
        """Memory, time and energy of the scenario's fine-tuning jobs."""
        return fine_tuning.assess(self.scenario)

    @cached_property
    def capacity(self) -> dict[str, capacity.OptionCapacity]:
        """GPUs, latency and utilisation, by option."""
        return {name: self.chain.sized(self.scenario, name) for name in self.options}

    @property
    def load_seen_by(self) -> str:
        """The option whose models the load is told of: one with GPUs, if there is any."""
        first = next(iter(self.capacity))
        return next((name for name, found in self.capacity.items() if found.pools), first)

    @property
    def loads(self) -> Mapping[str, Load]:
        """Load by workload, as that option's models see it."""
        return self.capacity[self.load_seen_by].loads

    @cached_property
    def sized_option(self) -> str:
        """The option whose machines are told first: the chosen one, else the first that may be
        chosen, else any; blank where none runs on machines."""
        allowed = (c.name for c in self.decision.competing)
        order = (self.decision.recommended or "", *allowed, *self.capacity)
        sized = {name for name, found in self.capacity.items() if found.pools}
        return next((name for name in order if name in sized), "")

    @cached_property
    def cost(self) -> tco.Comparison:
        """Cash flows and what follows from them, by option."""
        return tco.assess(self.scenario, self.capacity)

    @cached_property
    def uncertainty(self) -> uncertainty.Uncertainty:
        """Cost of every option in every draw."""
        return self.chain.uncertainty(self.scenario, self.cost.plan)

    @cached_property
    def stability(self) -> stability.VendorRisks:
        """What is on record of vendors, red flags, and what shocks may cost."""
        return self.chain.vendors(self.scenario)

    @cached_property
    def sovereignty(self) -> sovereignty.Sovereignty:
        """Verdicts of every rule on every option."""
        return self.chain.rules(self.scenario)

    @cached_property
    def quality(self) -> quality.Parities:
        """Where each option's model stands against the quality floor."""
        return self.chain.quality(self.scenario)

    @property
    def parities(self) -> list[Parity]:
        """What is compared, a model that both sides of a mix run once."""
        found = self.quality.parities
        return list({(p.option, p.workload, p.model): p for p in found}.values())

    @cached_property
    def decision(self) -> Decision:
        """The recommendation, and how sure it is."""
        return self.chain.decided(self.scenario)

    @cached_property
    def principles(self) -> tuple[Principle, ...]:
        """What each property that a client may value costs."""
        return tuple(self.decision.principles(properties()))

    @cached_property
    def tests(self) -> tuple[Untested, ...]:
        """Models that nobody has measured against today's and that would be cheaper than what is
        first, with the chance of passing from which a test of them pays."""
        return tuple(each for each in self.listed if each.less > 0)

    @cached_property
    def saving(self) -> Saving | None:
        """What the choice saves against today, split; None where there is no choice, or nothing to
        hold it against."""
        found = self.decision
        if found.choice is None or not any(doubt.quality for doubt in found.choice.uncleared):
            return found.saving()
        place = found.today and found.today.place
        there = (each for each in self.listed if found.candidate(each.option).place == place)
        return found.saving([each.in_all for each in there])

    @cached_property
    def listed(self) -> tuple[Untested, ...]:
        """Models that nobody has measured against today's, the cheapest first."""
        return untested(self.chain, self.said, self.scenario)

    @cached_property
    def _costs(self) -> Floats:
        """In all of all options that compete, where prices hold. [option, draw]"""
        found = self.decision
        return np.array([found.sums(name)["hold"].total for name in found.means])

    @cached_property
    def perfect_information(self) -> float | None:
        """Expected saving if nothing were uncertain; None with less than two options. [currency]"""
        costs = self._costs
        return knowledge.value_of_perfect_information(costs) if len(costs) > 1 else None

    @cached_property
    def knowledge(self) -> tuple[Knowledge, ...]:
        """What each uncertain input is worth knowing before the choice, highest first."""
        costs = self._costs
        if len(costs) < 2:
            return ()
        return knowledge.worth_knowing(costs, self.uncertainty, self.client)

    @cached_property
    def plan(self) -> tuple[Step, ...]:
        """Steps towards the choice, in order of their day; none without one."""
        target = self.decision.choice
        if target is None:
            return ()
        return Facts(
            scenario=self.scenario,
            law=self.sovereignty,
            parity=self.quality,
            risks=self.stability,
            target=target,
            knowledge=self.knowledge,
            turning=self._turned_by_offers(),
            cheaper=next((test.spoken for test in self.tests), ""),
        ).plan()

    def _turned_by_offers(self) -> int:
        """How many changes that an offer settles turn the answer. A choice that moves has offers
        for itself and its parts in its plan: of what turns it, those of others are asked for
        besides.

        These few are tried here by themselves: who asks for the answer alone waits for no other.
        """
        chosen = str(self.decision.recommended)
        own = {chosen, *quality.leaves(self.scenario, chosen)}
        offers = (
            variant
            for variant in self.to_try
            if variant.settled == "offer"
            if self.decision.stays or own.isdisjoint(variant.options)
        )
        found = variants.tried(self.chain, self.said, offers)
        return sum(outcome.answer != "stays" for _, outcome in found)

    @cached_property
    def to_try(self) -> tuple[Variant, ...]:
        """Every variant of the scenario, before any is tried."""
        self._make("decision")  # first, as what the chain keeps when its variants are forgotten
        self.chain.begin_variants()
        return tuple(plausible.variants(self.chain.built(self.said), self.chain))

    @cached_property
    def tried(self) -> tuple[tuple[Variant, Outcome], ...]:
        """Every variant of the scenario with its outcome, but those that another says already."""
        found = []
        self.tries_ahead = len(self.to_try)
        for each in variants.tried(self.chain, self.said, self.to_try):
            found.append(each)
            self.tries += 1
            self.tries_ahead -= 1
            if each[0].kind == "input":  # all is sized and priced anew for it, and for no other
                self.chain.forget_variants()
        return variants.apart(found)

    @property
    def failing(self) -> Changes | None:
        """The change by which the model that the verdict has tested fails; None where it has none
        tested."""
        every = self.quality.of(self.decision.recommended or "")
        tested = (p.model for p in every if not p.supported)
        return next((plausible.without(self.scenario, model) for model in tested), None)

    @cached_property
    def switches(self) -> tuple[Switch, ...]:
        """Volumes at which the first option changes."""
        return tuple(variants.switches(self.chain, self.said))

    @cached_property
    def turning(self) -> list[tuple[Variant, Outcome]]:
        """Plausible changes after which the choice is not first, of each thing that is changed the
        worst, the worst first."""
        switched = ((s.variant, s.outcome) for s in self.switches)
        tried = itertools.chain(self.tried, switched)
        return variants.worst_of_each(each for each in tried if variants.turns(*each))

    def try_all(self) -> None:
        """Runs every variant at once, then lets go of what they were made of: a quarter of what a
        study holds."""
        # The last two try some of them, too.
        self._make("tried", "switches", "plan")
        self.chain.forget_variants()

    def _make(self, *names: str) -> None:
        """Works out results now that are kept from then on."""
        for name in names:
            getattr(self, name)

    @cached_property
    def compared(self) -> Pair:
        """The chosen option and what its cash is held against, both priced; blank where none is:
        what runs today, else the next best in all; where none may be chosen, the cheapest option.
        """
        priced = self.cost.options
        found = self.decision
        first = found.recommended if found.recommended in priced else self.cost.cheapest
        chosen = first or ""
        rivals = (self.cost.plan.baseline, *found.others)
        others = (name for name in rivals if name in priced and name != chosen)
        return Pair(chosen, next(others, chosen))

    def is_held(self, step: Step) -> bool:
        """Whether costs of the chosen option hold the work of a step already, so that its price
        comes on top of nothing."""
        priced = self.cost.options.get(self.decision.recommended or "")
        moves = priced and any(flow.category == "migration" for flow in priced.flows)
        return bool(moves and step.row.in_moving and step.price)

    @property
    def go(self) -> dates.Go:
        """When go or no-go on what is recommended is decided."""
        return dates.go(self.scenario, self.decision.recommended or "")

    @cached_property
    def live(self) -> Range | None:
        """When the choice serves, in days after the report; None without a choice, or where that is
        not estimated. [days]"""
        name = self.decision.recommended
        months = self.options[name].months_to_production if name else None
        if name is None or months is None:
            return None
        # Of a move nothing is ordered before go or no-go.
        if months.high > 0 and not self.decision.stays:
            return dates.serves(self.scenario, name)
        return months.scaled(DAYS_OF_MONTH, "days")

    @cached_property
    def tax(self) -> prices.Tax:
        """How totals are taxed."""
        return prices.tax(self.client.country, self.cost.plan.factors)

    @property
    def _before_go(self) -> list[Step]:
        """Steps that have a price and are done by go or no-go."""
        return [step for step in self.plan if step.price and step.row.day <= self.go.day]

    @cached_property
    def spent_before_go(self) -> Range:
        """What steps before go or no-go cost. [currency]"""
        prices = (s.price for s in self._before_go if s.price)
        return functools.reduce(Range.plus, prices, Range.exact(0.0, self.client.currency))

    @cached_property
    def moved_before(self) -> float:
        """What of moving over is spent on steps before go or no-go. [currency]"""
        return sum(s.price.central for s in self._before_go if s.price and self.is_held(s))

    @cached_property
    def vendors(self) -> list[OnRecord]:
        """The client's vendors, each once, in the order of its options."""
        return list({v.vendor: v for v in self.stability.vendors.values()}.values())

    @cached_property
    def retiring(self) -> list[ModelEnd]:
        """Models that an option uses from a vendor and whose end is announced within the
        horizon."""
        days = DAYS_OF_PLAN_YEAR * self.scenario.finance.horizon_months / 12
        horizon = dates.after(self.scenario, days)
        return [
            ModelEnd(option=name, ending=end, last=end.retired)
            for name, option in self.stability.options.items()
            for end in option.endings
            if end.retired and end.retired <= horizon
        ]

    @cached_property
    def due(self) -> Due:
        """By whom and when what is open is settled."""
        return Due(
            scenario=self.scenario,
            law=self.sovereignty,
            plan=self.plan,
            recommended=self.decision.recommended,
            go=self.go,
        )

    @cached_property
    def until_live(self) -> UntilLive:
        """What of today's service ends before the choice serves, and what then serves."""
        return UntilLive(
            scenario=self.scenario,
            chain=self.chain,
            recommended=self.decision.recommended,
            live=self.live,
            retiring=self.retiring,
        )

    @cached_property
    def used(self) -> tuple[Input, ...]:
        """Every number that a result used, once, with its origin; sorted by name."""
        plans = itertools.chain(*self.training.values())
        fits = itertools.chain(*self.memory.values())
        found = [
            self.cost.inputs,
            self.stability.inputs,
            self.quality.inputs,
            options.inputs(self.scenario),
            *(option.inputs for option in self.capacity.values()),
            *(plan.inputs for plan in plans),
            *(fit.memory.inputs for fit in fits if fit.memory is not None),
            usual.inputs(self.scenario) if self.sized_option else (),
            pictures.inputs(self.scenario),
        ]
        unique = {(i.name, i.value, i.source): i for i in itertools.chain(*found)}
        return tuple(sorted(unique.values(), key=lambda i: (i.name.lower(), i.source.date)))

    def day(self, days: float) -> str:
        """The day so many days after the report, as YYYY-MM-DD."""
        return dates.after(self.scenario, days).isoformat()
