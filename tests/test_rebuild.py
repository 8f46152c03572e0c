"""What somebody with the report alone needs, to make its figures anew, and where each stands."""

from __future__ import annotations

import datetime as dt
import math
import re

import pandas as pd
import pytest
from printed import printed
from studies import CLIENTS, opened

# --- page one's figures, in the appendix ------------------------------------------------------


@pytest.mark.parametrize("client", CLIENTS)
def test_the_appendix_holds_each_option_of_the_other_future_and_how_sure_each_answer_is(
    client: str,
) -> None:
    s = opened(client)
    v = s.verdict().iloc[0]
    page = printed("70_decision_tables", client)
    numbers = s.results.numbers
    for row in s.futures().dropna(subset="p50").query("not planned").itertuples():
        # In thousands, as the table has them; page one draws them in millions.
        told = " | ".join(numbers.number(x / 1e3, 0) for x in (row.p10, row.p50, row.p90))
        assert f"{row.option} | {row.status} | {told}" in page
    for row in s.standings().dropna(subset="sure").itertuples():
        assert f"| {s.percent(row.first)} | {s.percent(row.sure)} |" in page
    assert s.standings().set_index("option").sure[v.option] == v.share
    for turn in s.turns().query("kind != 'input'").dropna(subset=["share"]).itertuples():
        line = next(x for x in page.splitlines() if x.startswith(turn.change))
        assert line.endswith(s.of_100(turn.share))
    moves = s.first_moves()
    assert f"{v.first_move} in {s.of_100(v.first_move_share)}" in page
    assert len(moves) and f"{v.confidence}" in page.split("How sure, in words: ")[1]


def test_the_words_for_how_sure_are_those_of_their_table() -> None:
    scale = opened("base").confidence_scale()
    assert dict(zip(scale.word, scale.at_least, strict=True)) == {
        "clear": 0.9,
        "likely": 0.75,
        "leaning": 0.6,
        "open": 0.0,
    }


@pytest.mark.parametrize("client", CLIENTS)
def test_every_change_that_was_tried_is_counted_once_and_those_that_turn_are_listed(
    client: str,
) -> None:
    s = opened(client)
    tried = s.variants()
    row = s.tries().iloc[0]
    assert row.tried + row.beyond == len(tried)
    moving = tried[tried.answer != "stays"]
    assert row.tried - row.stays == moving.plausible.sum()
    assert row.beyond_turns == (~moving.plausible).sum()
    page = printed("70_decision_tables", client)
    assert f"{row.tried - row.stays} of {row.tried} changes lead elsewhere" in page
    for change in moving.change:
        assert change in page
    assert f"stays first in {row.stays} of {row.tried} changes" in printed(
        "10_decision", client, "page_one"
    )


def test_blanks_that_are_filled_in_together_are_no_answer_of_their_own() -> None:
    deciding = opened("agence-lumiere").deciding()
    together = deciding[deciding.what.str.match(r"all \d+ blanks of ")]
    assert len(together) and together.is_all_at_once.all()
    assert not deciding[~deciding.what.isin(together.what)].is_all_at_once.any()


# --- scores -----------------------------------------------------------------------------------


def test_what_is_worth_nothing_follows_from_the_usual_cost_that_is_printed() -> None:
    # The hospitals: 8 460 333 requests a year of 365.25 days, billed by the 8 760 hours of twelve
    # usual months; 7 500 tokens read, of which a tenth are cached, and 900 written; 15 % more each
    # year. US$ 1 a million at 0.895 EUR, half an engineer of € 82 000, five years.
    s = opened("klinikverbund-nordheide")
    row = s.usual_cost().iloc[0]
    years = sum(1.15**year for year in range(5))
    tokens = 8_460_333 * 8760 / 8766 * (7500 * 0.9 + 900) * years
    assert row.tokens == pytest.approx(tokens, rel=1e-3)
    usual = tokens / 1e6 * 0.895 + 0.5 * 82_000 * 5
    assert row.usual == pytest.approx(usual, rel=2e-3)
    card = s.scorecard().drop_duplicates("label").set_index("label")
    assert card.worst["Cost"] == pytest.approx(2 * row.usual)
    assert card.worst["Vendor risk"] == pytest.approx(row.usual / 5 / 2)
    assert card.worst["Ease of leaving"] == pytest.approx(row.usual / 5)
    assert card.usual.isna()["Response time"]
    page = printed("70_decision_tables", "klinikverbund-nordheide")
    assert f"2 × {s.money(row.usual)}" in page and f"0.5 × {s.money(row.usual / 5)}" in page
    assert s.money(row.usual) in page.split("Usual cost over five years: ")[1][:40]


