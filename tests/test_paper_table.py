"""Tables on paper: text stays text, headings stay with their rows, columns fit their text."""

from __future__ import annotations

import re

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from siting.exhibits import Table
from siting.print import paper_table
from trial import HOSTILE

LITERAL = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
CODE = re.compile(
    r"#import : badge, mark\n#let short = (?:true|false)\n#let body = table\(\n"
    r"  columns: \([\d.%, ]*\),\n"
    r"(?:[\s(),\[\]]|table\.(?:cell|header|hline)|align: (?:right|center)|(?:col|row)span: \d+|: "
    r"|breakable: false|level: 2|repeat: false|#(?:strong|badge|mark)?)*"
)
"""What may be left of a table's Typst once its string literals are taken out."""


def on_paper(table: Table) -> str:
    html = table._repr_mimebundle_()["text/html"]
    return paper_table.typst(re.findall(r"<table>.*</table>", html, re.DOTALL)[0])


def widths(table: Table) -> list[float]:
    found = re.search(r"columns: \((.*?),?\),\n", on_paper(table))
    assert found
    return [float(w.strip("% ")) for w in found[1].split(",") if w.strip()]


def test_a_table_with_all_it_can_have() -> None:
    frame = pd.DataFrame({"G": ["a", "b"], "Option": ["API", "Sum"], "Cost": ["1 [estimate]", "2"],
                          "V": ["pass", "–"]})  # fmt: skip
    table = Table(
        frame, "T", group="G", stub="Option", badges=["V"], spanners={"S": ["Cost", "V"]}, totals=1
    )
    code = on_paper(table)
    assert (
        '  table.header(table.cell(rowspan: 2)[#strong[#"Option"]], '
        'table.cell(align: center, colspan: 2)[#strong[#"S"]], '
        'table.cell(align: right)[#strong[#"Cost"]], [#strong[#"V"]]),\n  table.hline(),\n'
    ) in code
    assert (
        "  table.header(level: 2, repeat: false, table.cell(colspan: 3, breakable: false)"
        '[#strong[#"a"]]),\n'
        '  table.cell(breakable: false)[#"API"], '
        'table.cell(align: right)[#"1"#mark("estimate")[#"E"]], '
        '[#badge("good")[#"✓"#"\N{NO-BREAK SPACE}pass"]],\n'
    ) in code
    assert 'table.cell(breakable: false)[#strong[#"Sum"]], ' in code


@given(st.lists(st.text(max_size=30), min_size=4, max_size=4))
@settings(max_examples=300, deadline=None)
def test_no_text_becomes_code(texts: list[str]) -> None:
    a, b, c, d = texts
    table = Table(pd.DataFrame({f"A{a}": [b, HOSTILE], f"B{c}": [d, "x"]}), "T")
    assert CODE.fullmatch(LITERAL.sub("", on_paper(table)))


def test_a_long_row_may_break_and_a_short_one_may_not() -> None:
    table = Table(pd.DataFrame({"a": ["x " * 300, "short"]}), "T")
    assert on_paper(table).count("breakable: false") == 1


@pytest.mark.parametrize(("rows", "short"), [(3, "true"), (100, "false")])
def test_a_short_table_keeps_together_and_a_long_one_may_not(rows: int, short: str) -> None:
    table = Table(pd.DataFrame({"name": ["ten signs."] * rows, "n": ["1"] * rows}), "T")
    assert f"#let short = {short}\n" in on_paper(table)


@pytest.mark.parametrize("words", [1, 5, 50])
def test_columns_never_exceed_the_page_and_the_needy_get_most(words: int) -> None:
    frame = pd.DataFrame({"n": ["1"], "a": ["word " * words], "b": ["two words"]})
    found = widths(Table(frame, "T"))
    assert sum(found) <= 100.05
    assert found[1] == max(found) or words == 1
    many = widths(Table(pd.DataFrame({f"column{i}": ["x" * 18] for i in range(12)}), "T"))
    assert sum(many) == pytest.approx(100, abs=0.1)


def test_headings_under_a_spanner_have_room_for_their_words() -> None:
    frame = pd.DataFrame({"a": ["x" * 60], "b": ["x" * 60], "plain": ["1"], "discounted": ["2"]})
    found = widths(Table(frame, "T", spanners={"payback": ["plain", "discounted"]}))
    assert found[3] >= paper_table._percent(len("discounted"))


def test_a_badge_has_room_for_its_sign_and_its_word() -> None:
    crowded = {f"{i}": ["word " * 40] for i in range(12)}
    table = Table(pd.DataFrame({"status": ["blocked"], **crowded}), "T", badges=["status"])
    assert widths(table)[0] >= paper_table._percent(len("✕ blocked"))
