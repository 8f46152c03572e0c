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


def test_an_option_whose_room_is_too_small_is_not_the_mix_that_is_one_of_its_parts() -> None:
    none_fits = {"options.owned.room": {"kw": 0.1}}
    small = study.Study(put(designed("base"), none_fits))
    barred = small.exclusions().set_index("option")
    owned, mix = (small.options[name].label for name in ("owned", "hybrid"))
    assert barred.whose[owned] == "the comparison"
    assert "with cooling, the room has 0.1" in barred["rule"][owned]
    assert barred.whose[mix] == "a part"


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


def test_the_steps_to_machines_follow_from_each_other_and_every_column_has_its_format() -> None:
    s = opened("klinikverbund-nordheide")
    found = run("50_capacity", "names", "paid", "steps", s=s)
    ((frame, _, formats), named) = found["exhibits"][-1]
    row = frame.iloc[0]
    assert (
        set(frame) == set(formats) == {name for names in named["over"].values() for name in names}
    )
    assert row["serve"] == np.ceil(row["at work at once"])
    assert row["needed"] == row["in a group"] * (row["serve"] + row["stand by"])
    # What the chart on load calls "sized for" is what so many groups at work carry.
    assert row["at work at once"] * row["a group carries"] == pytest.approx(found["pool"].peak)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], "All of the work may wait, so no limit on waiting is missed."),
        (
            [("usual peak", False, True), ("one group down", True, True)],
            "With one group down, all limits hold in the busiest hour of the year.",
        ),
        (
            [("usual peak", False, True), ("one group down", True, False)],
            "With one group down, limits are missed in the busiest hour of the year.",
        ),
    ],
)
def test_what_a_failure_does_is_told_of_the_rows_that_are_failures(
    rows: list[tuple[str, bool, bool]], said: str
) -> None:
    found = run("50_capacity", "names", s=opened("klinikverbund-nordheide"))
    columns = ["situation", "is_failure", "kept"]
    waits = pd.DataFrame(rows, columns=columns).astype({"is_failure": bool, "kept": bool})
    names = ("s", "has_machines", "is_hybrid", "pool", "of_pool", "growth")
    again = run(
        "50_capacity",
        "surprises",
        **{name: found[name] for name in names},
        waits=waits,
        worst=waits.set_index("situation"),
        bridges=(),
        which_machine={},
    )
    assert again["cards"]["If cards fail"] == said


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