@pytest.mark.parametrize("client", CLIENTS)
def test_a_measure_that_is_not_known_earns_half_of_its_weight_as_the_table_says(
    client: str,
) -> None:
    card = opened(client).scorecard()
    unknown = card[~card.known]
    half = 50 * unknown.weight_share
    assert unknown.points.to_numpy() == pytest.approx(half.to_numpy())
    assert "what is not known is worth a half" in printed("70_decision_tables", client)


@pytest.mark.parametrize("client", CLIENTS)
def test_what_shocks_cost_each_option_adds_up_to_its_loss_and_is_printed(client: str) -> None:
    s = opened(client)
    shocks = s.vendor_shocks().dropna(subset="expected")
    losses = s.vendor_losses().set_index("option").expected.dropna()
    apart = shocks.groupby("option", observed=True).expected.sum()
    assert apart.to_dict() == pytest.approx(losses.to_dict(), rel=1e-6)
    page = printed("60_vendors", client)
    sums = next((line for line in page.splitlines() if line.startswith("sum | ")), "")
    for loss in losses:  # in full, or in thousands where the largest is
        assert {s.number(loss, 0), s.number(loss / 1e3, 0)} & {*sums.split(" | ")}


# --- the client's own test --------------------------------------------------------------------


def test_a_model_passes_whose_interval_begins_above_the_margin_that_is_printed() -> None:
    # 0.86 of 240 items: 1.96 √(0.86 × 0.14 / 240) is 0.044, so that the interval begins at 0.816,
    # below the floor of 0.82 and above 0.77, the usual margin of five points below it.
    s = opened("klinikverbund-nordheide")
    tests = s.own_tests().set_index("spoken")
    row = tests.loc["Gemma 4 31B"]
    assert (row.floor, row.least) == (0.82, pytest.approx(0.77))
    assert row.score_low == pytest.approx(0.816, abs=5e-4)
    assert row.verdict == "as good"
    page = printed("20_quality", "klinikverbund-nordheide")
    assert "Passes: dot at the floor or above, line from 0.77 or above" in page


# --- from the load to the machines ------------------------------------------------------------


def told(client: str, option: str) -> pd.DataFrame:
    """Steps of an option by their name."""
    s = opened(client)
    return s.sizing_steps().query("option == @option").set_index("step")


def test_the_hospitals_machines_follow_from_their_users_number_by_number() -> None:
    # 2 400 people ask eleven times on a full day; weekdays count 1, both days of the weekend 0.6.
    # The profile `day` has 8 of 115 parts in its busiest hour; 20 % may wait; the fullest week has
    # 1.6 times the usual. Minutes of people vary by 21.3 % (Azure's trace): the busiest of 20 of a
    # log-normal is exp(1.645 s - s²/2) with s² = ln(1 + 0.213²), 1.383.
    chain = told("klinikverbund-nordheide", "Own servers").value
    assert chain["users"] == 2_400 and chain["requests of a full day"] == pytest.approx(26_400)
    holidays = 0.9907
    mean = 26_400 * 6.2 / 7 * holidays / 86_400
    assert chain["mean of the year"] == pytest.approx(mean, rel=1e-3)
    hour = 26_400 * 8 / 115 / 3_600
    assert chain["busiest hour of a usual week"] == pytest.approx(hour)
    assert chain["that may not wait"] == pytest.approx(hour * 0.8)
    assert chain["busiest hour of the year"] == pytest.approx(hour * 0.8 * 1.6)
    spread = math.sqrt(math.log(1 + 0.213**2))
    minute = hour * 0.8 * 1.6 * math.exp(1.6449 * spread - spread**2 / 2)
    assert chain["busiest minute of that hour"] == pytest.approx(minute, rel=1e-3)
    groups = minute / chain["a group carries"]
    assert chain["groups at work at once"] == pytest.approx(groups, rel=1e-3)
    assert chain["groups that serve"] == math.ceil(groups)
    # 4.4 failures in 1 000 days of a day each; two servers of two groups, and one more.
    up = 1 / 1.0044
    assert chain["of the time a server runs"] == pytest.approx(up)
    assert chain["all that serve run"] == pytest.approx(up**2)
    assert chain["enough run"] == pytest.approx(up**3 + 3 * up**2 * (1 - up))
    assert chain["servers bought"] == 3


