"""The best design of an option on machines: of all cards and servers that do, the cheapest.

A scenario fixes what machines an option has, or leaves it out or says `best`. Then every card that
its provider rents, or every server that can be bought, is sized for the load and priced, and the
cheapest by present cost is taken of those that keep the limits, stand in the room and whose speed
was measured. What was looked at, and why the others were not taken, is kept.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

from siting import catalogue
from siting.cost import prices
from siting.inputs.scenario.model import BEST, Option, Scenario
from siting.places import OWNED, SELF_HOSTED
from siting.quantity import Range
from siting.records import frozen
from siting.serving.capacity import OptionCapacity
from siting.serving.servers import Server
from siting.verdict.ordered import with_option

EIGHT_BIT = "fp8"
"""The smaller format that `weights: best` looks at, beside the model's own."""


@frozen
class Machines:
    """What a design decides of an option."""

    gpu: str
    server: str
    """Blank where GPUs are rented."""
    weights: str
    """Format; blank: the model's own."""

    @classmethod
    def of(cls, option: Option) -> Machines:
        """Those of an option."""
        return cls(gpu=option.gpu, server=option.server, weights=option.weights)

    @property
    def label(self) -> str:
        """The server as its maker calls it, or the card where GPUs are rented."""
        sold = {server.id: server.label for server in catalogue.table("servers", Server)}
        return sold.get(self.server, catalogue.gpu(self.gpu).gpu)

    def put_in(self, option: Option) -> Option:
        """An option with these; all else that is said of it stays."""
        return option.model_copy(update=vars(self))


@frozen
class Design:
    """An option with certain machines, sized and priced as planned.

    It holds no option: what is priced has no answers of the client's.
    """

    machines: Machines
    sized: OptionCapacity | None = None
    """None where nobody prices the machines."""
    present: float | None = None
    """Present cost; None where nobody prices it. [client's currency]"""
    unpriced: str = ""
    """Why it has none; blank where it has."""

    @property
    def cost(self) -> float:
        """Present cost; without end where nobody prices it. [client's currency]"""
        return math.inf if self.present is None else self.present

    @property
    def order(self) -> tuple[bool, float]:
        """What can be taken first, the cheapest first."""
        return bool(self.refused), self.cost

    @property
    def refused(self) -> str:
        """Why it cannot be taken; blank where it can."""
        if self.present is None or self.sized is None:
            return self.unpriced
        pools = self.sized.pools.values()
        machine = self.sized.server
        if machine and any(pool.gpus_per_replica > machine.gpu_count for pool in pools):
            return "one replica would span servers"
        if not all(pool.keeps_limits for pool in pools):
            return "misses the latency limits"
        if not all(pool.calibrated for pool in pools):
            return "speed of these cards was not measured"
        room = self.sized.beyond_room
        if room:
            year = min(room)
            return f"in year {year} it needs {' and '.join(room[year])}"
        return ""


def is_open(option: Option) -> bool:
    """Whether the scenario leaves the machines of an option to the kit, or a part of them."""
    if option.kind not in SELF_HOSTED:
        return False
    of_card = option.gpu in ("", BEST) or option.weights == BEST
    return of_card or (option.kind in OWNED and option.server in ("", BEST))


def opened(option: Option) -> Option:
    """An option whose machines are fixed, as if they were not; its weights stay as they are."""
    return option.model_copy(update={"gpu": BEST, "server": BEST, "tensor_parallel": None})


SHORTLIST = 6
"""Machines that are looked at again where one thing of the report is changed, at most."""
DEARER = 1.25
"""Times the best one's cost, up to which they are: what was dearer by more is not made the best by
a change that moves the cost of all machines alike."""


def needed(found: Sequence[Design]) -> tuple[Machines, tuple[Range, ...]] | None:
    """The best design's machines and cards by year; None where none can be taken."""
    sized = found[0].sized if found and not found[0].refused else None
    if sized is None:
        return None
    return found[0].machines, tuple(sized.gpus(year) for year in range(1, sized.years + 1))


def looked_at(
    scenario: Scenario,
    name: str,
    planned: Callable[[Scenario, str], Design],
    among: Sequence[Design] = (),
) -> tuple[Design, ...]:
    """Every design of an option that is open: those that can be taken first, the cheapest first.

    planned: sizes and prices an option of a scenario. among: designs of the report, the best one
    first, to whose machines the search is held; all where it is empty.
    """

    def made(machines: Machines) -> Design:
        there = machines.put_in(scenario.options[name])
        return planned(with_option(scenario, name, there), name)

    possible = [*_possible(scenario, scenario.options[name])]
    if among:
        found = _again([d for d in among if d.machines in possible], made)
    else:
        found = [made(machines) for machines in possible]
    return tuple(sorted(found, key=lambda d: (d.order, possible.index(d.machines))))


def _again(before: Sequence[Design], made: Callable[[Machines], Design]) -> list[Design]:
    """Designs made again, the best ones first, without those that were dearer by far.

    Far from what the best costs in the report or now, whichever is more: a load that grows makes
    room for machines that were too large for it.
    """
    best = before[0].cost if before else math.inf
    found: list[Design] = []
    for design in before:
        taken = [d.cost for d in found if not d.refused]
        if not taken or design.cost <= DEARER * max(best, min(taken)):
            found.append(made(design.machines))
    return found


def unpriced(option: Option, scenario: Scenario) -> str:
    """Why nobody can say what the machines cost; blank where somebody can. Asked before they are
    sized, which takes longer."""
    if option.kind not in OWNED:
        return ""
    try:
        prices.server_price(prices.server(option), scenario.client.report_date)
    except prices.NotPriced as reason:
        quoted = {f"option.{name}.server_price" for name in scenario.options} | {"server_price"}
        return "" if quoted & {q.item for q in scenario.finance.quotes} else str(reason)
    return ""


def _possible(scenario: Scenario, option: Option) -> Iterator[Machines]:
    """Each kind of machine that an option may have."""
    formats = ("", EIGHT_BIT) if option.weights == BEST else (option.weights,)
    for gpu, server in _machines(scenario, option):
        for weights in formats:
            yield Machines(gpu=gpu, server=server, weights=weights)


def _machines(scenario: Scenario, option: Option) -> Iterator[tuple[str, str]]:
    """Cards and servers that may be bought, or cards that may be rented; what is fixed, stays."""
    said = "" if option.gpu in ("", BEST) else catalogue.gpu(option.gpu).id
    if option.kind in OWNED:
        wanted = "" if option.server == BEST else option.server
        for machine in catalogue.table("servers", Server):
            if wanted in ("", machine.id) and said in ("", machine.gpu_id):
                yield machine.gpu_id, machine.id
        return
    if said:
        yield said, ""
        return
    day = scenario.client.report_date
    rows = prices.known_at(day, "cloud_prices", prices.CloudPrice, commitment="on_demand")
    listed = [r for r in rows if "market" not in r.provider]
    own = [r for r in listed if r.provider == option.provider]
    for gpu in dict.fromkeys(r.gpu_id for r in own or listed):
        yield gpu, ""
