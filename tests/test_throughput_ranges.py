"""Ranges of speed from errors on what a fit has not seen: quantiles, distances, look-up."""

import json
from itertools import pairwise
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pytest
from siting import catalogue
from siting.serving import spread
from siting_validation import fit_throughput
from siting_validation import throughput_ranges as ranges

SEEN = {
    "gpu": "h100", "model": "m", "experts": "none", "engine": "vllm", "generation": "today",
    "architecture": "Hopper", "loop": "closed",
}  # fmt: skip


def test_a_range_is_wider_where_few_sources_speak():
    even = [NormalDist(0, 0.2).inv_cdf((i + 0.5) / 400) for i in range(400)]
    errors = np.random.default_rng(1).permutation(even)
    few = ranges.quantiles(errors, np.repeat(["a", "b"], 200), "source")
    many = ranges.quantiles(errors, np.repeat(list("abcdefghijklmnopqrst"), 20), "source")
    # 0.8 over 2 and over 20 sources: 1.4 and 1.04 times the quantiles of the normal
    assert few[1] / many[1] == pytest.approx(1.4 / 1.04, rel=1e-6)
    assert many[1] == pytest.approx(1.2816 * 0.2 * 1.04, rel=0.01)


def test_distance_is_counted_from_the_rows_of_other_groups():
    rows = [dict(SEEN) for _ in range(spread.ENOUGH)]
    rows += [dict(SEEN, gpu="abacus") for _ in range(spread.ENOUGH)]
    groups = np.array(["a"] * spread.ENOUGH + ["b"] * spread.ENOUGH)
    # without its own group, neither card has been seen; all else has
    assert set(ranges.levels(rows, groups)) == {1}
    # one group of all: without it nothing has been seen, and that is eight steps
    assert set(ranges.levels(rows, np.full(2 * spread.ENOUGH, "a"))) == {3}


def test_every_case_finds_a_range_and_farther_is_never_narrower():
    table = catalogue.table("engine_spread", spread.Spread)
    for quantity in {row.quantity for row in table}:
        rows = [
            ranges.ScopeRange(
                scope=r.scope,
                low=float(np.log(r.low)),
                high=float(np.log(r.high)),
                count=r.measurements,
            )
            for r in table
            if r.quantity == quantity
        ]
        assert rows[-1].scope == ""
        own = ranges.lookup(rows, spread.words(SEEN | {"measured": "yes"}, 0, "middle"))
        seen = ranges.lookup(rows, spread.words(SEEN, 0, "middle"))
        assert own[1] - own[0] < seen[1] - seen[0]
        for loop in ("closed", "open", "saturated", "static"):
            for load in ranges.LOADS[1:]:
                cases = [spread.words(SEEN | {"loop": loop}, n, load) for n in range(4)]
                found = [ranges.lookup(rows, case) for case in cases]
                low, high = found[0]
                assert low <= -ranges.NARROWEST + 1e-3 and high >= ranges.NARROWEST - 1e-3
                for (low, high), (lower, higher) in pairwise(found):
                    assert lower <= low and higher >= high


@pytest.mark.parametrize("group", ["model and card", "source"])
def test_the_middle_range_of_speed_is_never_narrower_farther_out(group):
    kept = Path(fit_throughput.__file__).with_suffix(".json").read_text(encoding="utf-8")
    held = json.loads(kept)[group]
    for quantity in fit_throughput.QUANTITIES:
        widths = [held[f"distance {n}"][quantity]["width"] for n in range(4)]
        assert widths == sorted(widths), quantity
