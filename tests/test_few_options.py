"""A report holds where nothing may be chosen, or one option is alone."""

from __future__ import annotations

import dataclasses
import html
import re
from typing import Any

import pytest
from siting.inputs import scenario
from siting.run import job
from siting_report.run.job import Job
from trial import Render


def changed(client: str, **changes: Any) -> Job:
    """The job of a client whose scenario is otherwise, as HTML alone."""
    found = scenario.changed(scenario.load(client), changes.pop("paths", {}))
    text = scenario.resolved(found.model_copy(update=changes))
    made = job.prepare(client)
    left_out = {name.removesuffix(".ipynb") for name in found.report.leave_out}
    chapters = {n: c for n, c in made.chapters.items() if n.removesuffix(".ipynb") not in left_out}
    return dataclasses.replace(made, scenario=text, chapters=chapters, formats=("html",))


def words(files: dict[str, bytes]) -> str:
    """The text of a page, without its markup, scripts and styles."""
    page = re.sub(r"(?s)<(script|style)\b.*?</\1>", " ", files["report.html"].decode())
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", page)).split())


def no_gap(said: str) -> None:
    """Asserts that no value that is missing shows as such."""
    gaps = re.findall(r".{30}\b(?:nan|NaN|NaT|None)\b.{30}", said)
    assert [gap for gap in gaps if "None of" not in gap] == []


def test_a_report_says_why_no_option_may_be_chosen(render: Render) -> None:
    nobody = {"finance.budget_any_year": 1}
    said = words(render(changed("polderwerk", paths=nobody)))
    assert "over your ceiling" in said
    no_gap(said)


@pytest.mark.parametrize(("name", "runs"), [("api", True), ("rented", False)])
def test_a_report_of_one_option_has_no_gap(name: str, runs: bool, render: Render) -> None:
    base = scenario.load("base")
    finance = base.finance.model_copy(update={"baseline": name if runs else "none"})
    option = base.options[name]
    said = words(render(changed("base", options={name: option}, finance=finance)))
    assert option.label in said
    no_gap(said)
