"""The cost chapter as a workbook: live formulas from the inputs to the totals.

Sheets: `Summary` (as planned); `Budget` (from there to all that may fall due, as the page for the
CFO sums it up); `Inputs` (every price and rate with its source); `Paths` (prices over the months);
`Quantities` (what capacity planning found: whole numbers, no formulas); one sheet for each option,
where an amount is price × quantity × path; `Fiscal years`, where the client says when one begins.
Whoever changes a price in `Inputs` sees the totals move.

Every text is written as text: a name that begins with `=` stays a name.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from functools import cached_property
from io import BytesIO
from typing import Any

import numpy as np
import pandas as pd
import xlsxwriter
from siting.catalogue import STALE_DAYS
from siting.cost import api_prices, fiscal
from siting.cost.api_prices import ModelPath
from siting.cost.fiscal import FiscalYear
from siting.cost.ledger import FORGONE
from siting.cost.money import MILLION, Array, discount_factors
from siting.cost.tco import Comparison, OptionCost, shown_factors
from siting.inputs.scenario import Scenario
from siting.records import frozen
from xlsxwriter.utility import xl_col_to_name
from xlsxwriter.worksheet import Worksheet

FIRST_MONTH = 3
"""Column of month 0; before it stand label, unit, total."""
INPUT_COLUMNS = (
    "Input", "Value", "Unit", "Low", "High", "Source", "Where", "Date", "Age", "Origin", "Address",
)  # fmt: skip


class _Sheet(Worksheet):  # type: ignore[misc]
    """A sheet whose formulas have no function that is younger than the format."""

    def _prepare_formula(self, formula: str, expand_future_functions: bool = False) -> str:
        """As the library does, which looks for 29 younger ones in each formula."""
        return formula.removeprefix("=")


@frozen
class _Book:
    """The open workbook, its formats and where each input stands."""

    file: Any
    formats: Mapping[str, Any]
    comparison: Comparison
    scenario: Scenario
    inputs: dict[str, str] = field(default_factory=dict)
    paths: dict[str, int] = field(default_factory=dict)

    @cached_property
    def columns(self) -> list[str]:
        """Columns of all months."""
        return [xl_col_to_name(FIRST_MONTH + t) for t in range(self.comparison.plan.months + 1)]

    @cached_property
    def discount(self) -> Array:
        """Discount factors of all months."""
        return discount_factors(self.comparison.plan.months, self.comparison.rate)

    def by_month(self, name: str, labels: Sequence[str]) -> Any:
        """A new sheet with a column for each month."""
        sheet = self.file.add_worksheet(name)
        _write(sheet, 0, [*labels, *range(len(self.columns))], self.formats["head"])
        sheet.set_column(0, 0, 46)
        sheet.set_column(1, 2, 16)
        sheet.freeze_panes(1, FIRST_MONTH)
        return sheet

    def sum_of(self, row: int) -> str:
        """Formula of the sum over all months of a row, counted from 0."""
        return f"=SUM(D{row + 1}:{self.columns[-1]}{row + 1})"


def _write(sheet: Any, row: int, cells: Iterable[Any], form: Any = None, first: int = 0) -> None:
    """A row of cells: texts, numbers, and formulas, each with its value beside it."""
    for column, cell in enumerate(cells, first):
        if isinstance(cell, tuple):
            sheet.write_formula(row, column, cell[0], form, float(cell[1]))
        else:
            sheet.write(row, column, cell, form)


FORMATS: dict[str, dict[str, Any]] = {
    "head": {"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"},
    "title": {"bold": True, "font_size": 14},
    "input": {"font_color": "#0000cc"},
    "money": {"num_format": "#,##0.00"},
    "total": {"num_format": "#,##0.00", "bold": True, "top": 1},
    "bold": {"bold": True, "top": 1},
    "old": {"bg_color": "#fff2cc"},
    "factor": {"num_format": "0.000000"},
    "note": {"italic": True, "text_wrap": True},
}


def content(
    comparison: Comparison, scenario: Scenario, budget: pd.DataFrame | None = None
) -> bytes:
    """The workbook of a comparison. budget: the frame of a study, with the steps of the options
    that are held against each other, in order; without any row, or without it: no such sheet."""
    made = BytesIO()
    day = scenario.client.report_date
    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(made, {**options, "in_memory": True}) as file:
        file.worksheet_class = _Sheet
        title = {"title": f"Cash flows, {scenario.client.name}", "author": "siting"}
        file.set_properties({**title, "created": dt.datetime.combine(day, dt.time())})
        file.set_calc_mode("auto")
        formats = {name: file.add_format(form) for name, form in FORMATS.items()}
        book = _Book(file=file, formats=formats, comparison=comparison, scenario=scenario)
        names = sheet_names(comparison.options)
        summary = file.add_worksheet("Summary")
        if budget is not None and len(budget):
            _budget(book, budget)
        _inputs(book)
        _paths(book)
        quantities = _quantities(book)
        for name, cost in comparison.options.items():
            _option(book, names[name], cost, quantities[name])
        _fiscal_years(book, names)
        _summary(book, summary, names)
    return made.getvalue()


def sheet_names(options: Mapping[str, Any]) -> dict[str, str]:
    """A sheet name for each option: 31 characters at most, no forbidden sign, no name twice."""
    taken = {
        "summary",
        "budget",
        "inputs",
        "paths",
        "quantities",
        "fiscal years",
        "history",
    }
    out: dict[str, str] = {}
    for name in options:
        stem = re.sub(r"[\[\]:*?/\\']", "-", name).strip() or "option"
        candidate = stem[:31]
        n = 1
        while candidate.lower() in taken:
            n += 1
            candidate = f"{stem[: 30 - len(str(n))]} {n}"
        taken.add(candidate.lower())
        out[name] = candidate
    return out


# --- sheets -----------------------------------------------------------------------------------


def _budget(book: _Book, budget: pd.DataFrame) -> None:
    """Step by step, each sum as a formula of the sum before it and of what is added since."""
    sheet = book.file.add_worksheet("Budget")
    sheet.set_column(0, 1, 44)
    sheet.set_column(2, 3, 20)
    _write(
        sheet, 0, ["Option", "Step", "Kind", f"{book.comparison.currency}"], book.formats["head"]
    )
    row_of_sum = 0
    begins = ~budget.duplicated("option")
    rows = zip(budget.itertuples(), begins, strict=True)
    for row, (due, is_first) in enumerate(rows, start=1):
        is_sum = due.line_kind == "sum"
        _write(sheet, row, [due.option, due.step, due.line_kind])
        cell: Any = due.amount
        if is_sum and not is_first:
            since = f"{{0}}{row_of_sum + 2}:{{0}}{row}"
            kinds = since.format("C")
            amounts = since.format("D")
            formula = f'=D{row_of_sum + 1}+SUMIF({kinds},"added",{amounts})'
            cell = (formula, due.amount)
        form = book.formats["total" if is_sum else "money"]
        _write(sheet, row, [cell], form, 3)
        if is_sum:
            row_of_sum = row
    words = "In all is the mean of all cases: what is added before it is no payment"
    _write(sheet, len(budget) + 2, [words], book.formats["note"])


def _inputs(book: _Book) -> None:
    """Every factor, its band and its source; inputs older than 90 days are shaded."""
    sheet = book.file.add_worksheet("Inputs")
    _write(sheet, 0, INPUT_COLUMNS, book.formats["head"])
    sheet.freeze_panes(1, 1)
    for column, width in ((0, 52), (1, 14), (2, 20), (5, 52), (6, 40), (10, 40)):
        sheet.set_column(column, column, width)
    for row, (name, f) in enumerate(shown_factors(book.comparison.plan).items(), start=1):
        book.inputs[name] = f"Inputs!$B${row + 1}"
        value = f.value
        source = f.source
        age = f.source.age_days(book.scenario.client.report_date)
        old = age is not None and age > STALE_DAYS
        words = "undated" if age is None else f"{age} days"
        if old:
            words += ", old"
        figure = [f.label, value.central, value.unit, value.low, value.high]
        said = [source.source, source.locator, source.date, words, source.kind, source.url]
        _write(sheet, row, figure + said)
        _write(sheet, row, [value.central], book.formats["input"], first=1)
        if old:
            _write(sheet, row, [words], book.formats["old"], first=8)


_RATES = {"rental": "1+{rental_drift}", "inflation": "1+{inflation}"}
"""By which the price of a path moves in a year."""


def _paths(book: _Book) -> None:
    """Discount factor, and every price path, as formulas of the rates in `Inputs`."""
    sheet = book.by_month("Paths", ["Path", "", ""])
    plan = book.comparison.plan
    options = book.comparison.options.values()
    draws = plan.central()
    values = {"discount": book.discount}
    for name in sorted({f.path for o in options for f in o.flows}):
        values[name] = np.append(1.0, plan.path(name, draws)[0])
    for row, (name, path) in enumerate(values.items(), start=1):
        book.paths[name] = row + 1
        label = "Discount factor" if name == "discount" else f"Price path {name}"
        texts = [_path_formula(book, name, t, c) for t, c in enumerate(book.columns)]
        _write(sheet, row, [label])
        formulas = zip(texts, path, strict=True)
        _write(sheet, row, formulas, book.formats["factor"], first=FIRST_MONTH)


def _path_formula(book: _Book, name: str, t: int, column: str) -> str:
    stem, _, step = name.partition(":")
    if stem == "api":
        return _model_formula(book, book.comparison.plan.api_paths[step], t, column)
    if name == "discount":
        return f"=(1+{book.inputs['discount_rate']})^(-{column}$1/12)"
    if stem == "flat" or t == 0:
        return "=1"
    base = _RATES[stem].format(**book.inputs)
    elapsed = f"({column}$1-1)"
    if step:
        memory = book.inputs["rental_memory"]
        years = f"INT({elapsed}/{step})*{step}/12"
        return f"=({base})^({memory}*(1-EXP(-({years})/{memory})))"
    return f"=({base})^({elapsed}/12)"


def _model_formula(book: _Book, path: ModelPath, t: int, column: str) -> str:
    """Price of a model in a month over today's; what is announced stands as a number."""
    elapsed = f"({column}$1-1)"
    if t == 0:
        return "=1"
    if path.how == "equal_quality":
        fall = book.inputs["api_decline"]
        return f"=(1-{fall})^MIN(INT({elapsed}/12),{api_prices.falling_years()})"
    listed = f"{path.listed(t)[t - 1]:.12g}"
    if path.how == "list":
        return f"={listed}"
    after = book.inputs[path.successor]
    if path.then:
        after += f"*{_model_formula(book, path.then, t, column).removeprefix('=')}"
    return f"=IF({elapsed}<{book.inputs[path.end]},{listed},{after})"


