"""The frames on money: they agree with each other and with hand-checked identities."""

from __future__ import annotations

import pandas as pd
import pytest
from printed import printed
from siting import study
from siting.inputs.scenario.changes import put
from siting.study import Study, frames
from studies import CLIENTS, designed, opened


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


def test_a_mix_that_owns_nothing_has_the_price_dates_of_its_other_side() -> None:
    # the cheapest split of Tidewater's mix is OpenAI alone: no server, no server price
    ages = opened("tidewater-apps").costs().set_index("option").price_age
    assert ages["Own and OpenAI"] == ages["OpenAI API"] < ages["Own servers"]


def test_a_share_below_all_is_not_called_all(s: Study) -> None:
    assert s.percent(0.999999, 2) == f"over {s.percent(0.9999, 2)}"
    assert s.percent(1.0, 2) == s.percent(0.9999, 2).replace("99.99", "100.00")
    assert s.percent(0.99, 2).startswith("99")


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
    told = " ".join(printed("50_capacity", client).split())
    whole = " ".join(s.money(loss).split())
    assert f"a year of {whole}{s.see('15_why')};" in told or len(shocks) <= 4


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
    assert "servers at €\u202f28\u202f333 each: 3 in year 1, 1 in year 3" in printed(
        "50_capacity", "klinikverbund-nordheide"
    )


@pytest.mark.parametrize("client", ["banca-valdora", "polderwerk"])
def test_a_better_number_is_shown_with_what_it_is_worth(client: str) -> None:
    s = opened(client)
    movers = s.movers().drop_duplicates("input")
    known = {k.label: k.worth for k in s.results.advice.knowledge}
    assert (movers.worth >= 0).all()
    assert movers.worth.max() == pytest.approx(max([0.0, *known.values()]))
    pays = (movers.worth > movers.price).any()
    told = printed("20_quality", client)
    assert ("No better number above is worth its price by itself" in told) == (not pays)


def test_a_promise_that_was_broken_is_told_where_the_vendor_is_chosen() -> None:
    # 180 days promised; since then 97, 92 and 156 were given.
    assert "180 days; since then the shortest was 92" in printed("50_capacity", "tidewater-apps")


# --- cash of the choice ---------------------------------------------------------------------------


@pytest.mark.parametrize("client", CLIENTS)
def test_what_is_paid_so_far_ends_at_what_is_planned_and_leads_to_the_mean_in_all(
    client: str,
) -> None:
    s = opened(client)
    bridge = s.budget().pivot_table(index="option", columns="key", values="amount", observed=True)
    flows = s.paid_so_far()
    ends = flows[flows.month == flows.month.max()].set_index("option").so_far
    assert ends.to_dict() == pytest.approx(bridge.planned.to_dict())
    # The plan is all that is paid, whichever month it falls in; waiting is billed by nobody.
    paid = s.cash_flows().query("is_paid and category != 'tax'").groupby("option", observed=True)
    whole = paid.amount.sum()
    assert bridge["plan"].to_dict() == pytest.approx(whole[bridge.index].to_dict())
    parts = ["plan", "steps", "remedies", "renewal", "between"]
    assert bridge[parts].sum(axis=1).to_dict() == pytest.approx(bridge.planned.to_dict())
    added = bridge[["beside", "counted", "leaving", "vendors", "premiums"]].sum(axis=1)
    assert (bridge.planned + added).to_dict() == pytest.approx(bridge.in_all.to_dict())
    in_all = s.sums().set_index("option").in_all
    assert bridge.in_all.to_dict() == pytest.approx(in_all[bridge.index].to_dict())


def test_a_contract_that_must_renew_is_paid_beside_the_choice() -> None:
    # AWS's contract renews to 31 March 2028 unless AWS agrees to monthly terms first.
    s = opened("banca-valdora")
    bridge = s.budget().pivot_table(index="option", columns="key", values="amount", observed=True)
    assert bridge.renewal[s.chosen] == pytest.approx(s.contract().unused.iloc[0])
    assert bridge.renewal[s.today] == 0


def test_the_year_that_comes_nearest_to_a_ceiling_is_the_dearest() -> None:
    base = designed("base")
    asked = put(base, {"decision.budget_per_year": 100_000})
    years = study.Study(asked).year_limit()
    assert (years.limit == 100_000).all()
    for _, own in years.groupby("option", observed=True):
        assert own.paid[own.nearest].tolist() == [own.paid.max()]
    assert opened("base").year_limit().empty


@pytest.mark.parametrize("client", CLIENTS)
def test_bars_of_the_plan_meet_at_the_gates(client: str) -> None:
    s = opened(client)
    bars = s.timeline().set_index("what")
    gates = s.gates().set_index("decides")
    assert bars.end["settle"] == gates.due["points"]
    order = s.timeline().query("what == 'order'")
    assert len(order) == (not s.answer().stays.iloc[0])
    assert (order.start == s.gate().date.iloc[0]).all()
    assert (order.end <= order.end_high).all()
