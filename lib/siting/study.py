"""One client's study: the scenario, and every result computed from it when it is first asked for.

This is the one object that notebooks, the report and the command line see. It holds no formula:
each property is a call of a pure domain function on results that stand above it.

>>> from siting import study
>>> s = study.open("base")
>>> s.capacity["owned"]          # doctest: +SKIP
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

from siting import scenario
from siting.formats import Numbers

SCHEMA_VERSION = 1
"""Of summary.json; raised when a reader of the old shape would misread the new one."""

STALE_DAYS = 90
"""An input older than this at the report's date is marked."""


class Study:
    """A scenario and what follows from it. Results are computed once, when first used."""

    def __init__(self, chosen: scenario.Scenario) -> None:
        self.scenario = chosen
        self.client = chosen.client
        self.options = chosen.options

    @cached_property
    def numbers(self) -> Numbers:
        """Writes numbers, dates and money as the client's country does."""
        return Numbers(self.client.country, self.client.currency)

    @cached_property
    def memory(self) -> Any:
        """Which model fits on which GPU, by option and model."""
        from siting import vram

        return vram.assess(self.scenario)

    @cached_property
    def training(self) -> Any:
        """Memory, time and energy of the scenario's fine-tuning jobs."""
        from siting import training

        return training.assess(self.scenario)

    @cached_property
    def capacity(self) -> Any:
        """GPUs, latency and utilisation, by option."""
        from siting import capacity

        return capacity.assess(self.scenario, self.memory)

    @cached_property
    def cost(self) -> Any:
        """Cash flows and what follows from them, by option."""
        from siting import tco

        return tco.assess(self.scenario, self.capacity)

    @cached_property
    def uncertainty(self) -> Any:
        """Tornado, Sobol indices and Monte Carlo draws of the cost comparison."""
        from siting import uncertainty

        return uncertainty.assess(self.scenario, self.capacity, self.cost)

    @cached_property
    def stability(self) -> Any:
        """Vendor scores with intervals, red flags and shocks."""
        from siting import candidates, stability

        moving, paid = candidates.switching_costs(self.cost), candidates.yearly_spend(self.cost)
        return stability.assess(self.scenario, moving, paid)

    @cached_property
    def sovereignty(self) -> Any:
        """Verdicts of every rule on every option."""
        from siting import sovereignty

        return sovereignty.assess(self.scenario)

    @cached_property
    def quality(self) -> Any:
        """Where each option's model stands against the quality floor."""
        from siting import quality

        return quality.assess(self.scenario)

    @cached_property
    def decision(self) -> Any:
        """The recommendation, how sure it is, and what would change it."""
        from siting import decision

        return decision.assess(
            self.scenario,
            self.capacity,
            self.cost,
            self.uncertainty,
            self.stability,
            self.sovereignty,
            self.quality,
            self.memory,
        )


def open(client: str = "base") -> Study:
    """The study of `params/<client>.yaml`, or of a YAML file anywhere.

    Raises scenario.ScenarioError naming file, line, field and remedy.
    """
    return Study(scenario.load(client))
