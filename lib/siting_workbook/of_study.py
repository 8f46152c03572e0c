"""The workbook of a study: a file of its report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pandas as pd
from siting.study import Study
from siting.verdict.candidate import Future

from siting_workbook import workbook
from siting_workbook.workbook import Beside

FUTURES: Mapping[Future, str] = {
    "hold": "API prices hold",
    "fall": "API prices go on falling",
}
"""Both futures of API prices as clauses."""


def content(study: Study) -> bytes:
    """The content of cash-flows.xlsx: the cost chapter with live formulas, and what page one
    says that is likely."""
    likely = [
        workbook.Likely(option=name, future=FUTURES[future], cost=sums[future].spread)
        for future in FUTURES
        for name, sums in study.results.decision.in_all.items()
    ]
    budget = [
        workbook.Due(option=row.option, step=row.step, kind=row.line_kind, amount=row.amount)
        for row in study.budget().itertuples()
    ]
    return workbook.content(
        study.results.cost, study.scenario, likely, budget, tuple(_beside_the_plan(study))
    )


def _beside_the_plan(study: Study) -> Iterator[Beside]:
    """List prices of the models that bridge, by what is paid for."""
    columns = {
        "input_price": "input",
        "output_price": "output",
        "cached_price": "input from a cache",
    }
    for row in study.bridges().dropna(subset="input_price").to_dict("records"):
        for column, paid_for in columns.items():
            if not pd.isna(row[column]):
                yield Beside(
                    label=f"{row['spoken']}, which can bridge, beside the plan: {paid_for}",
                    amount=row[column],
                    unit="USD per million tokens",
                    source=f"{row['vendor']} price list",
                    date=row["price_date"],
                )
