"""What a replica carries of each of the workloads that share it, whatever their volume."""

from __future__ import annotations

from siting import catalogue
from siting.records import frozen
from siting.serving import bursts
from siting.serving.bunching import Bunching, busy_minute
from siting.serving.curve import Curve, DeployedReplica, Lengths
from siting.serving.queueing import Latency, Limits, latency, relaxed, sustained, without_limits


@frozen
class Ask:
    """What a workload asks of a replica, whatever its volume."""

    lengths: Lengths
    limits: Limits
    waits: bool
    """All of its requests may wait."""
    arrivals: Bunching


@frozen
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


@catalogue.of_facts
def carried(replica: DeployedReplica, asks: tuple[Ask, ...]) -> tuple[Carried, ...]:
    """What a replica carries of each workload, with the others beside it.

    Kept, because no volume of work changes it. A limit that a lone request misses, on its own or
    beside those of another workload, is relaxed, and so not kept. Raises NotEstimated as
    `DeployedReplica.curve`.
    """
    curves = [replica.curve(ask.lengths) for ask in asks]
    limits = [relaxed(c, ask.limits, ask.lengths) for c, ask in zip(curves, asks, strict=True)]
    found = []
    for i, (ask, curve) in enumerate(zip(asks, curves, strict=True)):
        beside = [j for j in range(len(asks)) if j != i and not asks[j].waits]
        others = [(asks[j].lengths, relaxed(curve, limits[j], asks[j].lengths)) for j in beside]
        rate = curve.saturation_rate * without_limits()
        if others or not ask.waits:
            rate = sustained(curve, None if ask.waits else limits[i], others)
        usual = latency(curve, rate, (50, limits[i].percentile))
        bunched, slack = (1.0, 0.0) if ask.waits else _bunched(ask, curve, limits[i], usual)
        others_kept = [limit for _, limit in others] == [limits[j] for j in beside]
        found.append(
            Carried(
                rate=rate,
                headroom=bunched,
                slack=max(slack, 0.0),
                keeps_limits=limits[i] == ask.limits and others_kept,
                concurrency=usual.concurrency,
            )
        )
    return tuple(found)


def _bunched(ask: Ask, curve: Curve, limits: Limits, usual: Latency) -> tuple[float, float]:
    """Headroom and slack of requests that bunch (`Carried`). usual: what they see at random."""
    # A queue may take what the limits leave. It is read before the first token, or between the
    # tokens of those who are served: a usual answer must not be stretched by more than its limit
    # leaves, either.
    stretch = (limits.tpot_s - usual.tpot[50]) * ask.lengths.output.median
    slack = min(limits.slack(usual), stretch)
    if ask.arrivals == "people":
        return busy_minute(), slack
    # Bursts are held in the batch: as many as it serves within the limit, at once.
    held = curve.within(limits.tpot_s) / usual.rate
    return bursts.headroom(curve, limits, ask.arrivals, usual.rate), max(slack, held)
