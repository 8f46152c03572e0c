"""What a replica carries of each of the workloads that share it, whatever their volume."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from siting import catalogue
from siting.quantity import NotEstimated
from siting.serving.bunching import Bunching, busy_minute
from siting.serving.bursts import Bursts, look_for_least
from siting.serving.curve import Curve, DeployedReplica, Lengths
from siting.serving.queueing import Latency, Limits, latency, relaxed, sustained, without_limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What a workload asks of a replica, whatever its volume."""

    lengths: Lengths
    limits: Limits
    waits: bool
    """All of its requests may wait."""
    arrivals: Bunching


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """What a replica carries of one workload."""

    rate: float
    """Requests a second of it alone, within the limits of all."""
    headroom: float
    """What must be carried because arrivals bunch within an hour, as a ratio to its mean.

    Chat is carried in its busy minute. Bursts of machines and agents are simulated on the replica
    itself, and are carried as well as chat at least: a burst is read within seconds and then
    served in a larger batch, so that it stretches answers long before it makes them wait.
    """
    slack: float
    """Seconds of work that bunched requests may add to what is under way, within the limits."""
    keeps_limits: bool
    concurrency: float
    """Mean number of requests under way at that rate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A replica, and what the workloads that share it ask of it."""

    replica: DeployedReplica
    asks: tuple[Ask, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Alone:
    """What a replica carries of one workload while its requests come at random, with the others
    beside it."""

    curve: Curve
    limits: Limits
    keeps_limits: bool
    rate: float
    """Requests a second."""
    usual: Latency
    """At that rate."""


@catalogue.of_facts
def fits(asked: Asked) -> bool:
    """Whether a replica holds a request of every workload, and the catalogue has what tells.

    Kept, because each design is asked twice: before what several replicas do is simulated together,
    and as it is sized.
    """
    try:
        for ask in asked.asks:
            asked.replica.curve(ask.lengths)
    except NotEstimated:
        return False
    return True


def carried(asked: Asked) -> list[Carried]:
    """What a replica carries of each workload, with the others beside it.

    Kept, because no volume of work changes it. A limit that a lone request misses, on its own or
    beside those of another workload, is relaxed, and so not kept. Raises NotEstimated as
    `DeployedReplica.curve`.
    """
    look_up([asked])
    return _known()[asked]


def look_up(several: Iterable[Asked]) -> None:
    """Works out what replicas carry, as `carried` will tell; bursts of all of them are simulated
    together, which takes a third of the time that they take one by one."""
    known = _known()
    new = {asked: _alone(asked) for asked in several if asked not in known}
    searches = {asked: [*map(_search, asked.asks, found)] for asked, found in new.items()}
    for kind in ("machines", "agents"):
        bursts = (each for found in searches.values() for each in found if each)
        look_for_least([each for each in bursts if each.kind == kind])
    for asked, found in new.items():
        known[asked] = [*map(_carried, asked.asks, found, searches[asked])]


@catalogue.of_facts
def _known() -> dict[Asked, list[Carried]]:
    """What was worked out before."""
    return {}


def _alone(asked: Asked) -> list[_Alone]:
    """Of each workload of a replica."""
    asks = asked.asks
    curves = [asked.replica.curve(ask.lengths) for ask in asks]
    kept_limits = [relaxed(c, ask.limits, ask.lengths) for c, ask in zip(curves, asks, strict=True)]
    found = []
    for i, (curve, limits) in enumerate(zip(curves, kept_limits, strict=True)):
        ask = asks[i]
        beside = [j for j in range(len(asks)) if j != i and not asks[j].waits]
        others = [
            (asks[j].lengths, relaxed(curve, kept_limits[j], asks[j].lengths)) for j in beside
        ]
        others_kept = [limit for _, limit in others] == [kept_limits[j] for j in beside]
        rate = curve.saturation_rate * without_limits()
        if others or not ask.waits:
            rate = sustained(curve, None if ask.waits else limits, others)
        found.append(
            _Alone(
                curve=curve,
                limits=limits,
                keeps_limits=limits == ask.limits and others_kept,
                rate=rate,
                usual=latency(curve, rate, (50, limits.percentile)),
            )
        )
    return found


def _search(ask: Ask, alone: _Alone) -> Bursts | None:
    """The search for what a workload's bursts ask for; None where it comes in none, or waits."""
    if ask.waits or ask.arrivals == "people":
        return None
    return Bursts(curve=alone.curve, limits=alone.limits, kind=ask.arrivals, rate=alone.rate)


def _carried(ask: Ask, alone: _Alone, bursts: Bursts | None) -> Carried:
    """Of one workload, with its bursts."""
    bunched = 1.0
    slack = 0.0
    if not ask.waits:
        # A queue may take what the limits leave. It is read before the first token, or between the
        # tokens of those who are served: a usual answer must not be stretched by more than its
        # limit leaves, either.
        usual = alone.usual
        stretch = (alone.limits.tpot_s - usual.tpot[50]) * ask.lengths.output.median
        slack = min(alone.limits.ttft_s - usual.ttft[50], stretch)
        bunched = busy_minute("people")
    if bursts:
        bunched = bursts.headroom
        # Bursts are held in the batch: as many as it serves within the limit, at once.
        slack = max(slack, alone.curve.within(alone.limits.tpot_s) / alone.rate)
    return Carried(
        rate=alone.rate,
        headroom=bunched,
        slack=max(slack, 0.0),
        keeps_limits=alone.keeps_limits,
        concurrency=alone.usual.concurrency,
    )
