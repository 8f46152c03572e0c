"""What a stranger's file may not do: reach another client, run code, or show what it does not hold.

Attacks on single readers stand beside their readers (test_beside, test_exchange, test_portfolio).
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from commands import siting
from siting.cli import frame, reports
from siting.inputs import scenario
from siting.inputs.document import INVISIBLE
from siting.inputs.scenario import DocumentError
from siting.run import job
from siting_report.run import batch
from siting_report.run.folder import WORK, ReportFolder

ROOT = Path(__file__).parents[1]
VICTIM = "tidewater-apps"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of one client, which is the current folder; strangers' files lie in `in/`."""
    (tmp_path / "params").mkdir()
    for name in ("base", VICTIM):
        shutil.copy(ROOT / "params" / f"{name}.yaml", tmp_path / "params")
    (tmp_path / "notebooks").symlink_to(ROOT / "notebooks")
    (tmp_path / "in").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def whole(client: str) -> str:
    return scenario.resolved(scenario.load(client))


def test_an_id_that_is_not_the_name_of_its_file_is_refused_by_line(project):
    (project / "in" / "foo.yaml").write_text(f"client:\n  id: {VICTIM}\n", encoding="utf-8")
    with pytest.raises(DocumentError) as refused:
        job.prepare("in/foo.yaml")
    problem = refused.value.problems[0]
    assert (problem.file, problem.line, problem.field) == ("in/foo.yaml", 2, "client.id")
    assert "remove it, or write foo" in str(problem)


@pytest.mark.parametrize("name", [f"{VICTIM}.yaml", "scenario.yaml", "other.yaml"])
def test_no_file_from_elsewhere_replaces_the_report_of_a_client(project, name):
    (project / "in" / name).write_text(whole(VICTIM), encoding="utf-8")
    outcome = siting("report", f"in/{name}", "--format", "html")
    assert outcome.exit_code == 2
    assert f"would replace the report of {VICTIM}" in outcome.output
    assert not (project / "reports").exists()


def test_the_scenario_of_a_report_makes_that_report_again(project):
    home = project / "reports" / VICTIM
    home.mkdir(parents=True)
    (home / "scenario.yaml").write_text(whole(VICTIM), encoding="utf-8")
    job.refuse_replacing(home / "scenario.yaml", VICTIM, project / "reports")
    job.refuse_replacing(project / "params" / f"{VICTIM}.yaml", VICTIM, project / "reports")
    # Elsewhere than in the project's reports there is nothing to replace.
    (project / "in" / "scenario.yaml").write_text(whole(VICTIM), encoding="utf-8")
    job.refuse_replacing(project / "in" / "scenario.yaml", VICTIM, project / "drafts")


def test_a_linked_base_beside_a_strangers_file_shows_nobody_elses_scenario(project):
    (project / "in" / "base.yaml").symlink_to(project / "params" / f"{VICTIM}.yaml")
    (project / "in" / "foo.yaml").write_text("client:\n  name: Foo\n", encoding="utf-8")
    with pytest.raises(DocumentError, match=r"in/base\.yaml.*is a link; put the file itself there"):
        scenario.load("in/foo.yaml")


def test_no_module_of_the_projects_folder_runs_when_a_client_is_computed(project):
    for name in ("click", "yaml", "siting", "pandas"):
        (project / f"{name}.py").write_text("open('ran', 'w').close()\n", encoding="utf-8")
    command = Path(sys.executable).with_name("siting")
    asked = [str(command), "diff", "nobody@now", f"{VICTIM}@now"]
    done = subprocess.run(asked, cwd=project, capture_output=True, text=True, env={**os.environ})
    assert done.returncode == 2
    assert "nobody.yaml: does not exist" in done.stderr
    assert not (project / "ran").exists()


