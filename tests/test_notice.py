"""Chances of short notice and lives of API models."""

import dataclasses
import datetime as dt
from statistics import NormalDist

import numpy as np
import pytest
import scipy
from scipy.stats import CensoredData, lognorm
from siting.vendors import notice
from siting.vendors.vendor_record import Living, Record, Retirement, Vendor, load, notices

DAY = dt.date(2026, 1, 1)
ROW = {
    "source": "s", "url": "https://example.org", "locator": "l", "date": "2025-01-01",
    "kind": "published",
}  # fmt: skip


def vendor(name: str) -> Vendor:
    return Vendor(vendor=name, role="api", press="high", **ROW)


def retirement(maker: str, model: str, announced: str, retired: str, **more: str) -> Retirement:
    row = {"vendor": maker, "platform": maker, "model": model, "stage": "ga", **more}
    return Retirement(announced=announced, retired=retired, **row, **ROW)


def record(*rows: Retirement) -> Record:
    makers = dict.fromkeys(r.vendor for r in rows)
    return Record(
        vendors=tuple(map(vendor, makers)), events=(), notices=notices(rows), policies=(), facts=()
    )


def test_the_chance_of_a_short_notice_by_hand():
    # A gave 30 days a year ago, B 180 on the same day: none was foretold from the other, so all
    # variants foretold equally well, nothing drifts, and the pool is one half. A's own notice
    # weighs 2^(−365/half-life), so its share is (weight + k/2) / (weight + k): the mean of forty.
    known = record(
        retirement("A", "a1", "2025-01-01", "2025-01-31"),
        retirement("B", "b1", "2025-01-01", "2025-06-30"),
    )
    ninety = {c.within: c for c in notice.notice_chances(known, "A", DAY)}[90]
    weights = [0.5 ** (366 / h) for h in (30, 60, 120, 240, 480, 960, 1920, 3840)]
    worth = [(w, k) for w in weights for k in (0.5, 1, 2, 4, 8)]
    assert ninety.pool == pytest.approx(0.5)
    assert ninety.chance.central == pytest.approx(sum((w + k / 2) / (w + k) for w, k in worth) / 40)
    assert ninety.a + ninety.b == pytest.approx(sum(w + k for w, k in worth) / 40)
    assert (ninety.notices, ninety.short) == (1, 1)


def test_a_habit_that_all_vendors_lose_moves_even_a_vendor_without_notices():
    long = [retirement(v, v + "1", "2024-01-01", "2024-12-31") for v in "ABCD"]
    brief = [
        retirement(v, f"{v}{m}", f"2025-{m:02}-01", f"2025-{m:02}-15")
        for v in "ABCD"
        for m in range(5, 13)
    ]
    before, after = (
        notice.notice_chances(record(*rows), "new", DAY)[1].chance.central
        for rows in (long, [*long, *brief])
    )
    assert before < 0.5 < 0.8 < after


def test_without_drift_a_variant_is_the_beta_binomial_by_hand(monkeypatch):
    # B gave 30 days, then A 180 days a year ago. Of a half-life h, A's own long notice weighs
    # w = 2^(−365/h), and the typical vendor's share is
    # (0.25 / (w + 0.5) + (w + 0.25) / (w + 0.5)) / 2 = 1/2.
    known = record(
        retirement("B", "b1", "2025-01-01", "2025-01-31"),
        retirement("A", "a1", "2025-01-01", "2025-06-30"),
    )
    asked = [("A", dt.date(2026, 1, 1))]
    monkeypatch.setattr(notice, "_drifted", lambda odds, *_: scipy.special.expit(odds))
    every, each_worth, _ = notice.variants(known.notices, asked)
    told, worth = every[::4], each_worth[::4]  # of four weights against a drift
    assert told.shape == (8 * 5, 3, 1)
    weights = [(0.5 ** (365 / h), k) for h in 30 * 2.0 ** np.arange(8) for k in (0.5, 1, 2, 4, 8)]
    assert told[:, 1, 0] == pytest.approx([k / 2 / (w + k) for w, k in weights])
    assert worth[:, 1, 0] == pytest.approx([w + k for w, k in weights])


def test_a_vendor_without_notices_takes_the_pool():
    known = record(
        retirement("A", "a1", "2025-01-01", "2025-01-31"),
        retirement("B", "b1", "2025-01-01", "2025-06-30"),
    )
    chances = notice.notice_chances(known, "C", DAY)
    assert [c.chance.central for c in chances] == pytest.approx([c.pool for c in chances])
    assert {c.notices for c in chances} == {0}


