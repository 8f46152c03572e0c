"""The command line: what is printed where, and which status a command ends with."""

import json
import math
import os
import subprocess
import sys
from types import SimpleNamespace

import click
import pytest
from commands import siting
from siting import study
from siting.cli import cli, frame, scenarios
from siting.inputs import scenario


def commands() -> list[tuple[str, click.Command]]:
    found = []
    for name, one in frame.commands(cli).items():
        if isinstance(one, frame.Commands):
            found += [(f"{name} {n}", c) for n, c in frame.commands(one).items()]
        else:
            found.append((name, one))
    return found


@pytest.mark.parametrize("name,one", commands(), ids=lambda x: x if isinstance(x, str) else "")
def test_every_command_has_json_and_help_with_an_example(name, one):
    result = siting(*name.split(), "--help")
    assert result.exit_code == 0
    assert "Example:" in result.stdout
    assert f"siting {name}" in result.stdout
    assert "--json" in result.stdout
    for option in one.params:
        if isinstance(option, click.Option):
            assert option.help, f"{name} {option.name} has no help"


TO_READ = {"pandas", "matplotlib", "openpyxl", "scipy.special", "scipy.optimize"}
TO_SIZE = {*TO_READ, "numpy", "scipy", "siting.memory", "siting.serving", "siting.verdict"}
TO_START = {*TO_READ, "numpy", "papermill", "nbconvert", "pydantic", "genai_prices"}


def check(client: str) -> str:
    return f"from siting.cli import cli; cli(['check', {client!r}], standalone_mode=False)"


@pytest.mark.parametrize(
    ("code", "needed", "heavy"),
    [
        ("import siting.cli", "siting.cli", TO_START),
        ("from siting.cli import frame; frame.prepare(['base'])", "siting.run.job", TO_READ),
        (check("klinikverbund-nordheide"), "siting.inputs.scenario", TO_SIZE),
    ],
    ids=["help", "prepare", "check"],
)
def test_no_command_loads_what_it_does_not_need(code, needed, heavy):
    """Help starts no library; a report is prepared without reading logs; check sizes nothing."""
    text = f"import sys; {code}; print(*sys.modules)"
    kept = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    for _ in range(2 if "check" in code else 1):  # the first check reads tables of facts through
        done = subprocess.run(
            [sys.executable, "-c", text], check=True, capture_output=True, text=True, env=kept
        )
    loaded = set(done.stdout.split())
    assert needed in loaded
    assert not heavy & loaded


def test_a_number_that_json_cannot_hold_is_null(capsys):
    @frame.command()
    def limits() -> frame.Answer:
        return frame.Answer({"none": math.inf, "some": [1.5, math.nan]})

    limits.main([], standalone_mode=False)
    assert json.loads(capsys.readouterr().out) == {"none": None, "some": [1.5, None]}


def test_a_summary_of_several_clients_holds_each_by_its_name(monkeypatch):
    def of(client: str, _: object) -> SimpleNamespace:
        named = SimpleNamespace(id=client)
        return SimpleNamespace(client=named, results=None, summary=lambda: {"client": client})

    monkeypatch.setattr(study, "open", of)
    one, two = {"client": "base"}, {"client": "polderwerk"}
    assert json.loads(siting("summary").stdout) == one
    assert json.loads(siting("summary", "polderwerk", "--json").stdout) == two
    both = json.loads(siting("summary", "base", "polderwerk", "--json").stdout)
    assert both == {"base": one, "polderwerk": two}


def test_check_lists_every_problem_as_json_on_stdout_alone(tmp_path):
    (tmp_path / "x.yaml").write_text("client: {nam: X}\nworkload: {}\n", encoding="utf-8")
    result = siting("check", str(tmp_path / "x.yaml"), "--json")
    assert result.exit_code == 2
    problems = json.loads(result.stdout)["problems"]
    assert {"client.nam", "workload"} <= {p["field"] for p in problems}
    assert set(problems[0]) == {"file", "line", "field", "wrong", "write"}
    assert not result.stderr


def test_check_without_a_name_checks_all_of_params():
    result = siting("check", "--json")
    assert result.exit_code == 0
    assert "base" in json.loads(result.stdout)["checked"]


def test_check_notes_a_country_whose_law_is_not_on_file():
    note = "no law of JP is on file; no verdict speaks of it"
    result = siting("check", "tidewater-apps", "--set", "client.country=JP")
    assert result.exit_code == 0
    assert note in result.stdout
    assert note not in siting("check", "tidewater-apps").stdout