def test_the_users_matplotlibrc_changes_no_chart(tmp_path):
    (tmp_path / "matplotlibrc").write_text(
        "lines.linewidth: 9\naxes.grid: True\nfont.size: 30\npatch.linewidth: 7\n", encoding="utf-8"
    )
    script = (
        "import io, matplotlib.pyplot as plt; from siting_report.show import style;"
        "fig, ax = plt.subplots(); ax.plot([1, 2]); ax.bar([1], [2]); held = io.BytesIO();"
        "fig.savefig(held, format='svg', metadata={'Date': None}); print(held.getvalue().decode())"
    )
    drawn = {
        folder: subprocess.run(
            [sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, check=True
        ).stdout
        for folder in (ROOT, tmp_path)
    }
    assert "<path" in drawn[ROOT]
    assert drawn[ROOT] == drawn[tmp_path]


ESCAPE = "\x1b]0;owned\x07\x9b31m"
"""Sets the title of a terminal and turns its text red, by controls of both kinds."""


@pytest.mark.parametrize(
    "config",
    [
        {"model_type": f"llama{ESCAPE}"},
        {"architectures": [f"Bert{ESCAPE}"], "is_encoder_decoder": True},
        {"_name_or_path": f"me/mine{ESCAPE}", "model_type": "llama", "num_hidden_layers": 2,
         "hidden_size": 512, "intermediate_size": 1024, "num_attention_heads": 8,
         "vocab_size": 32000, "max_position_embeddings": 4096, "torch_dtype": "bfloat16"},
    ],
)  # fmt: skip
@pytest.mark.parametrize("more", [[], ["--json"]])
def test_no_text_of_a_configuration_gives_orders_to_the_terminal(tmp_path, config, more):
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config), encoding="utf-8")
    asked = ["fit", "--config", str(path), "--gpu", "h100-sxm5-80gb", *more]
    said = siting(*asked).output
    assert said
    assert not INVISIBLE.search(said)


def test_json_of_a_command_spells_controls_out_and_says_the_same():
    text = frame._json({"said": ESCAPE})
    assert not INVISIBLE.search(text)
    assert json.loads(text) == {"said": ESCAPE}


def test_no_name_of_a_file_gives_orders_to_the_terminal_of_who_watches_or_renders(capsys):
    reports._say(f"{ESCAPE}.ipynb saved, rendering …")
    frame.Refused(f"{ESCAPE}: does not exist").show()
    said = capsys.readouterr().err
    assert said == "?]0;owned??31m.ipynb saved, rendering …\n?]0;owned??31m: does not exist\n"


def test_an_hour_beyond_all_bounds_is_refused_by_line(project):
    hours = ", ".join(["1.7e+308"] * 24)
    text = f"workloads: {{assistant: {{\n  hours: [{hours}]}}}}\n"
    (project / "params" / "foo.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(DocumentError) as refused:
        scenario.load("foo")
    (problem,) = (p for p in refused.value.problems if p.field == "workloads.assistant.hours")
    assert problem.line == 2
    assert "1.7e+308 is too large; write at most 1_000_000_000" in str(refused.value)


def test_a_link_in_place_of_the_folder_for_work_is_not_followed(tmp_path):
    place = tmp_path / "reports"
    elsewhere = tmp_path / "elsewhere"
    place.mkdir()
    elsewhere.mkdir()
    (place / WORK).symlink_to(elsewhere)
    with pytest.raises(OSError, match="a link where a folder"), ReportFolder(place).lock("one"):
        pass
    assert list(elsewhere.iterdir()) == []


def test_what_killed_runs_left_goes_with_the_next_run_whoever_it_is_for(tmp_path):
    place = tmp_path / "reports"
    kept = [place / "gone", place / "half", place / WORK / "busy.new"]
    left = [place / WORK / name for name in ("gone.old", "half.new", "nobody.new")]
    for folder in (*kept, *left):
        folder.mkdir(parents=True)
    with ReportFolder(place).lock("busy"):
        (place / WORK / "busy.new").mkdir(exist_ok=True)
        batch.run([], str(place))
        assert [folder.exists() for folder in left] == [False] * 3
        assert [folder.exists() for folder in kept] == [True] * 3