def test_an_announced_end_falls_into_its_year_and_is_a_certain_move():
    known = record(
        retirement("A", "m", "2025-12-01", "2027-07-01", released="2025-01-01"),
        retirement("A", "old", "2024-12-01", "2025-07-01", released="2024-07-01"),
    )
    end = notice.ending(known, "A", "m", DAY, 36, seed=1)
    assert end.by_year == (0.0, 1.0, 0.0)
    assert (end.moves[0].central, end.moves[1].low) == (0, 1)


def test_an_age_that_another_vendor_tells_shortens_what_is_left_of_a_life():
    # A has no word on m, B has had it for a median life of A's: half of such lives are over, so
    # that in half of what is left, three quarters of all, it ends at exp(0.6745 sigma) medians.
    ended = [
        retirement("A", f"m{i}", "2025-06-01", f"2025-0{i}-01", released="2024-01-01")
        for i in range(2, 9)
    ]
    usual = notice.life(record(*ended), "A", DAY)
    median = usual.range.central
    born = DAY - dt.timedelta(days=round(median))
    sold = retirement(
        "B", "m", "2025-06-01", "2029-01-01", released=born.isoformat(), stage="preview"
    )
    known = record(*ended, sold)
    end = notice.ending(known, "A", "m", DAY, 60, seed=1)
    assert (end.released, end.retired) == (born, None)
    left = notice.months_left(end, DAY)
    assert left.central == pytest.approx(
        median * (np.exp(0.6745 * usual.sigma) - 1) / 30.4375, rel=0.01
    )
    # Of 4,000 draws, a share is right to three standard errors: 0.024.
    lasts = NormalDist().cdf(np.log((median + 365.25) / median) / usual.sigma)
    assert end.by_year[0] == pytest.approx((lasts - 0.5) / 0.5, abs=0.024)
    # Its own vendor's word comes before another's; without any, it counts as new.
    living = Living(vendor="A", model="m", released="2025-12-01", **ROW)
    own = notice.ending(dataclasses.replace(known, living=(living,)), "A", "m", DAY, 60, seed=1)
    assert own.released == dt.date(2025, 12, 1)
    new = notice.ending(record(*ended), "A", "m", DAY, 60, seed=1)
    assert new.released is None
    assert notice.months_left(new, DAY).central == pytest.approx(median / 30.4375, rel=0.01)


def test_chances_by_year_are_shares_and_never_sum_above_one():
    for name, model in (("OpenAI", "gpt-5.4-mini"), ("Mistral", "mistral-medium-3-5")):
        end = notice.ending(load(), name, model, dt.date(2026, 11, 24), 120, seed=1)
        assert all(0 <= share <= 1 for share in end.by_year)
        assert 0.9 < sum(end.by_year) <= 1  # in ten years almost every model ends


def test_the_living_lengthen_the_usual_life_and_the_ended_alone_give_their_own():
    """Two that ended lived 200 and 800 days: a log-normal's median is 400 = √(200 · 800)."""
    ended = [
        retirement("A", "m1", "2024-01-01", "2024-07-19", released="2024-01-01"),
        retirement("A", "m2", "2024-01-01", "2026-03-11", released="2024-01-01"),
    ]
    day = dt.date(2026, 4, 1)
    alone = notice.life(record(*ended), "A", day)
    assert alone.range.central == pytest.approx(400, rel=0.01)
    still = Living(vendor="A", model="m3", released="2024-01-01", **(ROW | {"date": "2026-04-01"}))
    longer = notice.life(dataclasses.replace(record(*ended), living=(still,)), "A", day)
    assert longer.range.central > alone.range.central


@pytest.mark.parametrize("sigma", [None, 0.4])
def test_lives_are_fitted_as_scipy_fits_censored_ones(sigma):
    ended = [200.0, 350.0, 420.0, 610.0, 800.0]
    living = [90.0, 500.0, 950.0]
    lives = tuple(notice.Life("A", days, ended=days in ended) for days in ended + living)
    for some in (lives, lives[: len(ended)], lives[len(ended) :]):
        over = [x.days for x in some if x.ended] or living
        data = CensoredData(over, right=living if len(over) < len(some) else [])
        fixed = {} if sigma is None else {"f0": sigma}
        spread, _, median = lognorm.fit(data, floc=0, **fixed)
        assert notice._fit(some, sigma) == pytest.approx((spread, median), rel=1e-4)
