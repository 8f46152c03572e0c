"""Models at the place of an option that nobody has measured against today's: what each would cost
in all were it as good, and from which chance of passing a test of it pays."""

from __future__ import annotations

from siting import quality
from siting.inputs.scenario import Scenario
from siting.records import frozen
from siting.verdict import ordered
from siting.verdict.chain import Chain


@frozen
class Untested:
    """One such model. [currency]"""

    option: str
    """The option whose place it is at."""
    model: str
    effort: str
    """Of a model that the option has already, the lower one; blank: it is another model."""
    in_all: float
    """Were it as good."""
    less: float
    """Than what is first; negative where it costs more."""
    test_cost: float

    @property
    def spoken(self) -> str:
        """The model as a person says it; with the effort, where that alone is another."""
        called = quality.spoken(self.model)
        return f"{called} at {self.effort} effort" if self.effort else called

    @property
    def chance_needed(self) -> float:
        """Chance of passing from which its test pays: the sum holds the test already. [share]"""
        return min(1.0, self.test_cost / (self.test_cost + max(0.0, self.less)))


def untested(chain: Chain, said: Scenario, designed: Scenario) -> tuple[Untested, ...]:
    """All such models, the cheapest first; none where no option may be chosen.

    said: the scenario as it was written; designed: the same with what it leaves to the kit.
    """
    decided = chain.decided(designed)
    if decided.recommended is None:
        return ()
    least = decided.means[decided.recommended]
    found = []
    for other in ordered.others(chain.built(said)):
        if other.standing != "listed":
            continue
        there = ordered.with_option(designed, other.name, other.option)
        in_all = chain.decided(there).means.get(other.name)
        if in_all is None:
            continue
        model = next(iter(other.option.models.values()))
        is_same = model in designed.options[other.of].models.values()
        found.append(
            Untested(
                option=other.of,
                model=model,
                effort=other.option.effort if is_same else "",
                in_all=in_all,
                less=least - in_all,
                test_cost=chain.costs(there)[other.name].paid_for("migration_evaluation"),
            )
        )
    return tuple(sorted(found, key=lambda each: each.in_all))
