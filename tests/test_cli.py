"""The command line: what is printed where, and which status a command ends with."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import click
import pytest
from click.testing import CliRunner, Result
from siting import study
from siting.cli import cli, frame

FIT = ["fit", "--model", "google/gemma-4-31B-it", "--gpu", "h100-sxm5-80gb", "--weights", "fp8"]
SIZE = ["size", *FIT[1:], "--requests-per-day", "9000", "--input", "900,2000", "--output", "90,200"]


def siting(*words: str) -> Result:
    return CliRunner().invoke(cli, list(words), prog_name="siting")


def commands() -> list[tuple[str, click.Command]]:
    found = []
    for name, one in frame.commands(cli).items():
        if isinstance(one, frame.Commands):
            found += [(f"{name} {n}", c) for n, c in frame.commands(one).items()]
        else:
            found.append((name, one))
    return found


@pytest.mark.parametrize("name,one", commands(), ids=lambda x: x if isinstance(x, str) else "")
def test_every_command_has_json_and_help_with_an_example(name: str, one: click.Command) -> None:
    result = siting(*name.split(), "--help")
    assert result.exit_code == 0
    assert "Example:" in result.stdout
    assert f"siting {name}" in result.stdout
    assert "--json" in result.stdout
    for option in one.params:
        if isinstance(option, click.Option):
            assert option.help, f"{name} {option.name} has no help"


def test_help_imports_none_of_the_heavy_libraries() -> None:
    heavy = ["pandas", "numpy", "matplotlib", "papermill", "nbconvert", "pydantic", "genai_prices"]
    code = "import sys, siting.cli; print(*(m for m in sys.modules if '.' not in m))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert not set(heavy) & set(done.stdout.split())


def test_preparing_reports_loads_nothing_that_only_reading_logs_or_computing_needs() -> None:
    heavy = {"pandas", "openpyxl", "matplotlib", "scipy.special"}
    code = "import sys; from siting.cli import frame; frame.prepare(['base']); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    loaded = set(done.stdout.split())
    assert "siting.rules.rulebook" in loaded
    assert not heavy & loaded


@pytest.mark.parametrize("client", ["agence-lumiere", "klinikverbund-nordheide"])
def test_check_sizes_nothing_and_loads_nothing_to_size_with(client: str) -> None:
    code = (
        f"import sys; from siting.cli import cli; cli(['check', {client!r}], standalone_mode=False)"
        "; print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    loaded = set(done.stdout.split())
    assert "siting.inputs.scenario" in loaded
    heavy = {"pandas", "matplotlib", "scipy.special", "scipy.optimize", "openpyxl"}
    assert not (heavy | {"siting.serving.capacity", "siting.verdict.chain"}) & loaded


def test_a_number_that_json_cannot_hold_is_null(capsys: pytest.CaptureFixture[str]) -> None:
    @frame.command()
    def limits() -> frame.Answer:
        return frame.Answer({"none": math.inf, "some": [1.5, math.nan]})

    limits.main([], standalone_mode=False)
    assert json.loads(capsys.readouterr().out) == {"none": None, "some": [1.5, None]}


def test_a_summary_of_several_clients_holds_each_by_its_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def of(client: str, _: object) -> SimpleNamespace:
        named = SimpleNamespace(id=client)
        return SimpleNamespace(client=named, results=None, summary=lambda: {"client": client})

    monkeypatch.setattr(study, "open", of)
    one, two = {"client": "base"}, {"client": "polderwerk"}
    assert json.loads(siting("summary").stdout) == one
    assert json.loads(siting("summary", "polderwerk", "--json").stdout) == two
    both = json.loads(siting("summary", "base", "polderwerk", "--json").stdout)
    assert both == {"base": one, "polderwerk": two}


def test_an_unknown_command_gets_a_suggestion_and_status_2() -> None:
    result = siting("reprot")
    assert result.exit_code == 2
    assert "did you mean report" in result.stderr
    assert not result.stdout


def test_check_lists_every_problem_as_json_on_stdout_alone(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("client: {nam: X}\nworkload: {}\n", encoding="utf-8")
    result = siting("check", str(tmp_path / "x.yaml"), "--json")
    assert result.exit_code == 2
    problems = json.loads(result.stdout)["problems"]
    assert {"client.nam", "workload"} <= {p["field"] for p in problems}
    assert set(problems[0]) == {"file", "line", "field", "wrong", "write"}
    assert not result.stderr


def test_check_without_a_name_checks_all_of_params() -> None:
    result = siting("check", "--json")
    assert result.exit_code == 0
    assert "base" in json.loads(result.stdout)["checked"]


def test_check_notes_a_country_whose_law_is_not_on_file() -> None:
    note = "no law of JP is on file; no verdict speaks of it"
    result = siting("check", "tidewater-apps", "--set", "client.country=JP")
    assert result.exit_code == 0
    assert note in result.stdout
    assert note not in siting("check", "tidewater-apps").stdout


def test_a_wrong_scenario_ends_a_report_with_status_2_and_writes_nothing(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("client: {nam: X}\n", encoding="utf-8")
    out = tmp_path / "out"
    result = siting("report", str(tmp_path / "x.yaml"), "--out", str(out))
    assert result.exit_code == 2
    assert "x.yaml:1: client.nam: 'nam' is no key here; did you mean name?" in result.stderr
    assert not result.stdout
    assert not out.exists()


def test_an_unknown_format_is_refused() -> None:
    result = siting("report", "--format", "docx")
    assert result.exit_code == 2
    assert "html,pdf" in result.stderr


def test_the_schema_is_json() -> None:
    assert json.loads(siting("schema").stdout)["title"] == "Scenario"


# --- Facts ---------------------------------------------------------------------------------------


def test_facts_are_listed_with_source_date_and_age() -> None:
    result = siting("facts", "--table", "gpus", "--json")
    gpus = json.loads(result.stdout)
    assert len(gpus) > 50
    assert all(g["source"]["source"] and g["source"]["date"] for g in gpus)
    assert {g["table"] for g in gpus} == {"gpus"}


def test_every_fact_is_listed_with_its_value_and_unit() -> None:
    found = {}
    for table in ("electricity", "cloud_prices", "cost_parameters", "vendor_events"):
        found[table] = json.loads(siting("facts", "--table", table, "--json").stdout)
        assert all(f["value"] for f in found[table]), table
    assert found["electricity"][0]["unit"].endswith("/kWh")
    assert found["cloud_prices"][0]["unit"] == "USD/GPU-h"
    (demand,) = [f for f in found["cost_parameters"] if f["name"].startswith("demand")]
    assert demand["value"] == "1 (0.6 to 1.3)" and demand["unit"]


def test_an_unknown_table_is_refused() -> None:
    result = siting("facts", "--table", "gpu")
    assert result.exit_code == 2
    assert "gpus" in result.stderr


# --- Memory and capacity -------------------------------------------------------------------------


def test_fit_prints_memory_by_part_and_what_fits() -> None:
    result = siting(*FIT, "--context", "8192", "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert {"weights", "cache"} <= {p["name"] for p in found["parts"]}
    assert all(p["low"] <= p["central"] <= p["high"] for p in found["parts"])
    assert found["longest_context"] > 8192
    assert found["max_concurrency"]["central"] > 1


def test_fit_reads_a_config_json(tmp_path: Path) -> None:
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


@pytest.mark.parametrize(
    "words,hint",
    [
        (["fit", "--model", "gemma-4-31b", "--gpu", "h100-sxm5-80gb"], "gemma-4-31B-it"),
        (["fit", "--model", "google/gemma-4-31B-it", "--gpu", "h100x"], "h100"),
        ([*FIT, "--weights", "fp7"], "fp8"),
        ([*SIZE, "--input", "900"], "MEAN,P95"),
    ],
)
def test_a_wrong_name_is_answered_with_near_ones(words: list[str], hint: str) -> None:
    result = siting(*words)
    assert result.exit_code == 2
    assert hint in result.stderr
    assert not result.stdout


def test_size_grows_with_the_load() -> None:
    few = json.loads(siting(*SIZE, "--json").stdout)
    many = json.loads(siting(*SIZE, "--requests-per-day", "900000", "--json").stdout)
    assert few["gpus"]["low"] <= few["gpus"]["central"] <= few["gpus"]["high"]
    assert many["gpus"]["central"] > few["gpus"]["central"]


def test_validate_reads_a_file_and_writes_every_comparison(tmp_path: Path) -> None:
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


def test_validate_of_an_unknown_kind_lists_the_kinds() -> None:
    result = siting("validate", "speed")
    assert result.exit_code == 2
    assert "throughput" in result.stderr


# --- Completion ----------------------------------------------------------------------------------