@pytest.mark.parametrize("client", CLIENTS)
def test_a_group_carries_what_its_limits_allow_and_the_parts_of_a_token_add_up(
    client: str,
) -> None:
    s = opened(client)
    every = s.sizing_steps()
    pools = s.pools()
    shown = pools[pools.shown]
    for pool in shown.itertuples():
        own = every[(every.option == pool.base) & (every.model == pool.model)]
        group = own[own.about == "a group"].set_index("step")
        token = next(x for x in group.index if x.startswith("a further token"))
        first = next(x for x in group.index if x.startswith("first token"))
        of_step = group[group.unit == "ms"].value
        assert of_step.drop(token).sum() == pytest.approx(of_step[token], rel=1e-6)
        busiest = own[own.step == "groups at work at once"].value.iloc[0]
        assert busiest == pytest.approx(pool.level)
        if pool.keeps_limits:
            nearest = max(
                of_step[token] / 1000 / pool.limit_token, group.value[first] / pool.limit_first
            )
            assert nearest <= 1
            # A group of several workloads keeps the limits of each beside the others.
            assert nearest > 0.99 or own[own.step.str.startswith("a group carries")].shape[0] > 1


def test_weights_and_products_of_a_step_follow_from_both_of_its_times() -> None:
    # Of the hospitals' step: what it takes to read the weights, and to compute with them.
    row = opened("klinikverbund-nordheide").sizing_steps()
    row = row[(row.option == "Own servers") & (row.step == "weights and matrix products")].iloc[0]
    found = re.search(r": ([\d.]+) ms; products ([\d.]+) ms; of both the ([\d.]+)-norm", row.how)
    assert found
    read, computed, power = map(float, found.groups())
    assert (read**power + computed**power) ** (1 / power) == pytest.approx(row.value, rel=0.01)
    held = re.match(r"([\d.]+) GB on each card at (\d+)\D?(\d*) GB/s", row.how)
    assert held
    assert float(held[1]) / float(held[2] + held[3]) * 1e3 == pytest.approx(read, rel=0.01)


CACHE = re.compile(
    r"(?P<read>[\d.,\s’]+?) GB read(?: and (?P<written>[\d.,\s]+?) GB of states written)? "
    r"at (?P<speed>[\d.,\s’]+?) GB/s"
)


@pytest.mark.parametrize("client", CLIENTS)
def test_the_cache_of_a_step_is_what_is_read_and_written_over_the_bandwidth(client: str) -> None:
    s = opened(client)
    every = s.sizing_steps()
    rows = every[(every.step == "cache") & (every.unit == "ms")]
    for row in rows.itertuples():
        told = CACHE.search(row.how)
        assert told, row.how
        # Groups of thousands are set by spaces, points, commas or apostrophes; none has decimals
        # beside them.
        moved = sum(_plain(told[part]) for part in ("read", "written") if told[part])
        assert row.value == pytest.approx(1000 * moved / _plain(told["speed"]), rel=0.01)
    assert len(rows)


