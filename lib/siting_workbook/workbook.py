"""The cost chapter as a workbook: live formulas from the inputs to the totals.

Sheets: `Summary` (as planned by formulas, and what is likely as computed); `Budget` (from there to
all that may fall due, as the page for the CFO sums it up); `Inputs` (every price
and rate with its source); `Paths` (prices over the months); `Quantities` (what capacity planning
found: whole numbers, no formulas); one sheet for each option, where an amount is price × quantity ×
path; `Fiscal years`, where the client says when one begins; `FOCUS` (the same amounts as a tidy
table with the column names of the FinOps Open Cost and Usage Specification 1.3). Whoever changes a
price in `Inputs` sees the totals move.

Every text is written as text: a name that begins with `=` stays a name.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from io import BytesIO
from typing import Any

import numpy as np
import xlsxwriter
from siting.catalogue import STALE_DAYS
from siting.cost import api_prices, fiscal
from siting.cost.api_prices import ModelPath
from siting.cost.fiscal import FiscalYear
from siting.cost.ledger import BEFORE, FORGONE, CashFlow, depreciation
from siting.cost.money import MILLION, Array, discount_factors
from siting.cost.tco import Comparison, OptionCost, shown_factors
from siting.inputs.scenario import Option, Scenario
from siting.quantity import Range
from xlsxwriter.utility import xl_col_to_name
from xlsxwriter.worksheet import Worksheet

FIRST_MONTH = 3
"""Column of month 0; before it stand label, unit, total."""
INPUT_COLUMNS = (
    "Input", "Value", "Unit", "Low", "High", "Source", "Where", "Date", "Age", "Origin", "Address",
)  # fmt: skip
LIKELY_COLUMNS = ("Likely present cost", "Low", "High")
_LIKELY = 7
"""Column of the first of them, for the first future."""
FOCUS_COLUMNS = (
    "BillingAccountId", "BillingAccountName", "SubAccountId", "SubAccountName",
    "BillingPeriodStart", "BillingPeriodEnd", "ChargePeriodStart", "ChargePeriodEnd",
    "ChargeCategory", "ChargeClass", "ChargeDescription", "ChargeFrequency", "InvoiceId",
    "InvoiceIssuerName", "ProviderName", "PublisherName", "ServiceProviderName",
    "HostProviderName", "ServiceCategory", "ServiceSubcategory",
    "ServiceName", "RegionId", "BillingCurrency", "ListCost", "ContractedCost", "BilledCost",
    "EffectiveCost", "PricingCategory", "PricingQuantity", "PricingUnit", "ConsumedQuantity",
    "ConsumedUnit", "CommitmentDiscountStatus",
)  # fmt: skip


class _Sheet(Worksheet):  # type: ignore[misc]
    """A sheet whose formulas have no function that is younger than the format."""

    def _prepare_formula(self, formula: str, expand_future_functions: bool = False) -> str:
        """As the library does, which looks for 29 younger ones in each formula."""
        return formula.removeprefix("=")


@dataclass(frozen=True, kw_only=True)
class Likely:
    """What an option likely costs in one future of API prices: its present cost over all cases,
    1 in 10 below low, central in the middle, 1 in 10 above high."""

    option: str
    """Its name in the scenario."""
    future: str
    """The path of API prices as a clause."""
    cost: Range


@dataclass(frozen=True, kw_only=True)
class Due:
    """One step of the way from what is planned to all that may fall due."""

    option: str
    """As the report calls it."""
    step: str
    kind: str
    """`sum` up to here; `added` to it; `held` by a sum above, so not added."""
    amount: float
    """[client's currency]"""


@dataclass(frozen=True, kw_only=True)
class Beside:
    """A price that no option of the plan pays and that a figure beside it rests on."""

    label: str
    amount: float
    unit: str
    source: str
    date: str
    """Day that the source prints, or undated."""


@dataclass(frozen=True, kw_only=True)
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
    comparison: Comparison,
    scenario: Scenario,
    likely: Sequence[Likely] = (),
    budget: Sequence[Due] = (),
    beside: Sequence[Beside] = (),
) -> bytes:
    """The workbook of a comparison. likely: told beside what is planned, future by future.
    budget: steps of the options that are held against each other, in order; none: no such sheet.
    beside: prices below the inputs of the plan, which no formula reads."""
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
        _budget(book, budget)
        _inputs(book, beside)
        _paths(book)
        quantities = _quantities(book)
        for name, cost in comparison.options.items():
            _option(book, names[name], cost, quantities[name])
        _fiscal_years(book, names)
        sheet = file.add_worksheet("FOCUS")
        _write(sheet, 0, FOCUS_COLUMNS, formats["head"])
        sheet.freeze_panes(1, 0)
        for row, charge in enumerate(charges(comparison, scenario), start=1):
            _write(sheet, row, charge.values())
        _summary(book, summary, names)
        _futures(book, summary, likely)
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
        "focus",
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


