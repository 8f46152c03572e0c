"""Numbers, money and dates: one convention a report, each expected text written by hand."""

import datetime as dt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from siting.quantity import Range
from siting_report.formats import Numbers
from siting_report.phrases import Phrases

COUNTRIES = ("IT", "DE", "FR", "NL", "US", "GB", "CH", "SE", "GR", "IN")


THIN = "\N{NARROW NO-BREAK SPACE}"


@pytest.mark.parametrize(
    ("country", "currency", "sign", "exact", "small"),
    [
        ("DE", "EUR", "€ ", "1 234 568", "27 000"),
        ("CH", "CHF", "CHF ", "1’234’568", "27’000"),
        ("GB", "GBP", "£", "1,234,568", "27,000"),
        ("IE", "EUR", "€", "1,234,568", "27,000"),
        ("US", "USD", "$", "1,234,568", "27,000"),
    ],
)
def test_one_convention_a_report(country, currency, sign, exact, small):
    numbers = Numbers(country, currency)
    assert numbers.money(1_234_567.8, 0).replace(THIN, " ") == f"{sign}{exact}"
    assert numbers.money(1_234_567.8).replace(THIN, " ") == f"{sign}1.23 million"
    assert numbers.money(27_400).replace(THIN, " ") == f"{sign}{small}"
    span = numbers.money_span(590_000, 1_170_000).replace(THIN, " ")
    assert span == f"{sign}0.59 to 1.17 million"
    assert numbers.percent(0.1234, 1) == "12.3%"
    assert numbers.number(0.01234) == "0.0123"


def test_an_amount_and_its_range_have_one_form():
    def said(low: float, central: float, high: float) -> str:
        return Numbers("DE", "EUR").range(Range(low, central, high, unit="EUR")).replace(THIN, " ")

    assert said(590_000, 830_000, 1_170_000) == "€ 0.83 million (0.59 to 1.17)"
    assert said(80_000, 185_000, 560_000) == "€ 0.18 million (0.08 to 0.56)"
    assert said(-560_000, -185_000, 80_000) == "−€ 0.18 million (−0.56 to 0.08)"
    assert said(80_000, 90_000, 100_000) == "€ 90 000 (€ 80 000 to 100 000)"


def test_prose_rounds_to_what_a_reader_can_use():
    numbers = Numbers("DE", "EUR")
    found = [numbers.money(v).replace(THIN, " ") for v in (200_000, 199_400, 4321, 432, 4.321, 0)]
    assert found == ["€ 0.20 million", "€ 199 000", "€ 4 300", "€ 432", "€ 4.32", "€ 0"]
    assert numbers.money(-230_000).replace(THIN, " ") == "−€ 0.23 million"
    assert numbers.money(-0.001, 0).replace(THIN, " ") == "€ 0"


def test_what_is_missing_is_a_dash_and_what_never_comes_is_never():
    numbers = Numbers("DE", "EUR")
    assert numbers.money(float("nan")) == numbers.number(float("nan")) == "–"
    assert numbers.number(float("inf")) == numbers.percent(float("inf")) == "never"
    assert numbers.quantity(float("inf"), "months") == "never"


@pytest.mark.parametrize(
    ("country", "day", "said"),
    [
        ("IT", dt.date(2026, 11, 24), "24 November 2026"),
        ("US", dt.date(2026, 11, 24), "November 24, 2026"),
        ("DE", "2026", "2026"),
        ("DE", "2026-05", "May 2026"),
        ("DE", "2026-05-07", "7 May 2026"),
        ("DE", "undated", "undated"),
    ],
)
def test_a_date_is_words_in_the_country_s_order_and_keeps_its_precision(country, day, said):
    assert Numbers(country, "EUR").date(day) == said


def test_a_range_reads_as_central_value_and_span():
    numbers = Numbers("IT", "EUR")
    assert numbers.range(Range(10, 12.3, 15, unit="GiB")) == "12.3\xa0GiB (10.0 to 15.0)"
    money = numbers.range(Range(1000, 2000, 3000, unit="EUR")).replace(THIN, " ")
    assert money == "€ 2 000 (€ 1 000 to 3 000)"
    assert numbers.range(Range(0.1, 0.2, 0.3, unit="share")) == "20% (10% to 30%)"
    assert numbers.span(Range(0.708, 0.71, 0.712, unit="share")) == "71%"
    foreign = numbers.range(Range(250_142, 317_000, 450_000, unit="USD")).replace(THIN, " ")
    assert foreign == "US$ 0.32 million (0.25 to 0.45)"
    assert numbers.range(Range(-0.2, 0, 0.1, unit="per year")) == "0\xa0per year (−0.200 to 0.100)"
    assert numbers.range(Range.exact(4, "GPUs"), 0) == "4\xa0GPUs"
    per_million = Range.exact(3.456, "USD per million tokens")
    assert numbers.range(per_million).replace(THIN, " ") == "$ 3.46 per million tokens".replace(
        "$ ", "US$ "
    )


@given(st.floats(-1e12, 1e12), st.sampled_from(COUNTRIES), st.integers(0, 4))
@settings(max_examples=60, deadline=None)
def test_a_printed_number_reads_back_as_the_rounded_number(value, country, decimals):
    text = Numbers(country, "EUR").number(value, decimals)
    read = float(text.translate(str.maketrans({THIN: "", "’": "", ",": "", "−": "-"})))
    # Half of the last digit, and the rounding of the binary number itself.
    assert read == pytest.approx(value, abs=0.5 * 10**-decimals + abs(value) * 1e-12)


@given(st.floats(1e-4, 1e9))
@settings(max_examples=60, deadline=None)
def test_three_significant_digits_lose_less_than_one_percent(value):
    text = Numbers("US", "USD").number(value).replace(",", "")
    assert float(text) == pytest.approx(value, rel=0.006)


@pytest.mark.parametrize(
    ("country", "said"),
    [
        ("DE", f"15{THIN}000 tokens, not 7{THIN}500, of 2,5 or 1,2345"),
        ("CH", "15’000 tokens, not 7’500, of 2,5 or 1,2345"),
        ("GB", "15,000 tokens, not 7,500, of 2,5 or 1,2345"),
    ],
)
def test_thousands_in_a_text_are_set_apart_as_the_country_does(country, said):
    text = "15,000 tokens, not 7,500, of 2,5 or 1,2345"
    assert Numbers(country, "EUR").regrouped(text) == said


@pytest.mark.parametrize(
    ("country", "language", "written"),
    [
        ("DE", "de", ("7.500", "0,493", "1.234,5", "12,5\N{NARROW NO-BREAK SPACE}%")),
        ("CH", "de", ("7’500", "0.493", "1’234.5", "12.5\N{NARROW NO-BREAK SPACE}%")),
        ("US", "en", ("7,500", "0.493", "1,234.5", "12.5%")),
    ],
)
def test_a_number_within_a_text_is_written_as_the_client_does(country, language, written):
    numbers = Numbers(country, "EUR", language)
    assert tuple(map(numbers.as_client, ("7,500", "0.493", "1,234.5", "12.5%"))) == written
    assert numbers.as_client("GPT-5.6 Luna") == "GPT-5.6 Luna"


def test_a_german_text_of_the_library_keeps_the_size_of_its_numbers():
    numbers = Numbers("DE", "EUR", "de")
    clause = "one request of “x” in twenty has more than 7,500 input tokens, not 3,000"
    said = Phrases(numbers).text(numbers.regrouped(clause))
    assert "mehr als 7.500 " in said and "statt 3.000" in said