def _quantities(book: _Book) -> dict[str, list[int]]:
    """Units by line and month, and the tokens served; returns the row of each line."""
    sheet = book.by_month("Quantities", ["Option and line", "Unit", "Sum"])
    options = book.comparison.options
    rows: dict[str, list[int]] = {name: [] for name in options}

    def write(row: int, label: str, unit: str, values: Array) -> None:
        _write(sheet, row, [label, unit, (book.sum_of(row), values.sum())])
        _write(sheet, row, values, book.formats["input"], first=FIRST_MONTH)

    write(1, "Tokens served, all options", unit="tokens", values=book.comparison.tokens)
    row = 1
    for name, cost in options.items():
        for flow in cost.flows:
            row += 1
            write(row, f"{name}: {flow.label}", unit=flow.unit, values=flow.quantity)
            rows[name].append(row + 1)
    return rows


def _option(book: _Book, name: str, cost: OptionCost, rows: list[int]) -> None:
    """Amount by line and month = price × quantity × path; totals and present values below."""
    sheet = book.by_month(name, [f"{cost.label}: cost", "Category", "Total"])
    columns = book.columns
    end = len(cost.flows) + 1
    for row, (f, quantity) in enumerate(zip(cost.flows, rows, strict=True), start=1):
        price = "*".join(book.inputs[n] for n in f.factors) or "1"
        path = book.paths[f.path]
        texts = (f"={price}*Quantities!{c}{quantity}*Paths!{c}${path}" for c in columns)
        _write(sheet, row, [f.label, f.category])
        cells = [(book.sum_of(row), f.amounts.sum()), *zip(texts, f.amounts, strict=True)]
        _write(sheet, row, cells, book.formats["money"], first=2)
    worth = cost.monthly * book.discount
    running = np.cumsum(cost.monthly)
    present = f"={{0}}{end + 1}*Paths!{{0}}${book.paths['discount']}"
    for row, (label, formula, values, whole) in enumerate((
        ("Total", f"=SUM({{0}}2:{{0}}{end})", cost.monthly, (book.sum_of(end), cost.total)),
        ("Present value", present, worth, (book.sum_of(end + 1), worth.sum())),
        ("Running total", f"=SUM($D{end + 1}:{{0}}{end + 1})", running,
         (f"={columns[-1]}{end + 3}", running[-1])),
    ), start=end):  # fmt: skip
        _write(sheet, row, [label], book.formats["bold"])
        cells = [whole, *zip(map(formula.format, columns), values, strict=True)]
        _write(sheet, row, cells, book.formats["total"], first=2)


