"""Results of one scenario, each computed when it is first asked for.

No formula is here: each property is a call of a pure domain function on results above it.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import pandas as pd
from siting_report.formats import Numbers

from siting import quality
from siting.catalogue import STALE_DAYS, Input, Source
from siting.cost import tco, uncertainty
from siting.inputs import scenario
from siting.memory import fine_tuning, vram
from siting.rules import sovereignty
from siting.serving import capacity
from siting.vendors import stability
from siting.verdict import candidates, decision

_MARKUP = re.compile(r"[\\`*_\[\]<>#|$~^]")


def _texts(data: Any) -> Iterator[str]:
    """Every text in nested data, keys included."""
    if isinstance(data, str):
        yield data
    elif isinstance(data, dict):
        yield from _texts([*data, *data.values()])
    elif isinstance(data, list):
        yield from itertools.chain.from_iterable(map(_texts, data))


class Results:
    """A scenario and what follows from it. Results are computed once, when first used."""

    def __init__(self, chosen: scenario.Scenario) -> None:
        self.scenario = chosen
        self.client = chosen.client
        self.options = chosen.options
        self.frames_made: dict[tuple[object, ...], pd.DataFrame] = {}

    @cached_property
    def labels(self) -> dict[str, str]:
        """What options are called, by their names in the scenario; none has no name."""
        return {"": ""} | {name: option.label for name, option in self.options.items()}

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Texts of the scenario that Markdown could misread, longest first."""
        said = {s for s in _texts(self.scenario.model_dump(mode="json")) if len(s) > 2}
        return tuple(sorted((n for n in said if _MARKUP.search(n)), key=lambda n: (-len(n), n)))

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
        return Numbers(self.client.country, self.client.currency)

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
        return capacity.assess(self.scenario)

    @cached_property
    def cost(self) -> tco.Comparison:
        """Cash flows and what follows from them, by option."""
        return tco.assess(self.scenario, self.capacity)

    @cached_property
    def uncertainty(self) -> uncertainty.Uncertainty:
        """Tornado, Sobol indices and Monte Carlo draws of the cost comparison."""
        return uncertainty.assess(self.scenario, self.cost)

    @cached_property
    def stability(self) -> stability.Assessment:
        """What is on record of vendors, red flags, and what shocks may cost."""
        return stability.assess(
            self.scenario,
            switching_cost=candidates.switching_costs(self.cost),
            yearly_spend=candidates.yearly_spend(self.cost),
        )

    @cached_property
    def sovereignty(self) -> sovereignty.Assessment:
        """Verdicts of every rule on every option."""
        return sovereignty.assess(self.scenario)

    @cached_property
    def quality(self) -> quality.Assessment:
        """Where each option's model stands against the quality floor."""
        return quality.assess(self.scenario)

    @cached_property
    def decision(self) -> decision.Decision:
        """The recommendation, how sure it is, and what would change it."""
        return decision.assess(
            self.scenario,
            capacity=self.capacity,
            cost=self.cost,
            uncertainty=self.uncertainty,
            stability=self.stability,
            sovereignty=self.sovereignty,
            parity=self.quality,
            memory=self.memory,
        )

    @cached_property
    def used(self) -> tuple[Input, ...]:
        """Every number that a result used, once, with its origin; sorted by name."""
        plans = itertools.chain(*self.training.values())
        fits = itertools.chain(*self.memory.values())
        found = [
            *(self.cost.inputs, self.stability.inputs, self.quality.inputs, self.decision.inputs),
            *(option.inputs for option in self.capacity.values()),
            *(plan.inputs for plan in plans),
            *(fit.memory.inputs for fit in fits if fit.memory is not None),
        ]
        unique = {(i.name, i.value, i.source): i for i in itertools.chain(*found)}
        return tuple(sorted(unique.values(), key=lambda i: (i.name.lower(), i.source.date)))

    def is_stale(self, source: Source) -> bool:
        """Whether a source is older than STALE_DAYS at the date of the report."""
        age = source.age_days(self.client.report_date)
        return age is not None and age > STALE_DAYS