def _plain(text: str) -> float:
    return float(re.sub(r"[\s,'’]", "", text))


def test_a_chance_of_a_shock_is_made_anew_from_its_count_by_age() -> None:
    # Jeffreys: half a case in one year more; the mean of the beta distribution.
    parts = opened("klinikverbund-nordheide").quiet_parts()
    told = parts[parts.basis.str.contains("; by age ")]
    assert len(told)
    for row in told.itertuples():
        seen, watched = re.search(r"by age ([\d.]+) of ([\d.]+),", row.basis).groups()
        assert row.chance == pytest.approx((float(seen) + 0.5) / (float(watched) + 1), abs=0.006)


@pytest.mark.parametrize("client", CLIENTS)
def test_the_chain_of_the_option_that_is_sized_is_printed_with_all_of_its_numbers(
    client: str,
) -> None:
    s = opened(client)
    pools = s.pools()
    for pool in pools[pools.shown].itertuples():
        page = printed("74_capacity_tables", client)
        assert f"{pool.base}, from the load to the machines, step by step" in page
        rows = s.sizing_steps().query("option == @pool.base and model == @pool.model")
        for row in rows.itertuples():
            assert re.search(rf"^{re.escape(row.step)} \| .*\| {re.escape(row.how)}$", page, re.M)


def test_a_mix_says_by_year_what_it_sends_away_and_for_how_long_it_rents() -> None:
    # Agence Lumière's mix needs a second card in all of year 5: 8 760 hours.
    s = opened("agence-lumiere")
    paid = s.machines_paid().query("option == 'Own and cloud' and thing == 'GPU-hour'")
    assert paid[["year", "months"]].to_numpy().tolist() == [[5, 12]]
    assert paid.number.iloc[0] == pytest.approx(8_760)
    page = printed("76_cost_tables", "agence-lumiere")
    away = s.mix_by_year().query("option == 'Own and cloud'").set_index("year").away
    hours = s.results.numbers.number(8_760, 0)
    assert f"5 | {s.percent(away[5], 2)} | {hours} | 12" in page


# --- whether it fits --------------------------------------------------------------------------


@pytest.mark.parametrize("client", CLIENTS)
def test_each_part_of_a_cards_memory_is_made_anew_from_its_formula(client: str) -> None:
    s = opened(client)
    for row in s.memory_parts().itertuples():
        made = _of_formula(row.part, row.formula)
        if made is not None:
            assert made == pytest.approx(row.central, rel=0.01, abs=0.02), row.formula


def test_the_formulas_are_those_of_the_hospitals_cards() -> None:
    # 29.3 billion parameters in 8.01 bit and 1.99 billion in 16 bit, on two cards: 15.5 GiB, and
    # 0.12 GiB of positions (262 144 of 256 values of two bytes). The cache: 8 requests of 10
    # layers that keep all of 52 224 tokens and 50 that keep the last 9 215.
    s = opened("klinikverbund-nordheide")
    parts = s.memory_parts().query("option == 'Own servers'").set_index("part")
    assert parts.formula["weights"] == (
        "29.3 billion x 8.01 bit + 1.99 billion x 16 bit / 2 x 1 GPUs; 0.12 GiB beside"
    )
    assert "40 KiB x 52,224 tokens in 10 layers + 400 KiB x 9,215" in parts.formula["cache"]
    fit = s.fits().query("option == 'Own servers'").iloc[0]
    assert fit.share == pytest.approx(0.92)
    assert fit.budget == pytest.approx(fit.share * fit.card)
    page = printed("72_memory", "klinikverbund-nordheide")
    assert "| 92.0% |" in page


@pytest.mark.parametrize("client", CLIENTS)
def test_a_group_that_serves_has_its_own_row_which_adds_up(client: str) -> None:
    s = opened(client)
    fits = s.fits()
    apart = fits[fits.served_on.notna() & (fits.served_on != fits.gpus)]
    served = s.served_memory()
    assert list(served.option) == list(apart.option)
    for row in served.itertuples():
        taken = row.weights + row.activations + row.libraries + row.graphs
        assert row.budget - taken == pytest.approx(row.left, abs=1e-6)
    assert served.requests.to_list() == pytest.approx(apart.served_requests.to_list())


