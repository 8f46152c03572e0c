"""What predictions are to reach on what nobody calibrated on, and where they do not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from math import inf
from typing import Any

from siting.records import frozen

from siting_validation import tables


@frozen
class Aim:
    """What the errors of a group of measurements are to be at most, and their ranges to hold."""

    said: str
    group: str
    """As in siting_validation/fit_throughput.json."""
    quantity: str
    median: float
    """Absolute error. [%]"""
    p90: float
    inside: float
    """Share in the range. [%]"""
    width: float
    """High over low of the middle range."""

    def cell(self, fit: Mapping[str, Any], key: str) -> str:
        """Median and 90th percentile; share inside; width; what is missed with a star."""
        found = fit[key][self.group][self.quantity]
        inside = 100 * found["inside"]
        median = f"{found['median']:.1f}{_star(found['median'] > self.median)}"
        p90 = f"{found['p90']:.1f}{_star(found['p90'] > self.p90)}"
        share = f"{inside:.0f}{_star(inside < self.inside)}"
        width = f"{found['width']:.2f}{_star(found['width'] > self.width)}"
        return f"{median} / {p90} %; {share} %; {width}"

    @property
    def asked(self) -> str:
        return f"{self.median:g} / {self.p90:g} %; {self.inside:g} %; {self.width:g}"


def _star(missed: bool) -> str:
    return "*" if missed else ""


@frozen
class MemoryAim:
    """What share of records of memory a range is to hold, or is to be judged rightly."""

    said: str
    kind: str
    """As in siting_validation/left_out.json."""
    quantity: str
    share: float
    """[%]"""

    def cell(self, left_out: Mapping[str, Any], key: str) -> str:
        """The share that is reached, with a star where it is less than what is asked."""
        found = left_out[self.kind][key][self.quantity]
        share = 100 * found.get("right", found["coverage"])
        return f"{share:.0f}{_star(share < self.share)} %"


MEMORY = (
    MemoryAim(said="cache pool in its range", kind="vram",
              quantity="kv_cache_gib_per_gpu", share=75),
    MemoryAim(said="peak of fine-tuning in its range", kind="finetune",
              quantity="peak_gib_per_gpu", share=76),
    MemoryAim(said="whether a fine-tuning fits, right", kind="finetune",
              quantity="fits", share=90),
)  # fmt: skip
TPOT = "itl_or_tpot_ms"
TTFT = "ttft_ms"
SPEED = "output_tokens_per_s_total"
AIMS = (
    Aim(said="time per token, TensorRT-LLM's tables", group="TensorRT-LLM's tables (trt*)",
        quantity=TPOT, median=6, p90=16, inside=76, width=1.3),
    Aim(said="time per token, `silicon`", group="silicon",
        quantity=TPOT, median=15, p90=40, inside=76, width=2.2),
    Aim(said="time per token, sources of 2026", group="sources of 2026 (new)",
        quantity=TPOT, median=15, p90=45, inside=76, width=2.6),
    Aim(said="time per token, open loops", group="open loops",
        quantity=TPOT, median=15, p90=45, inside=76, width=2.6),
    Aim(said="first token, `trtdli`", group="trtdli",
        quantity=TTFT, median=7, p90=17, inside=75, width=1.4),
    Aim(said="first token, sources of 2026", group="sources of 2026 (new)",
        quantity=TTFT, median=40, p90=120, inside=72, width=5),
    Aim(said="first token, `silicon`", group="silicon",
        quantity=TTFT, median=45, p90=140, inside=70, width=6),
    Aim(said="tokens/s, sources of 2026", group="sources of 2026 (new)",
        quantity=SPEED, median=18, p90=60, inside=74, width=3),
    Aim(said="tokens/s, static batches of 2024 (`argonne`)", group="argonne",
        quantity=SPEED, median=18, p90=60, inside=74, width=3),
    Aim(said="tokens/s, pipeline stages", group="pipeline stages",
        quantity=SPEED, median=25, p90=80, inside=74, width=3),
)  # fmt: skip


def rows(fit: Mapping[str, Any], left_out: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """What is aimed at and what is reached, cells by heading, one row an aim."""
    for memory in MEMORY:
        yield {
            "": memory.said,
            "n": str(left_out[memory.kind]["source"][memory.quantity]["n"]),
            "asked": f"{memory.share:g} %",
            **tables.left_out(partial(memory.cell, left_out)),
        }
    for aim in AIMS:
        yield {
            "": aim.said,
            "n": str(fit["source"][aim.group][aim.quantity]["n"]),
            "asked": aim.asked,
            **tables.left_out(partial(aim.cell, fit)),
        }


def reached(fit: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """What all sources together reach, cells by heading, one row a quantity."""
    for quantity in (TPOT, TTFT, SPEED):
        everything = Aim(
            said="", group="all", quantity=quantity, median=inf, p90=inf, inside=0, width=inf
        )
        yield {
            "quantity": f"`{quantity}`",
            "n": str(fit["source"]["all"][quantity]["n"]),
            **tables.left_out(partial(everything.cell, fit)),
        }