def _fiscal_years(book: _Book, names: Mapping[str, str]) -> None:
    """What each option pays by fiscal year, by formulas on its sheet: investments and what they
    bring back, what runs, and both. Service that is forgone is in no total here: nobody pays it."""
    years = fiscal.years(book.scenario)
    if not years:
        return
    sheet = book.file.add_worksheet("Fiscal years")
    sheet.set_column(0, 0, 52)
    sheet.set_column(1, len(years) + 1, 16)
    sheet.freeze_panes(1, 1)
    heads = [f"{year.name} ({year.months} months)" for year in years]
    _write(sheet, 0, ["Paid by fiscal year", "Sum", *heads], book.formats["head"])
    columns = [xl_col_to_name(1 + i) for i in range(len(years) + 1)]
    row = 0
    for name, cost in book.comparison.options.items():
        kinds: dict[str, list[int]] = {"investments and resale": [], "running": []}
        for line, flow in enumerate(cost.flows):
            if flow.category != FORGONE:
                invested = flow.capital or flow.category == "residual"
                kinds["investments and resale" if invested else "running"].append(line)
        for kind, lines in kinds.items():
            row += 1
            _write(sheet, row, [f"{cost.label}, {kind}"])
            cells = [_in_year(book, names[name], cost, lines, year) for year in years]
            whole = (f"=SUM(C{row + 1}:{columns[-1]}{row + 1})", sum(value for _, value in cells))
            _write(sheet, row, [whole, *cells], book.formats["money"], first=1)
        row += 1
        _write(sheet, row, [f"{cost.label}, paid"], book.formats["bold"])
        values = [cost.paid.sum(), *(year.sum_of(cost.paid) for year in years)]
        texts = [f"={column}{row - 1}+{column}{row}" for column in columns]
        _write(sheet, row, zip(texts, values, strict=True), book.formats["total"], first=1)


