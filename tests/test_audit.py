"""A plan beside its bills: what came, and why it differs."""

import math
import re
from itertools import product
from pathlib import Path

import pytest
from click.testing import Result
from commands import siting
from hypothesis import given, settings
from hypothesis import strategies as st
from siting.cost import ledger
from siting_bills import audit, billing
from siting_bills.audit import Billed
from studies import opened

ROOT = Path(__file__).parents[1]
REPORT = "2026-11"


# --- why ------------------------------------------------------------------------------------------


def test_a_difference_is_split_by_logarithmic_means():
    # Planned 100 requests at 2; came 150 at 3, which is 450 instead of 200. Both links grew by one
    # half, so each has half of the 250: L(450, 200) × ln 1.5 = 250 / ln 2.25 × ln 1.5 = 125.
    found = audit.effects({"requests": 100, "amount": 200}, {"requests": 150, "amount": 450})
    assert found == pytest.approx({"volume (requests)": 125, "price of a request": 125})


amounts = st.floats(1e-3, 1e9)


@settings(max_examples=50)
@given(st.tuples(*[amounts] * 4), st.tuples(*[amounts] * 4))
def test_effects_add_up_to_the_difference(planned, came):
    plan = dict(zip(audit.CHAIN, planned, strict=True))
    seen = dict(zip(audit.CHAIN, came, strict=True))
    for told in product((True, False), repeat=3):
        known = {q for q, is_told in zip(audit.CHAIN, (*told, True), strict=True) if is_told}
        found = audit.effects(plan, {q: value for q, value in seen.items() if q in known})
        whole = seen["amount"] - plan["amount"]
        assert sum(found.values()) == pytest.approx(whole, rel=1e-6, abs=1e-6 * plan["amount"])


@pytest.mark.parametrize(
    ("told", "gpus", "said"),
    [
        (("requests", "tokens", "amount"), 0,
         ["volume (requests)", "tokens a request", "price of a token"]),
        (("tokens", "gpu_hours", "amount"), 9,
         ["volume (tokens)", "utilisation (GPU-hours for tokens)", "price of a GPU-hour"]),
        (("gpu_hours", "amount"), 9,
         ["volume and utilisation (GPU-hours)", "price of a GPU-hour"]),
        (("tokens", "amount"), 9, ["volume (tokens)", "price and utilisation (a token)"]),
        (("tokens", "gpu_hours", "amount"), 0, ["volume (tokens)", "price of a token"]),
        (("amount",), 9, ["all together"]),
    ],
)  # fmt: skip
def test_a_chain_has_the_links_that_both_sides_tell(told, gpus, said):
    planned = {"requests": 5, "tokens": 7, "gpu_hours": gpus, "amount": 3}
    assert list(audit.effects(planned, dict.fromkeys(told, 2.0))) == said


# --- beside the plan ------------------------------------------------------------------------------


def foretold(client: str = "base", option: str = "api") -> audit.Foretold:
    return billing._foretold(opened(client), option)


def test_money_requests_and_tokens_of_a_month_are_those_that_the_report_bills_by_use():
    plan = opened("base").results.cost.plan
    (line,) = (f for f in ledger.flows(plan, "api", plan.central()) if f.path.startswith("api"))
    found = foretold()
    assert found.items == ("API usage",)
    assert found.planned["amount"] == pytest.approx(line.amounts[1:])
    assert found.planned["requests"] == pytest.approx(line.quantity[1:])
    each = found.planned["tokens"] / found.planned["requests"]
    assert each == pytest.approx(3_000 + 400 + plan.factors["hidden_tokens"].value.central)


def test_the_last_month_of_a_horizon_belongs_to_it():
    assert audit.index_of("2026-12", REPORT) == 0
    assert audit.index_of("2031-11", REPORT) == 59
    assert audit.audit(foretold(), [Billed(month="2031-11", amount=1.0)], REPORT).months


def test_a_bill_outside_the_range_is_seen():
    plan = foretold()
    low, high = (plan.range("amount", 0).ends[end] for end in (0, 2))
    came = [Billed(month="2026-12", amount=high * 1.01), Billed(month="2027-01", amount=low * 1.05)]
    found = audit.audit(plan, came, REPORT)
    assert [month.inside for month in found.months] == [False, True]


def test_a_count_of_rented_cards_tells_utilisation_apart_from_price():
    # As planned, but for a quarter more GPU-hours at a price a tenth lower, and twice the tokens a
    # request at as many requests.
    plan = foretold(option="rented")
    at = {quantity: float(values[0]) for quantity, values in plan.planned.items()}
    came = Billed(
        month="2026-12", requests=at["requests"], tokens=2 * at["tokens"],
        gpu_hours=1.25 * at["gpu_hours"], amount=1.25 * 0.9 * at["amount"],
    )  # fmt: skip
    found = audit.audit(plan, [came], REPORT)
    weight = audit.logarithmic_mean(1.125 * at["amount"], at["amount"])
    assert found.effects == pytest.approx(
        {
            "volume (requests)": 0,
            "tokens a request": weight * math.log(2),
            "utilisation (GPU-hours for tokens)": weight * math.log(1.25 / 2),
            "price of a GPU-hour": weight * math.log(0.9),
        },
        abs=1e-6 * at["amount"],
    )


# --- the command and its page ---------------------------------------------------------------------

PAGE = (ROOT / "docs" / "how-to" / "audit.md").read_text(encoding="utf-8")
FENCE = re.compile(r"^```(\w+)(?: title=\"([^\"]+)\")?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def asked(*words: str) -> Result:
    return siting("audit", *words)


@pytest.fixture
def invoice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The invoice that the page types."""
    monkeypatch.chdir(tmp_path)
    ((name, text),) = ((name, text) for _, name, text in FENCE.findall(PAGE) if name)
    (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path / name


SPLIT = "{label: Parts, kind: split, parts: {assistant: api}}"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("base", "invoice.csv", "--option", "apu"), "--option: 'apu' is no option; did you mean"),
        (
            ("base", "invoice.csv", "--option", "parts", "--set", f"options.parts={SPLIT}"),
            "parts is a split, and each of its parts has a bill of its own; name one, with its "
            "--workload: api",
        ),
        (("nobody", "invoice.csv"), "does not exist"),
        (("base", "gone.csv"), "gone.csv"),
        (("base",), "Missing argument"),
    ],
)
def test_what_cannot_be_audited_is_refused(words, said, invoice):
    found = asked(*words)
    assert (found.exit_code, found.stdout) == (2, "")
    assert said in found.stderr


def test_bills_of_another_time_are_refused_by_name(invoice):
    invoice.write_text("month,amount,currency\n2025-01,1000,EUR\n", encoding="utf-8")
    found = asked("base", invoice.name, "--option", "api")
    assert found.exit_code == 2
    assert "none of 2025-01 lies in the plan's horizon; the plan covers 60 months" in found.stderr