def _budget(book: _Book, budget: Sequence[Due]) -> None:
    """Step by step, each sum as a formula of the sum before it and of what is added since."""
    if not budget:
        return
    sheet = book.file.add_worksheet("Budget")
    sheet.set_column(0, 1, 44)
    sheet.set_column(2, 3, 20)
    _write(
        sheet, 0, ["Option", "Step", "Kind", f"{book.comparison.currency}"], book.formats["head"]
    )
    row_of_sum = 0
    for row, due in enumerate(budget, start=1):
        begins = row == 1 or due.option != budget[row - 2].option
        _write(sheet, row, [due.option, due.step, due.kind])
        cell: Any = due.amount
        if due.kind == "sum" and not begins:
            since = f"{{0}}{row_of_sum + 2}:{{0}}{row}"
            kinds = since.format("C")
            amounts = since.format("D")
            formula = f'=D{row_of_sum + 1}+SUMIF({kinds},"added",{amounts})'
            cell = (formula, due.amount)
        form = book.formats["total" if due.kind == "sum" else "money"]
        _write(sheet, row, [cell], form, 3)
        if due.kind == "sum":
            row_of_sum = row
    words = "In all is the mean of all cases: what is added before it is no payment"
    _write(sheet, len(budget) + 2, [words], book.formats["note"])


def _inputs(book: _Book, beside: Sequence[Beside]) -> None:
    """Every factor, its band and its source; inputs older than 90 days are shaded. Below them the
    prices that stand beside the plan."""
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
    for row, price in enumerate(beside, start=len(book.inputs) + 2):
        figure = [price.label, price.amount, price.unit, price.amount, price.amount]
        _write(sheet, row, [*figure, price.source, "", price.date])


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
            whole = (f"=SUM({_across(row, years)})", sum(value for _, value in cells))
            _write(sheet, row, [whole, *cells], book.formats["money"], first=1)
        row += 1
        _write(sheet, row, [f"{cost.label}, paid"], book.formats["bold"])
        columns = [xl_col_to_name(1 + i) for i in range(len(years) + 1)]
        values = [cost.paid.sum(), *(year.sum_of(cost.paid) for year in years)]
        texts = [f"={column}{row - 1}+{column}{row}" for column in columns]
        _write(sheet, row, zip(texts, values, strict=True), book.formats["total"], first=1)


def _across(row: int, years: Sequence[FiscalYear]) -> str:
    """Cells of all fiscal years in a row, counted from 0."""
    return f"C{row + 1}:{xl_col_to_name(len(years) + 1)}{row + 1}"


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
            (f"={today}-{present[name]}", cost.npv) if today else None,
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


def _futures(book: _Book, sheet: Any, likely: Sequence[Likely]) -> None:
    """Right of the totals, what each option likely costs in each future of API prices."""
    row_of = {name: row for row, name in enumerate(book.comparison.options, start=4)}
    futures = list(dict.fromkeys(found.future for found in likely))
    sheet.set_column(_LIKELY, _LIKELY + 3 * len(futures), 20)
    for place, future in enumerate(futures):
        first = _LIKELY + 3 * place
        _write(sheet, 2, [future], book.formats["note"], first)
        _write(sheet, 3, LIKELY_COLUMNS, book.formats["head"], first)
        for found in likely:
            if found.future == future and found.option in row_of:
                cost = found.cost
                cells = [cost.central, cost.low, cost.high]
                _write(sheet, row_of[found.option], cells, book.formats["money"], first)
    if futures:
        below = 6 + len(book.comparison.options) + len(book.comparison.plan.not_estimated)
        words = (
            "Likely: middle of all cases of present cost; low: 1 case in 10 is below; high: 1 in "
            "10 is above. No formulas: who changes an input sees only what is planned move"
        )
        _write(sheet, below, [words], book.formats["note"])


# --- FOCUS ------------------------------------------------------------------------------------


Charge = dict[str, Any]
"""A row of the FOCUS table: a value for each of FOCUS_COLUMNS, in their order."""


