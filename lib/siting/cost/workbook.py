"""The cost chapter as a workbook: live formulas from the inputs to the totals.

Sheets: `Summary`; `Inputs` (every price and rate with its source); `Paths` (prices over the
months); `Quantities` (what capacity planning found: whole numbers, no formulas); one sheet for
each option, where an amount is price × quantity × path; `FOCUS` (the same amounts as a tidy table
with the column names of the FinOps Open Cost and Usage Specification 1.3). Whoever changes a price
in `Inputs` sees the totals move.

Every text is written as text: a name that begins with `=` stays a name.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
import xlsxwriter
from xlsxwriter.utility import xl_col_to_name

from siting.cost import cashflow
from siting.cost.money import MILLION
from siting.cost.tco import Comparison, Flow, OptionCost, depreciation, shown_factors
from siting.inputs.scenario import Option, Scenario

STALE_DAYS = 90
FIRST_MONTH = 3
"""Column of month 0; before it stand label, unit, total."""
INPUT_COLUMNS = (
    "Input", "Value", "Unit", "Low", "High", "Source", "Where", "Date", "Age", "Origin", "Address",
)  # fmt: skip
FOCUS_COLUMNS = (
    "BillingAccountId", "BillingAccountName", "SubAccountId", "SubAccountName",
    "BillingPeriodStart", "BillingPeriodEnd", "ChargePeriodStart", "ChargePeriodEnd",
    "ChargeCategory", "ChargeClass", "ChargeDescription", "ChargeFrequency", "InvoiceIssuerName",
    "ServiceProviderName", "HostProviderName", "ServiceCategory", "ServiceSubcategory",
    "ServiceName", "RegionId", "BillingCurrency", "ListCost", "ContractedCost", "BilledCost",
    "EffectiveCost", "PricingCategory", "PricingQuantity", "PricingUnit", "ConsumedQuantity",
    "ConsumedUnit", "CommitmentDiscountStatus",
)  # fmt: skip


@dataclass(frozen=True)
class _Book:
    """The open workbook, its formats and where each input stands."""

    file: Any
    formats: Mapping[str, Any]
    inputs: dict[str, str]
    paths: dict[str, int]
    months: int

    def sheet(self, name: str) -> Any:
        return self.file.add_worksheet(name)


def content(comparison: Comparison, scenario: Scenario) -> bytes:
    """The workbook of a comparison."""
    made = BytesIO()
    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(made, {**options, "in_memory": True}) as file:
        file.set_properties({"title": f"Cash flows, {scenario.client.name}", "author": "siting"})
        file.set_properties(
            {"created": dt.datetime.combine(scenario.client.report_date, dt.time())}
        )
        file.set_calc_mode("auto")
        book = _Book(file, _formats(file), {}, {}, comparison.months)
        summary = book.sheet("Summary")
        _inputs(book, comparison, scenario)
        _paths(book, comparison)
        names = sheet_names(comparison.options)
        quantities = _quantities(book, comparison)
        for name, cost in comparison.options.items():
            _option(book, names[name], cost, quantities[name])
        _focus(book, comparison, scenario)
        _summary(book, summary, comparison, scenario, names)
    return made.getvalue()


def sheet_names(options: Mapping[str, Any]) -> dict[str, str]:
    """A sheet name for each option: 31 characters at most, no forbidden sign, no name twice."""
    taken = {"summary", "inputs", "paths", "quantities", "focus", "history"}
    out: dict[str, str] = {}
    for name in options:
        stem = re.sub(r"[\[\]:*?/\\']", "-", name).strip() or "option"
        candidate, n = stem[:31], 1
        while candidate.lower() in taken:
            n += 1
            candidate = f"{stem[: 30 - len(str(n))]} {n}"
        taken.add(candidate.lower())
        out[name] = candidate
    return out


def _formats(file: Any) -> dict[str, Any]:
    return {
        "head": file.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"}),
        "title": file.add_format({"bold": True, "font_size": 14}),
        "input": file.add_format({"font_color": "#0000cc"}),
        "money": file.add_format({"num_format": "#,##0.00"}),
        "total": file.add_format({"num_format": "#,##0.00", "bold": True, "top": 1}),
        "bold": file.add_format({"bold": True, "top": 1}),
        "old": file.add_format({"bg_color": "#fff2cc"}),
        "factor": file.add_format({"num_format": "0.000000"}),
        "note": file.add_format({"italic": True, "text_wrap": True}),
    }


# --- sheets -----------------------------------------------------------------------------------


def _head(sheet: Any, row: int, labels: tuple[str, ...] | list[str], form: Any) -> None:
    for column, label in enumerate(labels):
        sheet.write_string(row, column, label, form)


def _inputs(book: _Book, comparison: Comparison, scenario: Scenario) -> None:
    """Every factor, its band and its source; inputs older than 90 days are shaded."""
    sheet, day = book.sheet("Inputs"), scenario.client.report_date
    _head(sheet, 0, INPUT_COLUMNS, book.formats["head"])
    sheet.freeze_panes(1, 1)
    for column, width in ((0, 52), (1, 14), (2, 20), (5, 52), (6, 40), (10, 40)):
        sheet.set_column(column, column, width)
    for row, (name, f) in enumerate(shown_factors(comparison.plan).items(), start=1):
        book.inputs[name] = f"Inputs!$B${row + 1}"
        age = f.source.age_days(day)
        words = "undated" if age is None else f"{age} days"
        old = age is not None and age > STALE_DAYS
        sheet.write_string(row, 0, f.label)
        sheet.write_number(row, 1, f.value.central, book.formats["input"])
        sheet.write_string(row, 2, f.value.unit)
        sheet.write_number(row, 3, f.value.low)
        sheet.write_number(row, 4, f.value.high)
        sheet.write_string(row, 5, f.source.source)
        sheet.write_string(row, 6, f.source.locator)
        sheet.write_string(row, 7, f.source.date)
        sheet.write_string(
            row, 8, words + (", old" if old else ""), book.formats["old"] if old else None
        )
        sheet.write_string(row, 9, f.source.kind)
        sheet.write_string(row, 10, f.source.url)


def _month_heads(book: _Book, sheet: Any, labels: list[str]) -> None:
    _head(sheet, 0, labels, book.formats["head"])
    for t in range(book.months + 1):
        sheet.write_number(0, FIRST_MONTH + t, t, book.formats["head"])
    sheet.set_column(0, 0, 46)
    sheet.set_column(1, 2, 16)
    sheet.freeze_panes(1, FIRST_MONTH)


def _months(book: _Book) -> Iterator[tuple[int, str]]:
    for t in range(book.months + 1):
        yield t, xl_col_to_name(FIRST_MONTH + t)


_RATE_OF_PATH = {
    "api": "1-{api_decline}",
    "rental": "1+{rental_drift}",
    "inflation": "1+{inflation}",
}


def _paths(book: _Book, comparison: Comparison) -> None:
    """Discount factor, and every price path, as formulas of the rates in `Inputs`."""
    sheet = book.sheet("Paths")
    _month_heads(book, sheet, ["Path", "", ""])
    names = ["discount", *sorted({f.path for o in comparison.options.values() for f in o.flows})]
    draws = comparison.plan.central()
    for row, name in enumerate(names, start=1):
        book.paths[name] = row + 1
        sheet.write_string(row, 0, {"discount": "Discount factor"}.get(name, f"Price path {name}"))
        values = (
            np.array([(1 + comparison.rate) ** (-t / 12) for t in range(book.months + 1)])
            if name == "discount"
            else np.append(1.0, cashflow.path_factor(name, draws, book.months)[0])
        )
        for t, column in _months(book):
            text = _path_formula(book, name, t, column)
            cell = f"{column}{row + 1}"
            sheet.write_formula(cell, text, book.formats["factor"], float(values[t]))


def _path_formula(book: _Book, name: str, t: int, column: str) -> str:
    stem, _, step = name.partition(":")
    if name == "discount":
        return f"=(1+{book.inputs['discount_rate']})^(-{column}$1/12)"
    if stem == "flat" or t == 0:
        return "=1"
    base = _RATE_OF_PATH[stem].format(**book.inputs)
    elapsed = f"({column}$1-1)"
    if step:
        memory = book.inputs["rental_memory"]
        years = f"INT({elapsed}/{step})*{step}/12"
        return f"=({base})^({memory}*(1-EXP(-({years})/{memory})))"
    return f"=({base})^({elapsed}/12)"


def _quantities(book: _Book, comparison: Comparison) -> dict[str, list[int]]:
    """Units by line and month, and the tokens served; returns the row of each line."""
    sheet = book.sheet("Quantities")
    _month_heads(book, sheet, ["Option and line", "Unit", "Sum"])
    rows: dict[str, list[int]] = {}
    row = 1
    tokens = [o.tokens for o in comparison.options.values()] or [np.zeros(book.months + 1)]
    entries = [("Tokens served, all options", "tokens", tokens[0], "")]
    for name, cost in comparison.options.items():
        rows[name] = []
        entries += [(f"{name}: {f.label}", f.unit, f.quantity, name) for f in cost.flows]
    for label, unit, values, owner in entries:
        sheet.write_string(row, 0, label)
        sheet.write_string(row, 1, unit)
        last = xl_col_to_name(FIRST_MONTH + book.months)
        sheet.write_formula(row, 2, f"=SUM(D{row + 1}:{last}{row + 1})", None, float(values.sum()))
        for t, _ in _months(book):
            sheet.write_number(row, FIRST_MONTH + t, float(values[t]), book.formats["input"])
        if owner:
            rows[owner].append(row + 1)
        row += 1
    return rows


def _option(book: _Book, name: str, cost: OptionCost, rows: list[int]) -> None:
    """Amount by line and month = price × quantity × path; totals and present values below."""
    sheet = book.sheet(name)
    _month_heads(book, sheet, [f"{cost.label}: cost", "Category", "Total"])
    last = xl_col_to_name(FIRST_MONTH + book.months)
    for i, (f, quantity) in enumerate(zip(cost.flows, rows, strict=True), start=1):
        sheet.write_string(i, 0, f.label)
        sheet.write_string(i, 1, f.category)
        sheet.write_formula(
            i, 2, f"=SUM(D{i + 1}:{last}{i + 1})", book.formats["money"], float(f.amounts.sum())
        )
        price = "*".join(book.inputs[n] for n in f.factors) or "1"
        for t, column in _months(book):
            text = f"={price}*Quantities!{column}{quantity}*Paths!{column}${book.paths[f.path]}"
            sheet.write_formula(
                f"{column}{i + 1}", text, book.formats["money"], float(f.amounts[t])
            )
    end = len(cost.flows) + 1
    monthly = cost.monthly
    factors = (1 + cost.rate) ** (-np.arange(book.months + 1) / 12)
    for label, row, values in (
        ("Total", end, monthly),
        ("Present value", end + 1, monthly * factors),
        ("Running total", end + 2, np.cumsum(monthly)),
    ):
        sheet.write_string(row, 0, label, book.formats["bold"])
        total = float(values[-1] if label == "Running total" else values.sum())
        whole = (
            f"={last}{row + 1}" if label == "Running total" else f"=SUM(D{row + 1}:{last}{row + 1})"
        )
        sheet.write_formula(row, 2, whole, book.formats["total"], total)
        for t, column in _months(book):
            text = {
                "Total": f"=SUM({column}2:{column}{end})",
                "Present value": f"={column}{end + 1}*Paths!{column}${book.paths['discount']}",
                "Running total": f"=SUM($D{end + 1}:{column}{end + 1})",
            }[label]
            sheet.write_formula(f"{column}{row + 1}", text, book.formats["total"], float(values[t]))


def _summary(
    book: _Book, sheet: Any, comparison: Comparison, scenario: Scenario, names: Mapping[str, str]
) -> None:
    """Totals of every option, by formulas on the option sheets."""
    money = book.formats["money"]
    sheet.set_column(0, 0, 44)
    sheet.set_column(1, 5, 20)
    sheet.write_string(0, 0, f"Cash flows, {scenario.client.name}", book.formats["title"])
    sheet.write_string(
        1, 0,
        f"Costs in {comparison.currency}, nominal, {comparison.months} months from "
        f"{scenario.client.report_date.isoformat()}; central case; blue cells are inputs",
    )  # fmt: skip
    heads = ["Option", "Total cost", "Present cost", "NPV against the baseline",
             "Cost per million tokens (levelised)", "API price path"]  # fmt: skip
    _head(sheet, 3, heads, book.formats["head"])
    base = names.get(comparison.baseline, "")
    last = xl_col_to_name(FIRST_MONTH + book.months)
    row_of_discount = book.paths["discount"]
    for row, (name, cost) in enumerate(comparison.options.items(), start=4):
        end = len(cost.flows) + 2
        tab = f"'{names[name]}'"
        sheet.write_string(
            row, 0, cost.label + (" (baseline)" if name == comparison.baseline else "")
        )
        sheet.write_formula(row, 1, f"={tab}!C{end}", money, cost.total)
        sheet.write_formula(row, 2, f"={tab}!C{end + 1}", money, cost.present)
        if base:
            there = len(comparison.options[comparison.baseline].flows) + 3
            sheet.write_formula(row, 3, f"='{base}'!C{there}-{tab}!C{end + 1}", money, cost.npv)
        tokens = (
            f"SUMPRODUCT(Quantities!D2:{last}2,Paths!D{row_of_discount}:{last}{row_of_discount})"
        )
        if cost.lcot is not None:
            sheet.write_formula(row, 4, f"=C{row + 1}/{tokens}*{MILLION:.0f}", money, cost.lcot)
        sheet.write_string(row, 5, comparison.price_path.replace("_", " "))
    row = 5 + len(comparison.options)
    for name, why in comparison.not_estimated.items():
        sheet.write_string(row, 0, f"{name}: not estimated, because {why}", book.formats["note"])
        row += 1


# --- FOCUS ------------------------------------------------------------------------------------


def focus_rows(comparison: Comparison, scenario: Scenario) -> list[dict[str, Any]]:
    """The cash flows as a tidy table with FOCUS 1.3 column names.

    BilledCost is the cash view; EffectiveCost spreads investments over their life, what is left
    falls on the last month. ListCost is without the discount of whom the charge is paid to. An
    unused commitment is a row of its own.
    """
    out = []
    start = scenario.client.report_date.replace(day=1)
    for name, cost in comparison.options.items():
        for f in cost.flows:
            effective = depreciation([f], cost.life, comparison.months) if f.capital else f.amounts
            for t in np.flatnonzero((f.amounts != 0) | (effective != 0)):
                account = (scenario.client.id, scenario.client.name, name, cost.label)
                charge = _charge(scenario, comparison, name, f, int(t), float(effective[t]))
                begin, end = (_month(start, max(0, int(t) - 1) + k).isoformat() for k in (0, 1))
                periods = [f"{day}T00:00:00Z" for day in (begin, end, begin, end)]
                out.append(dict(zip(FOCUS_COLUMNS, (*account, *periods, *charge), strict=True)))
    return out


def _charge(
    scenario: Scenario, comparison: Comparison, name: str, f: Flow, t: int, effective: float
) -> tuple[Any, ...]:
    """What is charged, by whom, and how much: the columns after the periods."""
    paid = _paid_to(scenario, comparison, name, f)
    billed = float(f.amounts[t])
    by_use = f.path.startswith(("api", "rental"))
    listed = billed / (1 - paid.discount) if by_use else billed
    category = "Tax" if f.category == "tax" else "Credit" if billed < 0 else (
        "Purchase" if f.capital or f.commitment else "Usage"
    )  # fmt: skip
    status = "Unused" if f.commitment else "Used" if f.path in ("rental:12", "rental:36") else ""
    seller = (paid.vendor if by_use else "") or "not named"
    quantity = float(f.quantity[t]) if len(f.quantity) else 0.0
    return (
        category, "", f.label, "One-Time" if f.capital else "Recurring", seller, seller,
        paid.provider or seller, "AI and Machine Learning", "Generative AI", f.category,
        paid.region, comparison.currency, listed, billed, billed, effective,
        "Committed" if status else "Standard", quantity, f.unit, quantity, f.unit, status,
    )  # fmt: skip


def _paid_to(scenario: Scenario, comparison: Comparison, name: str, f: Flow) -> Option:
    """The option whose contract a charge falls under: the baseline's until production, in a
    hybrid that of its other side for what is billed by use."""
    option = scenario.options[name]
    if f.category == cashflow.BEFORE:
        option = scenario.options[comparison.baseline]
    if option.kind == "hybrid":
        by_use = f.path.startswith(("api", "rental"))
        option = scenario.options[option.burst if by_use else option.base]
    return option


def _month(start: dt.date, later: int) -> dt.date:
    year, month = divmod(start.month - 1 + later, 12)
    return dt.date(start.year + year, month + 1, 1)


def _focus(book: _Book, comparison: Comparison, scenario: Scenario) -> None:
    sheet = book.sheet("FOCUS")
    _head(sheet, 0, FOCUS_COLUMNS, book.formats["head"])
    sheet.freeze_panes(1, 0)
    for i, row in enumerate(focus_rows(comparison, scenario), start=1):
        for j, value in enumerate(row.values()):
            if isinstance(value, str):
                sheet.write_string(i, j, value)
            else:
                sheet.write_number(i, j, value)
