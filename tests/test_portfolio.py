"""The index of all reports: what it says, and that it needs nothing else to be read."""

import json
import re

import pytest
from siting.run import portfolio
from siting_report.run.folder import ReportFolder

SUMMARY = {
    "client": {
        "name": "Banca <Prova>", "country": "IT", "currency": "EUR", "sector": "banking",
        "report_date": "2026-11-24",
    },
    "recommendation": {
        "option": "owned", "label": "Own servers", "stays": False, "cleared": True,
        "state": "clear", "sure": 0.734, "in_all": 1.5e6,
    },
    "warnings": ["one input is old"],
}  # fmt: skip


def write(folder, name, summary, files=("report.html", "report.pdf")):
    (folder / name).mkdir(parents=True)
    (folder / name / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    for file in files:
        (folder / name / file).write_text("x", encoding="utf-8")


def test_a_line_says_verdict_surety_and_cost_in_the_clients_format():
    row = portfolio.row(SUMMARY, "banca", ["report.pdf", "summary.json"])
    assert row["verdict"] == "Move to Own servers"
    assert row["state"] == "clear, 73 of 100"
    thin = "\N{NARROW NO-BREAK SPACE}"
    assert row["cost"] == f"€{thin}1.50{thin}million"
    assert row["links"] == (("banca/report.pdf", "PDF"), ("banca/summary.json", "data"))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"stays": True}, "Stay with Own servers"),
        ({"option": None, "label": None, "in_all": None}, "No option meets the constraints"),
    ],
)
def test_staying_and_having_no_option_are_verdicts_too(change, words):
    summary = {**SUMMARY, "recommendation": {**SUMMARY["recommendation"], **change}}
    assert portfolio.row(summary, "x", [])["verdict"] == words


def test_the_page_lists_every_client_and_names_what_is_unfinished(tmp_path):
    write(tmp_path, "b", SUMMARY)
    write(tmp_path, "a", {**SUMMARY, "client": {**SUMMARY["client"], "name": "Alpha"}})
    write(tmp_path, "old", {"client": {}})
    write(tmp_path, "odd", {**SUMMARY, "client": []})
    (tmp_path / "failed-one").mkdir()
    page = portfolio.index(ReportFolder(tmp_path).summaries())
    assert page.index("Alpha") < page.index("Banca")
    assert "failed-one: no report was finished" in page
    assert "old: its summary.json cannot be read" in page
    assert "odd: its summary.json cannot be read" in page


def test_the_page_requests_nothing_and_runs_only_its_own_script(tmp_path):
    write(tmp_path, "b", SUMMARY)
    page = portfolio.index(ReportFolder(tmp_path).summaries())
    assert "http://" not in page
    assert "https://" not in page
    assert re.search(r"default-src 'none'.*script-src 'sha256-[^']+'", page)
    assert not re.search(r"<(link|img|iframe)\b|\bsrc=|@import|url\((?!data:font/woff;)", page)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        ({"client": {**SUMMARY["client"], "name": 7}}, "7 is no name"),
        ({"client": {**SUMMARY["client"], "country": ["IT"]}}, "is no name"),
        ({"padding": "x" * (9 << 20)}, "larger than any that we write"),
    ],
)
def test_a_neighbours_damaged_summary_is_named_and_left_out(tmp_path, damage, reason):
    write(tmp_path, "sound", SUMMARY)
    write(tmp_path, "damaged", SUMMARY | damage)
    page = portfolio.index(ReportFolder(tmp_path).summaries())
    assert "Banca &lt;Prova&gt;" in page
    assert reason in page
