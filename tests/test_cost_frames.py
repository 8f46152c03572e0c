"""The frames on money: they agree with each other and with hand-checked identities."""

from __future__ import annotations

import pandas as pd
import pytest
from siting import study
from siting.study import Study, frames
from studies import CLIENTS, opened


@pytest.fixture(scope="module")
def s() -> Study:
    return opened("klinikverbund-nordheide")


def of(frame: pd.DataFrame, option: str) -> pd.DataFrame:
    return frame[frame.option == option]


def test_monthly_flows_add_up_to_the_totals(s: Study) -> None:
    costs = s.costs()
    flows = s.cash_flows()
    years = s.yearly_costs()
    for row in costs.itertuples():
        own = of(flows, row.option)
        assert own.amount.sum() == pytest.approx(row.total)
        assert own.present.sum() == pytest.approx(row.present)
        assert of(years, row.option).paid.sum() == pytest.approx(row.total)
        assert of(years, row.option).booked.sum() == pytest.approx(row.total)


def test_one_option_is_chosen_and_one_is_its_rival(s: Study) -> None:
    costs = s.costs()
    assert [costs[c].sum() for c in ("chosen", "rival", "cheapest", "today")] == [1, 1, 1, 1]
    assert not (costs.chosen & costs.rival).any()
    chosen = s.options[s.results.decision.recommended or ""].label
    assert list(costs.option[costs.chosen]) == [chosen]


def test_every_frame_of_money_declares_units_and_sources(s: Study) -> None:
    for name in frames.listed(study.cost.CostFrames):
        made = getattr(s, name)()
        assert made.attrs["sources"] or made.empty, name
        for column, unit in made.attrs["units"].items():
            assert pd.api.types.is_numeric_dtype(made[column]), (name, column, unit)


def test_curve_and_ranges_agree_on_the_volumes_at_which_the_order_changes(s: Study) -> None:
    winners = s.volume_winners()
    curve = s.volume_curve()
    lines = curve.pivot_table(index="volume", columns="option", values="per_million", observed=True)
    for row in winners[winners.above > 0].itertuples():
        below = lines[lines.index < row.above]
        above = lines[lines.index > row.above]
        assert above.iloc[0].idxmin() == row.option
        assert below.iloc[-1][row.option] >= below.iloc[-1].min() - 1e-9
    assert list(winners.above[1:]) == list(winners.below[:-1])


@pytest.mark.parametrize("client", ["klinikverbund-nordheide", "polderwerk"])
def test_a_total_with_every_remedy_is_the_present_cost_and_what_cures_cost(client: str) -> None:
    s = opened(client)
    costs = s.costs().set_index("option")
    added = costs.cleared - costs.present
    cures = s.remedies()
    assert (added[~costs.index.isin(cures.option)] == 0).all()
    assert (added[costs.index.isin(cures[cures.once > 0].option)] > 0).all()
    # paid at once, each year of the horizon and with each bill, not discounted, is the most it is
    once = cures.groupby("option").once.sum().reindex(costs.index).fillna(0)
    assert (added >= once - 1e-6).all()


@pytest.mark.parametrize("client", CLIENTS)
def test_the_largest_shocks_and_the_rest_are_the_loss_of_page_two(client: str) -> None:
    s = opened(client)
    shocks = of(s.vendor_shocks(), s.chosen).dropna(subset="expected")
    if shocks.empty:
        return
    loss = s.vendor_losses().set_index("option").expected[s.chosen]
    assert shocks.so_far.max() == pytest.approx(loss)
    first = shocks.sort_values("expected", ascending=False).iloc[0]
    assert first.so_far == pytest.approx(first.expected)


@pytest.mark.parametrize("client", ["klinikverbund-nordheide", "banca-valdora", "agence-lumiere"])
def test_the_bill_for_machines_can_be_made_anew_from_their_number_and_price(client: str) -> None:
    s = opened(client)
    paid = s.machines_paid()
    assert (paid.number * paid.price).to_list() == pytest.approx(paid.paid.to_list())


def test_servers_are_counted_in_the_year_in_which_they_are_paid_at_their_list_price(
    s: Study,
) -> None:
    paid = s.machines_paid()
    own = paid[paid.option == "Own servers"]
    # two that serve and a spare at once, one more when the load needs it
    assert own[["year", "number"]].to_numpy().tolist() == [[1, 3], [3, 1]]
    factors = s.results.cost.plan.factors
    listed = factors["server_price.owned"].value.central * factors["fx.USD"].value.central
    assert own.price.to_list() == pytest.approx([1.19 * listed] * 2)
