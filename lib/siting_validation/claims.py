"""Published cost comparisons, recomputed from the inputs printed beside them.

siting_facts/tco_cases.csv holds what was printed, those inputs, and what they give, which a test
holds against `recomputed`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Literal

import numpy as np
from siting.catalogue import Fact, table
from siting.cost import money

from siting_validation import tables

TOLERANCE = 0.01
"""A recomputed value agrees with print if it rounds to the printed digits or is within 1 %."""
LONGEST = 200_000
"""Periods within which a published payback is looked for (hours or months)."""


class PublishedCase(Fact, tables="tco_cases", key="case_id scenario output"):
    """One printed result of a published comparison, with its inputs."""

    case_id: str
    scenario: str
    output: str
    formula: str
    inputs: str
    """JSON object: arguments of the formula."""
    published: str
    """As printed; its decimals say how far it was rounded."""
    recomputed: float
    """By `formula` on `inputs`; a test keeps it true."""
    unit: Literal[
        "%", "M tokens", "USD", "USD per used h", "USD/GPU-h", "USD/M output", "USD/server-year",
        "h at 100% use", "months", "x", "years",
    ]  # fmt: skip

    @property
    def difference(self) -> float:
        """Recomputed over printed, minus 1."""
        return self.recomputed / float(self.published) - 1

    @property
    def agrees(self) -> bool:
        """Whether it rounds to the printed digits, or is within the tolerance."""
        half_digit = 0.5 * 10.0 ** int(Decimal(self.published).as_tuple().exponent)
        rounds = abs(self.recomputed - float(self.published)) <= half_digit * (1 + 1e-9)
        return rounds or abs(self.difference) <= TOLERANCE


def cases() -> tuple[PublishedCase, ...]:
    """Every published case."""
    return table("tco_cases", PublishedCase)


# --- the formulas of the papers, by the report's own functions -----------------------------------


def payback_periods(outlay: float, rival: float, own: float) -> float:
    """Periods of use until an outlay is back: the saving is the difference of two prices."""
    found = money.payback(np.append(-outlay, np.full(LONGEST, rival - own)))
    return math.inf if found is None else found


def _payback_against_api(
    outlay: float, million_tokens: float, price_in: float, price_out: float, share_in: float,
    own: float,
) -> float:  # fmt: skip
    bill = million_tokens * (share_in * price_in + (1 - share_in) * price_out)
    return payback_periods(outlay, bill, own)


def cost_per_million(cost_per_hour: float, tokens_per_s: float) -> float:
    """Cost of a million tokens of a machine with this price and this measured speed."""
    return cost_per_hour / (tokens_per_s * 3600) * money.MILLION


def _penalty(cost_per_hour: float, tokens_per_s: float, saturated: float) -> float:
    part = cost_per_million(cost_per_hour, tokens_per_s)
    return part / cost_per_million(cost_per_hour, saturated)


FORMULAS: Mapping[str, Callable[..., float]] = {
    "payback_periods": payback_periods,
    "payback_against_api": _payback_against_api,
    "ratio": lambda of, by: of / by,
    "rent": lambda price, hours: money.npv(np.array([0.0, price * hours]), 0.0),
    "tokens": lambda tokens_per_s, hours: tokens_per_s * 3600 * hours / money.MILLION,
    "electricity": lambda kw, hours, price_kwh: kw * hours * price_kwh,
    "cost_per_used_hour": lambda full, utilisation: full / utilisation,
    "break_even_utilisation": lambda own, rival: 100 * own / rival,
    "used_hour_saving": lambda full, utilisation, rival: rival - full / utilisation,
    "used_hour_loss": lambda full, utilisation, rival: full / utilisation - rival,
    "total": lambda **flows: money.npv(np.array(list(flows.values())), 0.0),
    "saving_percent": lambda own, rival: 100 * (1 - own / rival),
    "cost_per_million": cost_per_million,
    "penalty": _penalty,
    "yearly_server_cost": lambda server, years, software, hosting: (
        server / years + software + hosting
    ),
    "cost_per_gpu_hour": lambda gpus, hours, **parts: sum(parts.values()) / (gpus * hours),
}
"""Formula names of siting_facts/tco_cases.csv. Percentages are of 100."""


def recomputed(case: PublishedCase) -> float:
    """A case by its formula. Raises KeyError for a formula that is not known."""
    return float(FORMULAS[case.formula](**json.loads(case.inputs)))


def markdown() -> str:
    """How many cases agree, and those that do not, for the validation page."""
    wrong = [c for c in cases() if not c.agrees]
    said = (
        f"{len(cases())} printed results of published comparisons, recomputed from the inputs "
        f"printed beside them: {len(cases()) - len(wrong)} agree to the printed digits or within "
        f"1 %. These {len(wrong)} do not agree with their own inputs:"
    )
    rows = [
        {
            "case": c.case_id,
            "scenario": c.scenario,
            "result": f"{c.output} [{c.unit}]",
            "printed": c.published,
            "recomputed": f"{c.recomputed:.6g}",
            "difference": f"{c.difference:+.1%}",
        }
        for c in wrong
    ]
    notes = dict.fromkeys(c.note for c in wrong if c.note)
    reasons = "\n".join(f"- {note}." for note in notes)
    return f"{said}\n\n{tables.of(rows, text=('scenario', 'result'))}\n\n{reasons}"