def charges(comparison: Comparison, scenario: Scenario) -> Iterator[Charge]:
    """The cash flows as rows of a tidy table with FOCUS 1.3 column names.

    BilledCost is the cash view: a purchase, which has no EffectiveCost. That spreads investments
    over their life, as usage; what is left falls on the last month. ListCost is without the
    discount of whom the charge is paid to. An unused commitment is a row of its own.
    """
    months = comparison.plan.months
    periods = list(_periods(scenario.client.report_date, months))
    for name, cost in comparison.options.items():
        account = {
            "BillingAccountId": scenario.client.id,
            "BillingAccountName": scenario.client.name,
            "SubAccountId": name,
            "SubAccountName": cost.label,
        }
        for f in cost.flows:
            if f.category == FORGONE:  # nobody bills it
                continue
            contract = _paid_to(scenario, name, f)
            for due in _charged(f, cost.life, months):
                charge = _charge(f, contract, comparison.currency, due.billed, due.borne)
                yield account | periods[due.month] | charge | _units(f, due.month)


@dataclass(frozen=True, kw_only=True)
class _Charged:
    """What one row charges."""

    month: int
    billed: float
    """Paid in that month."""
    borne: float
    """Used up in that month."""


def _charged(f: CashFlow, life: int, months: int) -> Iterator[_Charged]:
    """Rows of a cash flow: what is bought is billed in one and used up in others."""
    effective = depreciation([f], life, months) if f.capital else f.amounts
    for month in np.flatnonzero((f.amounts != 0) | (effective != 0)).tolist():
        billed = f.amounts[month]
        borne = effective[month]
        if not f.capital:
            yield _Charged(month=month, billed=billed, borne=borne)
            continue
        if billed:
            yield _Charged(month=month, billed=billed, borne=0.0)
        if borne:
            yield _Charged(month=month, billed=0.0, borne=borne)


def _periods(first: dt.date, months: int) -> Iterator[Charge]:
    """The month that is billed and charged for, of what falls on month 0 … `months`; what is paid
    today stands in the first month."""
    start = np.datetime64(first, "M")
    days = [f"{start + t}-01T00:00:00Z" for t in range(months + 1)]
    for t in range(months + 1):
        month = max(t - 1, 0)
        begin = days[month]
        end = days[month + 1]
        yield {
            "BillingPeriodStart": begin,
            "BillingPeriodEnd": end,
            "ChargePeriodStart": begin,
            "ChargePeriodEnd": end,
        }


def _charge(f: CashFlow, contract: Option, currency: str, billed: float, borne: float) -> Charge:
    """What is charged, by whom, and how much: the columns from category to effective cost.

    contract: the option whose contract it falls under. billed: paid in that month. borne: used up
    in that month.
    """
    bought = f.capital and billed > 0
    seller = (contract.vendor if f.by_use else "") or "not named"
    return {
        "ChargeCategory": _category(f, billed),
        "ChargeClass": "",
        "ChargeDescription": f.label,
        "ChargeFrequency": "One-Time" if bought else "Recurring",
        "InvoiceId": "",
        "InvoiceIssuerName": seller,
        "ProviderName": seller,
        "PublisherName": seller,
        "ServiceProviderName": seller,
        "HostProviderName": contract.provider or seller,
        "ServiceCategory": "AI and Machine Learning",
        "ServiceSubcategory": "Generative AI",
        "ServiceName": f.category,
        "RegionId": contract.region,
        "BillingCurrency": currency,
        "ListCost": billed / (1 - contract.discount) if f.by_use else billed,
        "ContractedCost": billed,
        "BilledCost": billed,
        "EffectiveCost": borne,
    }


def _category(f: CashFlow, billed: float) -> str:
    """FOCUS' category of a charge: what is bought once is a purchase and later used."""
    if f.category == "tax":
        return "Tax"
    if billed < 0:
        return "Credit"
    return "Purchase" if f.capital and billed > 0 else "Usage"


def _units(f: CashFlow, t: int) -> Charge:
    """How a charge is priced and counted: the columns after effective cost."""
    unit = {"gb": "GB"}.get(f.unit, f.unit.replace("_", " "))
    quantity = f.quantity[t] if len(f.quantity) else 0.0
    status = _commitment(f)
    return {
        "PricingCategory": "Committed" if status else "Standard",
        "PricingQuantity": quantity,
        "PricingUnit": unit,
        "ConsumedQuantity": quantity,
        "ConsumedUnit": unit,
        "CommitmentDiscountStatus": status,
    }


def _commitment(f: CashFlow) -> str:
    """Whether what is committed to is used; blank where nothing is."""
    if f.unit == "unused_commitment":
        return "Unused"
    return "Used" if f.path in ("rental:12", "rental:36") else ""


def _paid_to(scenario: Scenario, name: str, f: CashFlow) -> Option:
    """The option whose contract a charge falls under: the baseline's until production, in a
    hybrid that of its other side for what is billed by use."""
    early = f.category == BEFORE
    option = scenario.options[scenario.finance.baseline if early else name]
    if option.kind == "hybrid":
        option = scenario.options[option.burst if f.by_use else option.base]
    return option