def test_check_names_notebooks_that_no_report_holds_and_tags_that_nothing_reads(
    tmp_path, monkeypatch
):
    cells = [{"metadata": {"tags": ["remove-cell"]}}, {"metadata": {"tags": ["page-one"]}}]
    folder = tmp_path / "notebooks" / "tidewater-apps"
    folder.mkdir(parents=True)
    (folder / "45_load.ipynb").write_text(json.dumps({"cells": cells}))
    (folder / "draft.ipynb").write_text(json.dumps({"cells": []}))
    found = scenario.load("tidewater-apps")
    monkeypatch.setattr(scenario, "project", lambda: tmp_path)
    tag, unnumbered = scenarios.unread(found)
    assert tag.endswith("cell 2: nothing reads the tag page-one; did you mean page_one?")
    assert unnumbered.endswith("is in no report: name it after its place, such as 45_draft.ipynb")


def test_a_wrong_scenario_ends_a_report_with_status_2_and_writes_nothing(tmp_path):
    (tmp_path / "x.yaml").write_text("client: {nam: X}\n", encoding="utf-8")
    out = tmp_path / "out"
    result = siting("report", str(tmp_path / "x.yaml"), "--out", str(out))
    assert result.exit_code == 2
    assert "x.yaml:1: client.nam: 'nam' is no key here; did you mean name?" in result.stderr
    assert not result.stdout
    assert not out.exists()


# --- Facts ---------------------------------------------------------------------------------------


def test_every_fact_is_listed_with_its_value_unit_source_and_date():
    found = {}
    for table in ("electricity", "cloud_prices", "cost_parameters", "vendor_events"):
        found[table] = json.loads(siting("facts", "--table", table, "--json").stdout)
        assert {f["table"] for f in found[table]} == {table}
        for fact in found[table]:
            assert fact["value"] and fact["source"]["source"] and fact["source"]["date"], table
    assert found["electricity"][0]["unit"].endswith("/kWh")
    assert found["cloud_prices"][0]["unit"] == "USD/GPU-h"
    (demand,) = [f for f in found["cost_parameters"] if f["name"].startswith("demand")]
    assert demand["value"] == "1 (0.6 to 1.3)" and demand["unit"]


# --- Memory and capacity -------------------------------------------------------------------------


def test_fit_reads_a_config_json(tmp_path):
    config = {  # Llama-3.1-8B, as published
        "model_type": "llama",
        "num_hidden_layers": 32,
        "hidden_size": 4096,
        "intermediate_size": 14336,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "vocab_size": 128256,
        "max_position_embeddings": 131072,
        "torch_dtype": "bfloat16",
    }
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    words = ["fit", "--model", str(tmp_path / "config.json"), "--gpu", "h100-sxm5-80gb", "--json"]
    weights = json.loads(siting(*words).stdout)["parts"][0]
    # 8.03e9 parameters of 2 bytes are 14.96 GiB.
    assert weights["central"] == pytest.approx(14.96, rel=0.02)
    words[1] = "--config"  # which needs no name of the catalogue beside it
    assert json.loads(siting(*words).stdout)["parts"][0] == weights
    load = ["--requests-per-day", "1000", "--input", "300,800", "--output", "40,100"]
    sized = siting("size", "--model", words[2], *words[3:], *load)
    assert json.loads(sized.stdout)["gpus_per_replica"] == 1, sized.output


def test_validate_reads_a_file_and_writes_every_comparison(tmp_path):
    rows = (
        "case_id,model,gpu,weight_format,tp,score,weights_gib_per_gpu,engine\n"
        "a,meta-llama/Llama-3.1-8B-Instruct,h100-sxm5-80gb,bf16,1,weights_gib_per_gpu,14.99,vllm\n"
        "b,no/such-model,h100-sxm5-80gb,bf16,1,weights_gib_per_gpu,14.99,vllm\n"
    )
    (tmp_path / "mine.csv").write_text(rows, encoding="utf-8")
    out = tmp_path / "rows.csv"
    result = siting("validate", "vram", str(tmp_path / "mine.csv"), "--rows", str(out), "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["weights_gib_per_gpu"]["n"] == 2
    head, first, second = out.read_text(encoding="utf-8").splitlines()
    assert head == "case_id,quantity,measured,low,central,high,note"
    assert first.startswith("a,weights_gib_per_gpu,14.99,")
    assert second.startswith("b,weights_gib_per_gpu,14.99,,,,")  # unknown stays unknown
    assert len(second) > len("b,weights_gib_per_gpu,14.99,,,,")


def test_old_facts_of_a_client_stand_by_what_they_do_to_its_answer():
    asked = ["facts", "--stale", "60", "--client", "tidewater-apps", "--json"]
    found = json.loads(siting(*asked).stdout)
    rows = [(bool(row["rules_out"]), row["moves"] or 0.0) for row in found["facts"]]
    assert rows == sorted(rows, reverse=True)
    assert rows[0][1] > 0
    assert all(row["age_days"] is None or row["age_days"] > 60 for row in found["facts"])
    tables = {row["where"].partition(":")[0] for row in found["facts"]} - {""}
    assert {row["table"] for row in found["renewals"]} <= tables
