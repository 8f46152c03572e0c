"""Single cells of chapters, run on values that no client of `params/` happens to have."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from siting import study
from siting.inputs.scenario.changes import put
from siting.study.decision import DecisionFrames
from siting_report.show import Enough
from studies import designed, opened

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"

mpl.use("Agg")


def run(chapter: str, *cells: str, **names: Any) -> dict[str, Any]:
    """Names after some cells of a chapter; what they `say`, `table` and `chart` is kept in order
    under `exhibits`, as positional and named arguments."""
    book = json.loads((NOTEBOOKS / f"{chapter}.ipynb").read_text("utf-8"))
    source = {cell["id"]: "".join(cell["source"]) for cell in book["cells"]}
    exhibits: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

    def show(*given: Any, **named: Any) -> None:
        exhibits.append((given, named))

    def need(condition: object, otherwise: str, data: object = None) -> None:
        if not condition:
            show(otherwise, data)
            raise Enough(otherwise)

    space: dict[str, Any] = {}
    exec(source["study"].replace("s = study.open(client)", ""), space)  # its imports
    space |= {"say": show, "table": show, "chart": show, "answers": show, "need": need}
    space |= {"exhibits": exhibits, **names}
    try:
        for cell in cells:
            exec(source[cell], space)
    except Enough:
        pass
    return space


# --- what turns the answer ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lead", "turning", "said"),
    [
        (np.nan, 1, "Only one option may be chosen"),
        (3.0, 0, "No change that was tried puts another option first"),
        (3.0, 1, None),
    ],
)
def test_the_chapter_on_turns_says_which_of_two_reasons_leaves_it_nothing_to_rank(
    lead: float, turning: int, said: str | None
) -> None:
    turns = pd.DataFrame({"lead": [-1.0] * turning})
    found = run("17_turns", "alone", answer=SimpleNamespace(lead=lead), turns=turns, variants=turns)
    told = [given[0] for given, _ in found["exhibits"]]
    assert len(told) == (said is not None)
    assert all(said in text for text in told)


def test_the_lead_in_the_report_is_drawn_as_a_dotted_line_and_named_in_the_note() -> None:
    s = opened("klinikverbund-nordheide")
    found = run("17_turns", "names", "list", "list-room", "list-chart", s=s)
    ((ax, *_), named) = found["exhibits"][-1]
    # A solid line has no dashes.
    dotted = [lines for lines in ax.collections if lines.get_linestyle()[0][1]]
    assert [lines.get_segments()[0][0][0] for lines in dotted] == [s.verdict().lead[0]]
    assert f"dotted: now, {s.number(s.verdict().lead[0], 1)}" in named["note"]


# --- page one -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("choice", "is_clear", "is_cleared", "reply"),
    [
        ("own", True, True, "Yes"),
        ("own", False, True, "Not yet"),
        ("own", True, False, "Not yet"),
        ("today", True, True, "Not yet"),
        ("other", True, True, "No"),
        ("other", False, True, "No"),
        ("other", True, False, "Not yet"),
        (None, False, False, None),
    ],
)
def test_the_clients_question_is_answered_by_the_choice_and_by_how_sure_it_is(
    choice: str | None, is_clear: bool, is_cleared: bool, reply: str | None
) -> None:
    decision = SimpleNamespace(
        stays=choice == "today",
        cleared=is_cleared,
        word=SimpleNamespace(at_least=0.5 if is_clear else 0),
    )
    for means_yes, expected in ((["own"], reply), ([], None)):
        frames: Any = SimpleNamespace(
            client=SimpleNamespace(yes_means=means_yes),
            results=SimpleNamespace(decision=decision),
        )
        assert DecisionFrames._reply(frames, choice) == expected


@pytest.mark.parametrize(("reply", "begins"), [("Not yet", "# Not yet. Prepare"), (None, "# Prep")])
def test_a_headline_replies_only_to_a_client_who_asked(reply: str | None, begins: str) -> None:
    answer = SimpleNamespace(reply=reply, stays=False, cleared=False, months=0)
    found = run("10_decision", "headline", answer=answer, running="M", place="here", options=None)
    ((headline, _), _) = found["exhibits"][0]
    assert headline.startswith(begins)


def test_an_option_whose_room_is_too_small_is_not_the_mix_that_is_one_of_its_parts() -> None:
    none_fits = {"options.owned.room": {"kw": 0.1}}
    small = study.Study(put(designed("base"), none_fits))
    barred = small.exclusions().set_index("option")
    owned, mix = (small.options[name].label for name in ("owned", "hybrid"))
    assert barred.whose[owned] == "the comparison"
    assert "with cooling, the room has 0.1" in barred["rule"][owned]
    assert barred.whose[mix] == "a part"


def test_page_one_names_a_cheaper_option_that_cannot_be_had_and_leaves_out_a_mix_of_one_part() -> (
    None
):
    s = opened("base")
    barred = pd.DataFrame(
        {
            "option": ["Room", "Mix"],
            "whose": ["the comparison", "a part"],
            "rule": ["its servers need 2 racks", "its cheapest split is Room alone"],
        }
    )
    options = pd.DataFrame({"p50": {"Chosen": 3e5, "Room": 1e5, "Mix": 1e5}, "score_mean": 50.0})
    worth = pd.DataFrame({"points": [1.0], "label": ["Cost"], "option": ["Chosen"]})
    frames = {"exclusions": lambda: barred, "scorecard": lambda: worth, "money": s.money}
    found = run(
        "10_decision",
        "cheapest-words",
        "cheapest",
        s=SimpleNamespace(**frames, number=s.number),
        options=options,
        chosen="Chosen",
        barred=barred.set_index("option"),
        lone_mixes=pd.Index(["Mix"]),
    )
    assert found["why_not"] == [
        f"Room ({s.money(1e5)}) cannot be chosen, because its servers need 2 racks.",
        "Chosen is the cheapest that may be chosen.",
    ]


# --- cost -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("names", "sums"), [(("api",), 2), (("api", "rented"), 4)])
def test_only_sums_are_set_as_sums_in_the_cash_by_year(names: tuple[str, ...], sums: int) -> None:
    base = designed("base")
    kept = {name: base.options[name] for name in names}
    finance = base.finance.model_copy(update={"baseline": "api"})
    few = study.Study(base.model_copy(update={"options": kept, "finance": finance}))
    found = run("40_cost", "names", "which-years", "year-limit", "years", s=few)
    ((frame, *_), named) = found["exhibits"][-1]
    assert named["totals"] == sums
    cost_lines = frame.index[:-sums]
    assert all(line.endswith(")") for line in cost_lines)
    assert not any(line.endswith(("(opex)", "(capex)")) for line in frame.index[-sums:])


# --- capacity -------------------------------------------------------------------------------------


# --- one rule for the rival -----------------------------------------------------------------------


@pytest.mark.parametrize("client", ["base", "klinikverbund-nordheide", "polderwerk"])
def test_page_one_and_the_chapter_on_cost_hold_the_choice_against_the_same_option(
    client: str,
) -> None:
    s = opened(client)
    page = run("10_decision", "names", s=s)
    rival = page["rival"]
    assert rival == run("40_cost", "names", s=s)["rival"]
    if s.today is None or s.today == s.chosen:
        allowed = page["options"].query("status != 'ruled out'").p50.dropna()
        assert rival == allowed.drop(s.chosen).idxmin()
    else:
        assert rival == s.today


def test_a_year_above_the_limit_that_the_mean_keeps_is_told() -> None:
    """A limit of a year was told nowhere, and a year of purchase far above it neither."""
    base = designed("base")
    kept = {name: base.options[name] for name in ("api", "owned")}
    free = study.Study(base.model_copy(update={"options": kept}))
    assert free.year_limit().empty
    assert "limit" not in run("40_cost", "names", "which-years", "year-limit", s=free)["years_note"]

    paid = free.yearly_costs().set_index(["option", "year"]).paid
    likely = free.standings().set_index("option").p50
    label = kept["owned"].label
    first, second = paid[label, 1], paid[label, 2]
    assert likely[label] / 5 < first and second < first
    limit = max(second, likely[label] / 5) * 1.0001
    asked = put(free.scenario, {"decision.hard_constraints": ["budget"]})
    s = study.Study(put(asked, {"decision.budget_per_year": limit}))
    row = s.year_limit().set_index("option").loc[label]
    assert row["mean"] == pytest.approx(likely[label] / 5) and row.limit == limit
    note = run("40_cost", "names", "which-years", "year-limit", s=s)["years_note"]
    assert f"Single years are above it: {label} pays {s.money(first)} in year 1" in note
    assert f"{label} {s.money(row['mean'])}" in note


def test_an_invoice_is_asked_for_the_workloads_that_none_was_sent_for() -> None:
    """One for the letters alone, at 20 times the list, was told nowhere, and asked for again."""
    s = opened("base")
    sent = pd.DataFrame({"option": [s.today], "workload": ["letters"], "times": [20.0]})
    loads = pd.concat([s.loads(), s.loads()]).assign(workload=["letters", "claims"])
    cells = ("names", "answer", "so-far", "bridge", "counted", "ask-money", "other-future", "terms")

    class Sent:
        """The study with two workloads, and with invoices for some of them."""

        def __init__(self, rows: pd.DataFrame) -> None:
            self.invoices = rows.copy
            self.loads = loads.copy

        def __getattr__(self, name: str) -> Any:
            return getattr(s, name)

    def told(rows: pd.DataFrame) -> tuple[str, str]:
        found = run("40_cost", *cells, s=Sent(rows))
        return found["lead"], " ".join(found["ask"])

    lead, ask = told(sent)
    assert f"{s.today} is priced by your invoice, at 20.00 times its list price for letters" in lead
    assert f"Send an invoice of {s.today} for claims, too" in ask
    lead, ask = told(sent.assign(times=np.nan))
    assert "invoice" not in lead and "for claims, too" in ask
    both = pd.concat([sent, sent.assign(workload="claims")])
    assert "Send an invoice" not in told(both)[1]
    assert f"Send an invoice of {s.today}: its cost is estimated" in told(sent[:0])[1]


def test_a_pilot_keeps_the_limits_of_each_workload_that_waits_for_no_one() -> None:
    """Of two workloads the second's limits went untold."""
    base = designed("base")
    ((name, work),) = base.workloads.items()
    second = put(base, {f"workloads.{name}.latency.ttft_s": 9.0}).workloads[name]
    waits = put(base, {f"workloads.{name}.batchable_share": 1.0}).workloads[name]
    two = base.model_copy(update={"workloads": {name: work, "agent_runs": second, "batch": waits}})
    limits = study.Study(two).pilot_limits()
    assert limits.first_token.tolist() == [2.0, 9.0]
    assert limits.workload.iloc[1] == "agent runs"
    none = float("nan")
    gate = SimpleNamespace(
        ceiling=none,
        price_limit=none,
        turns_at=none,
        once=0.0,
        own_hours=0.0,
        rental=none,
        proofs=None,
    )
    answer = SimpleNamespace(
        stays=False, live="2027-03-01", live_low="2027-02-01", live_high="2027-04-01", servers=0
    )
    told = run(
        "10_decision",
        "gate-go",
        s=SimpleNamespace(
            pilot_limits=lambda: limits, for_counsel=lambda: [], month=str, names_of=str
        ),
        answer=answer,
        gate=gate,
        points=[],
        hard=[],
        contract=None,
        chosen="X",
    )["conditions"]
    assert told == [
        "pilot answers within 2 s, 60 ms a token for assistant and "
        "9 s, 60 ms a token for agent runs"
    ]
