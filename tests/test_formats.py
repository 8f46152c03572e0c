"""Numbers, money and dates as countries write them: expected texts are CLDR's, read by hand."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from siting.formats import Numbers
from siting.quantity import Range

COUNTRIES = ("IT", "DE", "FR", "NL", "US", "GB", "CH", "SE", "GR", "IN")


@pytest.mark.parametrize(
    ("country", "currency", "money", "share", "small"),
    [
        ("IT", "EUR", "1.234.568 €", "12,3%", "0,0123"),
        ("DE", "EUR", "1.234.568 €", "12,3 %", "0,0123"),
        ("FR", "EUR", "1 234 568 €", "12,3%", "0,0123"),
        ("NL", "EUR", "€ 1.234.568", "12,3%", "0,0123"),
        ("US", "USD", "$1,234,568", "12.3%", "0.0123"),
        ("CH", "CHF", "CHF 1’234’568", "12.3%", "0.0123"),
        ("GR", "EUR", "1.234.568 €", "12,3%", "0,0123"),
        ("IN", "INR", "₹12,34,568", "12.3%", "0.0123"),
    ],
)
def test_money_shares_and_decimals_follow_the_country(
    country: str, currency: str, money: str, share: str, small: str
) -> None:
    numbers = Numbers(country, currency)
    spaces = str.maketrans({"\xa0": " ", "\u202f": " "})
    assert numbers.money(1_234_567.8).translate(spaces) == money
    assert numbers.percent(0.1234, 1).translate(spaces) == share
    assert numbers.number(0.01234) == small


def test_dates_are_english_words_in_the_country_s_order() -> None:
    day = dt.date(2026, 11, 24)
    assert Numbers("IT", "EUR").date(day) == "24 November 2026"
    assert Numbers("US", "USD").date(day) == "November 24, 2026"
    assert Numbers("GR", "EUR").date(day) == "24 November 2026"


def test_a_source_s_date_keeps_its_precision() -> None:
    numbers = Numbers("DE", "EUR")
    assert numbers.date("2026") == "2026"
    assert numbers.date("2026-05") == "May 2026"
    assert numbers.date("2026-05-07") == "7 May 2026"
    assert numbers.date("undated") == "undated"


def test_short_amounts_put_the_sign_where_long_ones_do() -> None:
    assert Numbers("IT", "EUR").compact_money(1_234_567) == "1,2M\xa0€"
    assert Numbers("NL", "EUR").compact_money(-1_234_567) == "-€\xa01,2M"
    assert Numbers("US", "USD").compact_money(999_999) == "$1.0M"
    assert Numbers("US", "USD").compact(2_500_000_000) == "2.5B"


def test_a_range_reads_as_central_value_and_span() -> None:
    numbers = Numbers("IT", "EUR")
    assert numbers.range(Range(10, 12.3, 15, "GiB")) == "12,3\xa0GiB (10,0 to 15,0)"
    assert numbers.range(Range(1000, 2000, 3000, "EUR")) == "2.000\xa0€ (1.000 to 3.000)"
    assert numbers.range(Range(0.1, 0.2, 0.3, "share")) == "20% (10% to 30%)"
    assert numbers.range(Range.exact(4, "GPUs"), 0) == "4\xa0GPUs"
    per_million = Range.exact(3.456, "USD per million tokens")
    assert numbers.range(per_million) == "3,46\xa0US$ per million tokens"


def test_the_workbook_shows_the_client_s_currency_in_its_place() -> None:
    assert Numbers("IT", "EUR").excel("money", 2) == '#,##0.00"\xa0€"'
    assert Numbers("NL", "EUR").excel("money") == '"€\xa0"#,##0'
    assert Numbers("US", "USD").excel("date") == "mmmm d, yyyy"
    assert Numbers("DE", "EUR").excel("percent", 1) == "0.0%"


@given(st.floats(-1e12, 1e12), st.sampled_from(COUNTRIES), st.integers(0, 4))
@settings(max_examples=60, deadline=None)
def test_a_printed_number_reads_back_as_the_rounded_number(
    value: float, country: str, decimals: int
) -> None:
    from babel.numbers import parse_decimal

    numbers = Numbers(country, "EUR")
    text = numbers.number(value, decimals)
    read = float(parse_decimal(text, locale=numbers.locale))
    # Half of the last digit, and the rounding of the binary number itself.
    assert read == pytest.approx(value, abs=0.5 * 10**-decimals + abs(value) * 1e-12)


@given(st.floats(1e-4, 1e9))
@settings(max_examples=60, deadline=None)
def test_three_significant_digits_lose_less_than_one_percent(value: float) -> None:
    text = Numbers("US", "USD").number(value).replace(",", "")
    assert float(text) == pytest.approx(value, rel=0.006)


def test_a_list_of_names_keeps_names_with_a_comma_apart() -> None:
    numbers = Numbers("IT", "EUR")
    assert numbers.names([]) == "none"
    assert numbers.names(["a"]) == "a"
    assert numbers.names(["a", "b", "c"]) == "a, b and c"
    assert numbers.names(["Staff, own", "Cloud, Milan"]) == "Staff, own; Cloud, Milan"