def _in_year(
    book: _Book, sheet: str, cost: OptionCost, lines: Sequence[int], year: FiscalYear
) -> tuple[str, float]:
    """Formula and value of the sum of some lines of an option's sheet over a fiscal year."""
    first = book.columns[year.first]
    last = book.columns[year.last]
    sums = [f"SUM('{sheet}'!{first}{line + 2}:{last}{line + 2})" for line in lines]
    value = sum(year.sum_of(cost.flows[line].amounts) for line in lines)
    return f"={'+'.join(sums) or '0'}", value


def _summary(book: _Book, sheet: Any, names: Mapping[str, str]) -> None:
    """Totals of every option, by formulas on the option sheets."""
    comparison = book.comparison
    client = book.scenario.client
    plan = book.comparison.plan
    sheet.set_column(0, 0, 44)
    sheet.set_column(1, 6, 20)
    _write(sheet, 0, [f"Cash flows, {client.name}"], book.formats["title"])
    when = f"{plan.months} months from {client.report_date.isoformat()}"
    words = f"Costs in {comparison.currency}, nominal, {when}; central case; blue cells are inputs"
    _write(sheet, 1, [words])
    heads = ["Option", "Total cost", "Present cost", "NPV against the baseline",
             "Cost per million tokens (levelised)", "API price path",
             "Paid: total without waiting"]  # fmt: skip
    _write(sheet, 3, heads, book.formats["head"])
    present = {n: f"'{names[n]}'!C{len(cost.flows) + 3}" for n, cost in comparison.options.items()}
    last = book.columns[-1]
    discount = book.paths["discount"]
    tokens = f"SUMPRODUCT(Quantities!D2:{last}2,Paths!D{discount}:{last}{discount})"
    today = present.get(plan.baseline)
    for row, (name, cost) in enumerate(comparison.options.items(), start=4):
        cells = [
            (f"='{names[name]}'!C{len(cost.flows) + 2}", cost.total),
            (f"={present[name]}", cost.present),
            (f"={today}-{present[name]}", cost.npv) if cost.npv is not None else None,
            (f"=C{row + 1}/{tokens}*{MILLION:.0f}", cost.lcot) if cost.lcot is not None else None,
        ]
        marked = f"{cost.label} (baseline)" if name == plan.baseline else cost.label
        _write(sheet, row, [marked])
        _write(sheet, row, cells, book.formats["money"], first=1)
        _write(sheet, row, ["named model"], first=5)
        unpaid = [n for n, flow in enumerate(cost.flows) if flow.category == FORGONE]
        less = "".join(f"-'{names[name]}'!C{line + 2}" for line in unpaid)
        paid = (f"=B{row + 1}{less}", float(cost.paid.sum()))
        _write(sheet, row, [paid], book.formats["money"], first=6)
    below = len(comparison.options) + 5
    for row, (name, why) in enumerate(plan.not_estimated.items(), start=below):
        _write(sheet, row, [f"{name}: not estimated, because {why}"], book.formats["note"])
