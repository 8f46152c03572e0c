"""The frames on money: they agree with each other and with hand-checked identities."""

from __future__ import annotations

import pandas as pd
import pytest
from siting import study
from siting.study import Study, frames
from studies import opened


@pytest.fixture(scope="module")
def s() -> Study:
    return opened("klinikverbund-nordheide")


def of(frame: pd.DataFrame, option: str) -> pd.DataFrame:
    return frame[frame.option == option]


def test_monthly_flows_add_up_to_the_totals(s: Study) -> None:
    costs = s.sums().dropna(subset="total")
    flows = s.cash_flows()
    for row in costs.itertuples():
        own = of(flows, row.option)
        assert own.amount.sum() == pytest.approx(row.total)
        assert own.present.sum() == pytest.approx(row.present)
        billed = own.amount[own.category != "waiting, counted and not billed"].sum()
        assert own.paid.sum() == pytest.approx(billed)
        assert own.booked.sum() == pytest.approx(billed)


def test_every_frame_of_money_declares_units_and_sources(s: Study) -> None:
    for name in frames.listed(study.cost.CostFrames):
        made = getattr(s, name)()
        assert made.attrs["sources"] or made.empty, name
        for column, unit in made.attrs["units"].items():
            assert pd.api.types.is_numeric_dtype(made[column]), (name, column, unit)