def _of_formula(part: str, formula: str) -> float | None:
    """GiB of a part, by the numbers that stand in its formula; None for one that is no sum."""
    gib = 2.0**30
    if part == "weights" and "billion" in formula:
        kept = re.findall(r"([\d.]+) billion x ([\d.]+) bit", formula)
        cards = [float(x) for x in re.search(r"/ (\d+) x (\d+) GPUs", formula).groups()]
        beside = re.search(r"; ([\d.]+) GiB beside", formula)
        bits = sum(float(count) * 1e9 * float(each) for count, each in kept)
        return bits / 8 / gib / math.prod(cards) + (float(beside[1]) if beside else 0.0)
    if part == "activations":
        largest, _, beside = formula.partition("; and ")
        sizes = [float(x) for x in re.findall(r"([\d.]+) GiB", largest)]
        return max(sizes) + sum(float(x) for x in re.findall(r"([\d.]+) GiB", beside))
    if part == "cache":
        requests = float(re.match(r"(\d+) requests", formula)[1])
        tokens = re.findall(r"([\d.]+) KiB x ([\d,]+) tokens", formula)
        states = re.findall(r"([\d.]+) MiB in", formula)
        kib = sum(float(each) * float(count.replace(",", "")) for each, count in tokens)
        return requests * (kib / 1024**2 + sum(map(float, states)) / 1024)
    return None


# --- yearly costs -----------------------------------------------------------------------------


@pytest.mark.parametrize("client", CLIENTS)
def test_items_by_year_add_up_to_what_is_paid_and_hold_each_item_of_the_total(client: str) -> None:
    s = opened(client)
    items = s.items_by_year()
    paid = s.yearly_costs().set_index(["option", "year"]).paid
    made = items.groupby(["option", "year"], observed=True).paid.sum()
    forgone = items[items.item == "Waiting, counted and not billed"]
    made = made.sub(forgone.groupby(["option", "year"], observed=True).paid.sum(), fill_value=0)
    for key, amount in paid.items():
        assert made[key] == pytest.approx(amount, abs=0.01)


def test_the_hospitals_items_are_made_anew_from_the_prices_and_rates_that_are_listed() -> None:
    # Three servers and a fourth in year 3, at US$ 26 600 × 0.895 with 19 % VAT; 4.9 % of it for
    # the network and 4 % for installation. The room keeps 1.75 kW for each at € 80 a month with
    # VAT, from month 7 on, 2 % dearer each year. 2 400 users at 0.00015 years of € 82 000.
    s = opened("klinikverbund-nordheide")
    own = s.items_by_year().query("option == 'Own servers'")
    paid = own.pivot_table("paid", "item", "year")
    server = 26_600 * 0.895 * 1.19
    bought = paid.loc["Servers"] + paid.loc["Spare servers"]
    assert bought[1] == pytest.approx(3 * server, rel=0.01)
    assert bought[3] == pytest.approx(server, rel=0.01)
    network = paid.loc["Network switches and cables"]
    assert network[1] == pytest.approx(0.049 * bought[1])
    assert paid.loc["Installation and burn-in"][1] == pytest.approx(0.04 * bought[1])
    machines = s.machines().set_index("option").loc["Own servers"]
    assert (machines.power, machines.kept_ready) == (1.43, 1.75)
    room = paid.loc["Own room: space, power train, cooling plant"]
    months = [1.02 ** ((month - 1) / 12) for month in range(7, 13)]
    assert room[1] == pytest.approx(3 * 1.75 * 80 * 1.19 * sum(months), rel=0.01)
    users = paid.loc["Migration: telling and training users"]
    assert users[1] == pytest.approx(2_400 * 0.00015 * 82_000)
    first = own.drop_duplicates("item").set_index("item")
    assert first["first"]["Servers"] == 0
    assert first["first"]["Electricity of the servers"] == 7
    assert first.price["Electricity of the servers"] == "+2.0% a year"
    assert first.price["Servers"] == "stays"


