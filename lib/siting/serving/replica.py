"""One replica: its speed at every batch size, and the load at which it keeps the limits."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from siting.inputs.scenario import Workload
from siting.memory.deployment import Deployment, max_sequences, prompt_chunk
from siting.quantity import NotEstimated
from siting.serving import performance
from siting.serving.queueing import Curve, Latency, Lengths, latency

WITHOUT_LIMITS = 0.95
"""Share of its saturation at which a replica works that nobody waits for."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Latency that must hold at a percentile."""

    ttft_s: float
    tpot_s: float
    percentile: int

    @classmethod
    def of(cls, workload: Workload) -> Limits:
        """The limits of a workload."""
        stated = workload.latency
        return cls(stated.ttft_s, stated.tpot_ms / 1e3, round(stated.percentile))

    def kept(self, seen: Latency) -> bool:
        """Whether both limits hold."""
        return self.strain(seen) <= 1

    def strain(self, seen: Latency) -> float:
        """Latency as a share of its limit, the worse of the two."""
        q = self.percentile
        return max(seen.ttft[q] / self.ttft_s, seen.tpot[q] / self.tpot_s)


@dataclass(frozen=True, slots=True)
class Replica:
    """A deployment, and what is known of its speed beyond the estimate."""

    deployment: Deployment
    slower: float = 1.0
    """Multiplies every time: a benchmark over the estimate."""
    longest: float = 0.0
    """Request that must fit in the cache; at least a mean one. [tokens]"""
    accepted: float = 0.0
    """Drafted tokens that are right, a step."""

    def curve(self, lengths: Lengths) -> Curve:
        """Speed at every batch size for requests of these lengths.

        A step computes all drafts, and yields one token and those that are right (Leviathan,
        Kalman, Matias, arXiv 2211.17192); the time of drafting itself is left out. Raises
        NotEstimated where the catalogue lacks a figure or the model does not fit.
        """
        d, context = self.deployment, lengths.context_mean
        r, k = performance.replica(d), performance.efficiencies(performance.regime(d))
        longest = max(self.longest, lengths.input_mean + lengths.output_mean)
        room = performance.slots(d, r, lengths.held_mean, longest)
        slots = int(min(room, max_sequences(d.known)))
        if slots < 1 or performance.slots(d, r, longest, longest) < 1:
            raise NotEstimated(
                f"{d.model.model_id} does not fit on {d.gpus} × {d.gpu.gpu} with one request of "
                f"{longest:,.0f} tokens"
            )
        n = np.arange(1, slots + 1, dtype=float)
        drafts, prompt = n * d.speculative_tokens, lengths.prompt_mean
        decode = np.asarray(performance.step_seconds(r, k, n, context, drafts, 1.0, context))
        prefix = lengths.input_mean - prompt
        alone = performance.step_seconds(r, k, 1.0, context, prompt, prompt, prefix)
        reading = float(alone) - float(performance.step_seconds(r, k, 1.0, context))
        return Curve(
            decode / (1 + self.accepted) * self.slower,
            reading * self.slower,
            k["first_token_us"] * 1e-6,
            prompt_chunk(d.known, int(longest)),
            lengths,
        )


def sustained(curve: Curve, limits: Limits, also: Iterable[tuple[Lengths, Limits]] = ()) -> float:
    """Largest rate of Poisson arrivals at which a replica keeps the limits. [requests/s]

    also: other requests that come now and then, and must keep limits of their own. Zero where
    not even a lone request keeps them.
    """
    from scipy.optimize import brentq

    watched = ((curve.lengths, limits), *also)

    def beyond(rate: float) -> float:
        """Positive where a limit is missed; on a scale on which the way to saturation is short."""
        strains = (
            held.strain(latency(curve, rate, (held.percentile,), own)) for own, held in watched
        )
        return math.log(min(max(strains), 1e3))

    lowest, top = 1e-6, curve.saturation_rate
    if beyond(lowest) > 0:
        return 0.0
    exact = top * 2**-18
    # Brent's method asks for a third of the evaluations of bisection. It may end on either side
    # of the limit; the step back leads to the side on which it is kept.
    return max(lowest, float(brentq(beyond, lowest, 0.999 * top, xtol=exact)) - 2 * exact)


def relaxed(curve: Curve, limits: Limits) -> Limits:
    """The limits, or where a lone request misses them, such that it keeps with half to spare."""
    alone = latency(curve, 1e-6, (limits.percentile,))
    if limits.kept(alone):
        return limits
    return Limits(
        max(limits.ttft_s, 1.5 * alone.ttft[limits.percentile]),
        max(limits.tpot_s, 1.5 * alone.tpot[limits.percentile]),
        limits.percentile,
    )
