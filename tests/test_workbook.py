"""The workbook: recalculated by an independent engine, it gives the report's totals to the cent."""

import re
import zipfile
from io import BytesIO
from pathlib import Path

import openpyxl
import pytest
from cost_fixtures import plain_capacity, with_changes
from siting.cost import fiscal, tco
from siting.cost.tco import Comparison
from siting.inputs import scenario
from siting.inputs.scenario import Scenario
from siting_workbook import of_study, workbook
from studies import opened

HOSTILE = '=HYPERLINK("http://x","y")'


def written(folder: Path, chosen: Scenario) -> tuple[Path, Comparison]:
    comparison = tco.assess(chosen, plain_capacity(chosen))
    path = folder / "cash-flows.xlsx"
    path.write_bytes(workbook.content(comparison, chosen))
    return path, comparison


def expected(o: tco.OptionCost) -> list[float]:
    assert o.lcot is not None and o.npv is not None
    return [o.total, o.present, o.npv, o.lcot]


def test_a_second_engine_recalculates_totals_and_fiscal_years_to_the_cent(tmp_path):
    formulas = pytest.importorskip("formulas")
    how = {"horizon_months": 14, "tax_rate": 0.25, "fiscal_year_start": 4}
    whole = with_changes(finance=how)
    few = {name: whole.options[name] for name in ("api", "owned")}
    chosen = whole.model_copy(update={"options": few})
    path, comparison = written(tmp_path, chosen)
    head = [cell.value for cell in openpyxl.load_workbook(path)["Fiscal years"][1]]
    assert head[1:] == ["Sum", "2026/27 (5 months)", "2027/28 (9 months)"]
    model = formulas.ExcelModel().loads(str(path)).finish()
    cells = {k.upper().rsplit("]", 1)[1]: v for k, v in model.calculate().items() if "]" in k}

    def read(sheet: str, columns: str, row: int) -> list[float]:
        return [float(cells[f"{sheet}'!{column}{row}"].value[0, 0]) for column in columns]

    first, second = fiscal.years(chosen)
    for i, o in enumerate(comparison.options.values()):
        found = read("SUMMARY", "BCDEG", 5 + i)
        assert found == pytest.approx([*expected(o), o.paid.sum()], abs=0.005)
        # of fiscal years: investments, what runs, both
        bought, _, both = (read("FISCAL YEARS", "BCD", 2 + 3 * i + k) for k in range(3))
        paid = [o.paid.sum(), first.sum_of(o.paid), second.sum_of(o.paid)]
        assert both == pytest.approx(paid, abs=0.005)
        spent = sum(f.amounts.sum() for f in o.flows if f.capital or f.category == "residual")
        assert bought[0] == pytest.approx(spent, abs=0.005)


def test_amounts_are_formulas_of_the_inputs(tmp_path):
    path, comparison = written(tmp_path, with_changes(finance={"horizon_months": 12}))
    book = openpyxl.load_workbook(path)
    sheet = book["owned"]
    for row in range(2, 2 + len(comparison.options["owned"].flows)):
        text = str(sheet.cell(row, workbook.FIRST_MONTH + 1).value)
        assert text.startswith("=") and "Quantities!" in text and "Paths!" in text
    hardware = str(sheet.cell(2, workbook.FIRST_MONTH + 1).value)
    assert hardware.count("Inputs!") == 2  # price of the server, exchange rate


def test_every_input_of_the_workbook_has_a_source_and_a_date_and_old_ones_are_marked(tmp_path):
    path, comparison = written(tmp_path, scenario.load("base"))
    rows = list(openpyxl.load_workbook(path)["Inputs"].iter_rows(min_row=2, values_only=True))
    assert len(rows) == len(comparison.inputs)
    for row in rows:
        cells = dict(zip(workbook.INPUT_COLUMNS, row, strict=True))
        assert cells["Source"] and cells["Date"] and cells["Age"], cells["Input"]
        days = str(cells["Age"]).split()[0]
        if days != "undated":
            assert str(cells["Age"]).endswith("old") == (int(days) > workbook.STALE_DAYS)


def test_hostile_text_is_never_a_formula(tmp_path):
    data = scenario.load("base").model_dump()
    data["client"]["name"] = HOSTILE
    data["options"]["api"]["label"] = HOSTILE
    data["evidence"][0]["source"] = "@SUM(1+1)"
    data["finance"]["horizon_months"] = 12
    chosen = scenario.Scenario.model_validate(data)
    path, comparison = written(tmp_path, chosen)
    book = openpyxl.load_workbook(path)
    for sheet in book.worksheets:
        for row in sheet.iter_rows():
            for cell in row:
                if cell.data_type == "f":
                    assert "HYPERLINK" not in str(cell.value) and "SUM(1+1)" not in str(cell.value)
    assert f"{HOSTILE} (baseline)" in {c.value for c in book["Summary"]["A"]}
    assert f"{HOSTILE}: cost" == book["api"]["A1"].value
    with zipfile.ZipFile(path) as archive:
        assert not any("externalLink" in name for name in archive.namelist())
    assert set(comparison.options) == set(workbook.sheet_names(comparison.options))


def test_sheet_names_are_legal_and_unique():
    options = {"a" * 40: 0, "a" * 35: 0, "Inputs": 0, "x/y:z": 0, "": 0, "INPUTS": 0}
    names = list(workbook.sheet_names(options).values())
    assert len({n.lower() for n in names}) == len(options)
    assert all(0 < len(n) <= 31 and not set("[]:*?/\\'") & set(n) for n in names)


def test_where_nothing_has_a_price_the_workbook_and_the_chapter_say_so(tmp_path):
    data = scenario.load("base").model_dump()
    data["client"]["currency"] = "XYZ"
    chosen = scenario.Scenario.model_validate(data)
    path, comparison = written(tmp_path, chosen)
    assert not comparison.options and comparison.cheapest == ""
    notes = [str(c.value) for c in openpyxl.load_workbook(path)["Summary"]["A"] if c.value]
    assert any("not estimated, because" in n for n in notes)


def test_all_that_may_fall_due_is_in_the_workbook_and_adds_up_there():
    s = opened("klinikverbund-nordheide")
    content = of_study.content(s)
    values = openpyxl.load_workbook(BytesIO(content), data_only=True)["Budget"]
    formulas = openpyxl.load_workbook(BytesIO(content))["Budget"]
    told = s.budget()
    rows = list(values.iter_rows(min_row=2, max_row=1 + len(told), values_only=True))
    assert [row[:3] for row in rows] == list(
        told[["option", "step", "line_kind"]].itertuples(index=False, name=None)
    )
    whole = [row[3] for row in rows if row[1] == "In all, mean of the cases"]
    assert whole == pytest.approx(told.amount[told.step == "In all, mean of the cases"].tolist())

    # each sum, by its own formula: the sum before it and what is added since, but nothing held
    for n, (option, _, kind, amount) in enumerate(rows, start=2):
        formula = str(formulas.cell(n, 4).value)
        if kind != "sum" or option != rows[n - 3][0] or n == 2:
            continue
        before = int(re.findall(r"=D(\d+)\+", formula)[0])
        first, last = map(int, re.findall(r"D(\d+):D(\d+)", formula)[0])
        assert (first, last) == (before + 1, n - 1)
        added = sum(row[3] for row in rows[before - 1 : n - 2] if row[2] == "added")
        assert rows[before - 2][3] + added == pytest.approx(amount)