@pytest.mark.parametrize("client", CLIENTS)
def test_each_item_of_the_choice_and_of_today_is_printed_by_year_in_full(client: str) -> None:
    s = opened(client)
    costs = s.costs().set_index("option")
    page = printed("76_cost_tables", client).split("Item by item and year")[1]
    items = s.items_by_year()
    for option in costs.index[costs.today | costs.chosen | costs.rival]:
        own = items[items.option == option]
        total = own.groupby("year").paid.sum()
        numbers = " | ".join(s.results.numbers.number(x, 0) for x in total)
        assert f"sum | – | {numbers}" in page
        for item, rows in own.groupby("item", sort=False):
            if (rows.paid.abs() >= 0.5).any():
                assert f"{item} | " in page


def test_rates_are_called_by_what_they_are_first_for_and_prices_are_listed_in_full() -> None:
    names = set(opened("klinikverbund-nordheide").inputs().name)
    assert {
        "Installation and burn-in, Own servers",
        "Network switches and cables, Own servers",
    } <= (names)
    assert not any("replacement" in name for name in names)
    s = opened("klinikverbund-nordheide")
    price = f"{s.value(26_600, 'USD', 0)} ({s.span(20_000, 38_000, 'USD')})"
    assert price in printed("90_sources", "klinikverbund-nordheide")


@pytest.mark.parametrize("client", CLIENTS)
def test_what_is_ordered_after_a_go_is_what_the_first_year_buys_and_moves(client: str) -> None:
    s = opened(client)
    gate = s.gate()
    if gate.empty or gate.once.isna().all():
        return
    cash = s.cash_by_year().query("option == @s.chosen and year == 1").set_index("line").paid
    begin = cash.reindex(["Servers and network, bought", "Moving over and leaving"]).fillna(0)
    whole = gate.once.iloc[0] + gate.moved_before.iloc[0]
    assert whole == pytest.approx(begin.sum(), abs=1)
    events = s.timeline().query("option == @s.chosen and amount > 0")
    first = events[events.end == events.end.min()]
    assert first.amount.sum() == pytest.approx(gate.once.iloc[0], abs=1)


# --- what the client said ---------------------------------------------------------------------


def test_the_list_of_inputs_begins_with_what_the_client_said_of_its_load() -> None:
    s = opened("klinikverbund-nordheide")
    said = s.statements().set_index("what")
    # params/klinikverbund-nordheide.yaml
    assert said.value["users"] == s.results.numbers.number(2_400, 0)
    assert said.value["requests of each a day"] == "11"
    assert said.value["fullest week over a usual one"] == "1.6"
    assert said.value["growth a year"] == "15% (0% to 35%)"
    assert said.value["first token within"] == "4 s, 70 ms a further token, for 95 of 100"
    assert said.value["must run"] == "99.5% of the time"
    assert said.value["data must lie in"] == "EU"
    assert set(said.kind) <= {"client", "estimate"} and said.kind["users"] == "client"
    page = printed("90_sources", "klinikverbund-nordheide")
    for what, value in said.value.items():
        assert f"{what} | {value}" in page


def test_what_a_client_left_out_is_marked_as_our_usual() -> None:
    said = opened("agence-lumiere").statements().set_index("what")
    assert said.kind["profile of a day"] == "estimate"
    page = printed("90_sources", "agence-lumiere")
    assert f"profile of a day | {said.value['profile of a day']} (not said: our usual)" in page


# --- the chance of short notice ---------------------------------------------------------------


