"""Bills as they come: FOCUS, an invoice; and what is refused of them."""

import contextlib
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from siting.inputs.document import DocumentError
from siting_bills import bills
from siting_bills.audit import Billed

FOCUS = (
    "BilledCost,BillingCurrency,ChargePeriodStart,ChargePeriodEnd,ChargeCategory,ServiceName,"
    "ConsumedQuantity,ConsumedUnit,SkuMeter"
)


def written(folder: Path, text: str, name: str = "bill.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def focus(folder: Path, *rows: str, head: str = FOCUS) -> Path:
    return written(folder, "\n".join((head, *rows)) + "\n", "focus.csv")


def charge(cost: float, month: str, tokens: str = "", **said: str) -> str:
    year, number = map(int, month.split("-"))
    after = f"{year + number // 12}-{number % 12 + 1:02}"
    told = {
        "category": "Usage", "service": "OpenAI", "unit": "1M Tokens" if tokens else "",
        "start": f"{month}-01T00:00:00Z", "end": f"{after}-01T00:00:00Z", "money": "EUR",
        "meter": "input", **said,
    }  # fmt: skip
    return ",".join(
        (str(cost), told["money"], told["start"], told["end"], told["category"], told["service"],
         tokens, told["unit"], told["meter"])
    )  # fmt: skip


def test_a_focus_bill_is_read_net_of_credits_and_without_tax(tmp_path):
    path = focus(
        tmp_path, charge(600, "2026-12", "300"), charge(400, "2026-12", "100", meter="output"),
        charge(-50, "2026-12", category="Credit"), charge(180.5, "2026-12", category="Tax"),
        charge(700, "2027-01", "350"),
    )  # fmt: skip
    found = bills.read([path])
    assert found.months == (
        Billed(month="2026-12", amount=950, currency="EUR", credits=-50, taxes=180.5, tokens=4e8),
        Billed(month="2027-01", amount=700, currency="EUR", tokens=3.5e8),
    )
    assert found.formats == ("focus.csv (FOCUS)",)
    assert found.notes == ()


def test_charges_by_the_day_add_up_and_a_month_in_progress_is_left_out(tmp_path):
    days = [
        charge(10, "2026-12", start=f"2026-12-{day:02}", end=f"2026-12-{day + 1:02}")
        for day in range(1, 31)
    ]
    started = [
        charge(9, "2027-01", start=f"2027-01-{day:02}", end=f"2027-01-{day + 1:02}")
        for day in range(1, 9)
    ]
    found = bills.read([focus(tmp_path, *days, *started)])
    assert [(month.month, month.amount) for month in found.months] == [("2026-12", 300)]
    assert found.notes == ("focus.csv: 2027-01 is left out, for it ends on 2027-01-08",)


@pytest.mark.parametrize(
    ("text", "counted", "scale"),
    [
        ("Tokens", "tokens", 1),
        ("1,000 tokens", "tokens", 1e3),
        ("1M Tokens", "tokens", 1e6),
        ("GPU-Hours", "gpu_hours", 1),
        ("GPU-h", "gpu_hours", 1),
    ],
)
def test_units_of_a_quantity_are_read(text, counted, scale):
    assert bills.unit_of(text) == bills.Unit(counted, scale)


def test_an_invoice_is_typed_by_month(tmp_path):
    path = written(
        tmp_path,
        "month,amount,currency,requests,input_tokens,output_tokens\n"
        "2026-12,900,USD,1000,3000000,400000\n2027-01,950,USD,,,\n",
    )
    assert bills.read([path]).months == (
        Billed(month="2026-12", amount=900, currency="USD", requests=1_000, tokens=3.4e6),
        Billed(month="2027-01", amount=950, currency="USD"),
    )


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("date,total\n2026-12,9\n", "is no bill of a format that is known (FOCUS: BilledCost"),
        ("", "is no bill of a format that is known"),
        ("month,amount,currency\n2026-12,nine,EUR\n", "bill.csv:2: amount: 'nine' is no number"),
        ("month,amount,currency\n2026-13,9,EUR\n", "bill.csv:2: month: is no month or day; write"),
        ("month,amount,currency\n2026-12,9,Euro\n", "bill.csv:2: currency: 'Euro' is no currency"),
        ("month,amount,currency\n2026-12,9,EUR\n2027-01,9,USD\n",
         "bill.csv:3: currency: is not EUR, as above; split the file by currency"),
        ("month,amount,currency\n2026-12,9,EUR\n2026-12,9,EUR\n",
         "bill.csv:3: is the same as a row above it"),
        ("month,amount,currency\n", "no row follows the headings"),
        ("month,amount,currency,requests\n2026-12,9,EUR,-4\n", "requests: '-4' is no count"),
    ],
)  # fmt: skip
def test_a_table_is_refused_by_line_and_column(text, said, tmp_path):
    with pytest.raises(DocumentError) as refused:
        bills.read([written(tmp_path, text)])
    assert said in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1


def test_a_month_that_two_files_tell_is_refused(tmp_path):
    money = written(tmp_path, "month,amount,currency\n2026-12,9,EUR\n", "a.csv")
    again = written(tmp_path, "month,amount,currency\n2026-12,8,EUR\n", "b.csv")
    with pytest.raises(DocumentError, match=r"b\.csv: 2026-12: another file tells it, too"):
        bills.read([money, again])


def test_a_file_that_is_too_large_or_a_link_is_not_read(tmp_path, monkeypatch):
    path = written(tmp_path, "month,amount,currency\n2026-12,9,EUR\n")
    link = tmp_path / "link.csv"
    link.symlink_to(path)
    with pytest.raises(DocumentError, match="is a link"):
        bills.read([link])
    monkeypatch.setattr(bills.sheet, "MAX_BYTES", 8)
    with pytest.raises(DocumentError, match="is larger than"):
        bills.read([path])


@settings(max_examples=60)
@given(st.data())
def test_no_file_of_a_stranger_ends_in_a_traceback(data):
    pieces = st.sampled_from(
        ["BilledCost", "BillingCurrency", "ChargePeriodStart", "month", "amount", "currency", ",",
         "\n", "2026-12", "9", "-9e400", "EUR", "nan", '"', ";", "\0", "{", "}", "[", "]", ":",
         '"data"', '"start"', '"totalCost"', " ", "1.2.3",
         "{a=1}", "2026-12-01T00:00:00Z", "1e18", "é", "=1"]
    )  # fmt: skip
    name = data.draw(st.sampled_from(["b.csv", "b.txt"]))
    heads = ["", f"{FOCUS}\n", "month,amount,currency\n"]
    head = data.draw(st.sampled_from(heads))
    text = head + "".join(data.draw(st.lists(pieces, max_size=40)))
    with tempfile.TemporaryDirectory() as folder:
        path = written(Path(folder), text, name)
        with contextlib.suppress(DocumentError):
            bills.read([path])
