"""Kinds of place: what tells them apart, and what a new one takes."""

import csv
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from siting import catalogue, places
from siting.catalogue import FactError
from siting.rules import rulebook
from studies import WORKLOADS

ROOT = Path(__file__).parents[1]
FACTS = catalogue.facts_dir().relative_to(ROOT)
LINE = '    "rented_gpus": frozenset({"machines", "rented", "committed"}),\n'
NEW = LINE.replace("rented_gpus", "serverless_gpus").replace(', "committed"', "")
OPTION = """
    label: {0}
    kind: {0}
    vendor: Nebius
    provider: nebius
    models: {{all: Qwen/Qwen3-8B}}
    effort: none
    gpu: h100-sxm5-80gb
    country: FI
"""
SCENARIO = f"""
client: {{name: Example Works, country: DE, report_date: 2026-11-24}}
{WORKLOADS}
options:
  api: {{}}
  usual: {OPTION.format("rented_gpus")}
  new: {OPTION.format("serverless_gpus")}
evidence:
  - {{fields: [workloads, options], source: Test of a new kind, date: 2026-11-24}}
"""


FIGURES = """
import json
from siting import study
from siting.study import summary
print(json.dumps(summary.options(study.open("example"))))
"""


def test_kinds_are_told_apart_by_their_traits():
    assert places.having("owned") == ("colocation", "on_premises")
    assert places.meant(["machines"]) == {*places.having("rented"), *places.having("owned")}
    assert places.meant(["owned", "api"]) == {"colocation", "on_premises", "api"}
    assert places.meant([]) == frozenset()
    ways = (*places.BY_REQUEST, *places.SELF_HOSTED, *places.having("mixed"))
    assert sorted(ways) == sorted(places.KINDS)  # each kind is of one way, none of two


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the library and of a client's folder, with one more kind of place."""
    left_out = shutil.ignore_patterns("*.egg-info")  # compiled already where that is here
    for name in ("lib", "params", "notebooks"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=left_out)
    kinds = tmp_path / "lib" / "siting" / "places.py"
    text = kinds.read_text(encoding="utf-8")
    assert text.count(LINE) == 1
    kinds.write_text(text.replace(LINE, LINE + NEW), encoding="utf-8")
    (tmp_path / "params" / "example.yaml").write_text(SCENARIO, encoding="utf-8")
    return tmp_path


@pytest.fixture
def siting(project: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    environment = {**os.environ, "PYTHONPATH": str(project / "lib")}

    def run(*words: str, python: str = "") -> subprocess.CompletedProcess[str]:
        command = [sys.executable, *(("-c", python) if python else ("-m", "siting", *words))]
        return subprocess.run(
            command, cwd=project, env=environment, capture_output=True, text=True, check=False
        )

    return run


def test_a_new_kind_is_a_line_and_what_the_rules_take_as_given_of_it(project, siting):
    """Two files by hand, and the schema for editors, which is generated."""
    silent = siting("check", "--deep", "example")
    assert silent.returncode == 2
    assert silent.stderr + silent.stdout == (
        "provider_attributes.csv: nothing says external or weights_local of kind:serverless_gpus; "
        "add a row for each, with the subject kind:serverless_gpus, as for the other kinds\n"
    )
    path = project / FACTS / "provider_attributes.csv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = [r for r in csv.reader(file) if r[0] in ("subject", "kind:rented_gpus")]
    assert len(rows) == 4
    with path.open("a", encoding="utf-8", newline="") as file:
        written = csv.writer(file, lineterminator="\n")
        written.writerows(["kind:serverless_gpus", *cells] for _, *cells in rows[1:])
    schema = siting("schema").stdout
    assert schema.count("serverless_gpus") == 1
    assert "no problem" in siting("check", "--deep", "example").stdout
    figures = siting(python=FIGURES)
    assert figures.returncode == 0, figures.stderr
    options = json.loads(figures.stdout)
    assert options["new"]["kind"] == "serverless_gpus"
    assert options["new"]["sovereignty"] == options["usual"]["sovereignty"]


def test_a_kind_that_does_not_exist_has_no_attributes(facts):
    path = facts / "provider_attributes.csv"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("kind:colocation", "kind:colocaton", 1), encoding="utf-8")
    said = "subject: 'colocaton' is no kind of option; did you mean colocation"
    with pytest.raises(FactError, match=rf"^provider_attributes.csv, line \d+, {said}"):
        rulebook.rule_book()