@pytest.mark.parametrize("client", ("klinikverbund-nordheide", "agence-lumiere"))
def test_the_chance_of_a_short_notice_is_the_sum_of_its_parts(client: str) -> None:
    s = opened(client)
    chances = s.notice_chances().query("within == 90 and mine and notices > 0")
    parts = s.habit_parts()
    assert set(parts.vendor) == set(chances.vendor)
    for row in chances.itertuples():
        own = parts[parts.vendor == row.vendor]
        assert own.weight.sum() == pytest.approx(1)
        assert (own.weight * own.chance).sum() == pytest.approx(row.chance, abs=1e-6)
        counted = s.retirement_notices().query("vendor == @row.vendor and counts")
        assert len(counted) == row.notices and (counted.days <= 90).sum() == row.short


def test_own_notices_count_by_the_age_that_their_printed_dates_give_them() -> None:
    # Reported on 24 November 2026 and asked for the next day; half as much every 240 days.
    s = opened("klinikverbund-nordheide")
    notices = s.retirement_notices().query("counts")
    ages = [(dt.date(2026, 11, 25) - dt.date.fromisoformat(day)).days for day in notices.announced]
    weights = [0.5 ** (age / 240) for age in ages]
    short = sum(w for w, days in zip(weights, notices.days, strict=True) if days <= 90)
    parts = s.habit_parts()
    row = parts.loc[(parts.half_life - 240).abs().idxmin()]
    assert row.half_life == pytest.approx(240)
    assert (row.notices, row.short) == (pytest.approx(sum(weights)), pytest.approx(short))
    # So many of a typical vendor as are printed, in the mean of the variants; and the drift.
    drawn = (short + row.counts_as * row.typical) / (sum(weights) + row.counts_as)
    assert row.drawn == pytest.approx(drawn, abs=0.005)
    odds = row.drawn / (1 - row.drawn) * math.exp(row.drift)
    assert row.chance == pytest.approx(odds / (1 + odds), abs=0.005)


def test_the_notices_of_two_tables_differ_by_those_that_may_have_been_longer() -> None:
    # Azure tells an end of February 2026 on a page of December 2025, which may have stood earlier.
    s = opened("klinikverbund-nordheide")
    habit = s.notice_habits().set_index("vendor").loc["Microsoft Azure"]
    notices = s.retirement_notices().query("vendor == 'Microsoft Azure'")
    assert habit.notices - habit.unsure == notices.counts.sum()
    assert notices[notices.unsure].days.tolist() == [64] and habit.unsure == 1
    page = printed("78_vendor_record", "klinikverbund-nordheide")
    assert "Left out: Microsoft Azure, 64 days on 2025-12-16, the latest possible day" in page


def test_the_cost_of_moves_to_successors_is_made_anew_from_the_moves_of_each_year() -> None:
    # A year's moves, by its months in service, times a test, which costs 2 % more each year: in
    # the middle of year n by 1.02^(n − 0.5), of year 1's last nine months by 1.02^(7.5 / 12).
    s = opened("assekuranz-saentis")
    by_year = s.items_by_year().query("option == 'OpenAI in EU'").set_index(["item", "year"])
    test = by_year.paid["Migration: evaluation and acceptance", 1]
    moves = s.retirement_calendar().query("option == 'OpenAI in EU'").set_index("year").moves
    assert by_year["first"]["Moves to successor models", 1] == 4
    for year, expected in moves.items():
        served, when = (9 / 12, 7.5 / 12) if year == 1 else (1, year - 0.5)
        paid = by_year.paid["Moves to successor models", year]
        assert paid == pytest.approx(expected * served * test * 1.02**when, rel=0.005)


@pytest.mark.parametrize("client", ("klinikverbund-nordheide", "agence-lumiere"))
def test_each_notice_that_counts_is_printed_with_its_day_and_its_days(client: str) -> None:
    s = opened(client)
    page = printed("78_vendor_record", client)
    counted = s.retirement_notices().query("counts")
    assert f"The {len(counted)} of " in page
    for row in counted.itertuples():
        assert f"{row.announced} | {row.retired} | {row.days:.0f} | " in page
    for row in s.habit_parts().query("weight >= 0.01").itertuples():
        assert f"| {s.percent(row.weight, 1)} | " in page
