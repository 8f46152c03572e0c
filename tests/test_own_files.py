"""A client's own file: read in JupyterLab and in the report, cited, and part of its fingerprint."""

import dataclasses
import json
import pickle
import re
from pathlib import Path

import pandas as pd
import pytest
from commands import siting
from siting.inputs import scenario
from siting.run import job
from siting.study import Study
from siting_report.run.job import Job
from trial import chapter, make

OFFERS = "host,price\nAlpha,1000\nBeta,1200\n"
READS = """from siting import study
s = study.open(client)
offers = s.file("offers.csv", source="Written offers of two hosts", date="2026-11-20",
                url="https://hosts.test/offers")
prices = pd.read_csv(offers).set_index("host")
"""
SHOWS = (
    READS,
    'say("The dearer one asks for 1200.", offers)',
    'table(prices, "What two hosts ask for", "whole", data=offers)',
    'chart(prices.plot.barh(legend=False), "Two offers", offers, alt="1000 and 1200.")',
)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of chapters with one of the client base alone, and a file beside it."""
    (tmp_path / "params").mkdir()
    base = Path(scenario.project() / "params" / "base.yaml").read_text(encoding="utf-8")
    (tmp_path / "params" / "base.yaml").write_text(base, encoding="utf-8")
    own = tmp_path / "notebooks" / "base"
    own.mkdir(parents=True)
    (own / "45_offers.ipynb").write_text(chapter("Who offers what?", *SHOWS), encoding="utf-8")
    (own / "offers.csv").write_text(OFFERS, encoding="utf-8")
    (own / "draft.csv").write_text("a\n1\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def prepared(project: Path) -> Job:
    """The job of that client, on a small scenario."""
    made = job.prepare("base")
    return dataclasses.replace(make(), client="base", chapters=made.chapters, data=made.data)


@pytest.mark.parametrize("folder", [".", "notebooks", "notebooks/base"])
def test_a_notebook_reads_the_file_from_wherever_jupyterlab_runs_it(project, folder, monkeypatch):
    monkeypatch.chdir(project / folder)
    path = Study(scenario.load("base")).file("offers.csv", source="Written offers")
    assert list(pd.read_csv(path).price) == [1000, 1200]
    assert [str(s.citation) for s in path.attrs["sources"]] == [
        "Written offers, offers.csv (undated)"
    ]


def test_a_report_carries_the_file_and_cites_it(project, render):
    files = render(dataclasses.replace(prepared(project), formats=("html",)))
    page = files["report.html"].decode()
    assert "https://hosts.test/offers" in page
    said, table, drawn = re.findall(
        r'(?s)<div class="prose">.*?(?=<figure)|<figure.*?</figure>', page
    )
    for exhibit, words in (
        (said, "The dearer one asks for 1200."), (table, "What two hosts ask for"),
        (drawn, "Two offers"),
    ):  # fmt: skip
        assert words in exhibit
        assert 'Source <a href="#source-1">1</a>.' in exhibit
    assert files["notebooks/offers.csv"] == OFFERS.encode()
    assert "notebooks/draft.csv" not in files


def test_the_file_is_part_of_what_a_report_rests_on(project):
    first = prepared(project)
    (project / "notebooks/base/draft.csv").write_text("a\n2\n", encoding="utf-8")
    assert prepared(project).fingerprint() == first.fingerprint()
    (project / "notebooks/base/offers.csv").write_text(OFFERS + "Gamma,900\n", encoding="utf-8")
    second = prepared(project)
    assert second.fingerprint() != first.fingerprint()
    moved = {path for path in first.origins() if first.origins()[path] != second.origins()[path]}
    assert moved == {"notebooks/45_offers.ipynb"}, "figures of the study do not rest on it"


def test_the_file_goes_with_the_job_to_another_machine(project):
    there = pickle.loads(pickle.dumps(prepared(project)))
    assert there.data == {"offers.csv": OFFERS.encode()}


def test_a_link_a_large_file_and_a_module_do_not_travel(project):
    own = project / "notebooks" / "base"
    text = chapter("Who?", "'link.csv', 'helper.py', 'large.csv'")
    (own / "45_offers.ipynb").write_text(text, encoding="utf-8")
    (own / "helper.py").write_text("raise SystemExit", encoding="utf-8")
    assert job.prepare("base").data == {}
    (own / "link.csv").symlink_to("/etc/hostname")
    with pytest.raises(scenario.DocumentError, match=r"link\.csv: is a link"):
        job.prepare("base")
    (own / "link.csv").unlink()
    (own / "large.csv").write_bytes(b"1" * (20 * 2**20 + 1))
    with pytest.raises(scenario.DocumentError, match=r"large\.csv: is larger than 20 MiB"):
        job.prepare("base")


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"name": "ofers.csv"}, r"'ofers.csv' is not in notebooks/base; did you mean offers.csv"),
        ({"name": "../base.yaml"}, r"no plain name of a file; write it without a folder"),
        ({"source": " "}, "s.file, source: "),
        ({"date": "May 2026"}, "s.file, date: 'May 2026' is no date; write YYYY"),
        ({"url": "hosts.test"}, "s.file, url: is no address of a page"),
    ],
)
def test_what_is_wrong_is_said_with_what_to_write(project, asked, message):
    told = {"name": "offers.csv", "source": "Written offers", **asked}
    with pytest.raises(ValueError, match=message):
        Study(scenario.load("base")).file(told.pop("name"), **told)


@pytest.mark.parametrize("asks", ["has_chapter", "see"])
def test_a_chapter_that_asks_for_one_by_a_misspelt_name_is_refused_before_it_runs(project, asks):
    own = project / "notebooks" / "base"
    asking = f's.{asks}("45_offer") and s.{asks}("45_offers")'
    (own / "46_more.ipynb").write_text(chapter("What else?", asking), encoding="utf-8")
    with pytest.raises(scenario.DocumentError) as refused:
        job.prepare("base")
    assert "46_more.ipynb" in str(refused.value)
    assert "'45_offer' is no chapter; did you mean 45_offers?" in str(refused.value)


def test_faults_of_a_scenario_and_of_its_files_are_told_in_one_round_and_once(project):
    own = project / "notebooks" / "base"
    reads = "s.file('ofers.csv'); s.see('45_offer'); 'link.csv', 'large.csv'"
    (own / "46_more.ipynb").write_text(chapter("What else?", reads), encoding="utf-8")
    (own / "47_torn.ipynb").write_text("{", encoding="utf-8")
    (own / "link.csv").symlink_to("/etc/hostname")
    (own / "large.csv").write_bytes(b"1" * (20 * 2**20 + 1))
    base = project / "params" / "base.yaml"
    text = base.read_text(encoding="utf-8").replace("sector: other", "sector: othr\n  logo: l.svg")
    base.write_text(f"{text}report:\n  body: [99_none]\n", encoding="utf-8")
    found = siting("check", "base", "--json")
    problems = json.loads(found.stdout)["problems"]
    told = [problem["field"] or Path(problem["file"]).name for problem in problems]
    fields = ["client.logo", "client.sector", "report.body[0]"]
    files = ["46_more.ipynb", "46_more.ipynb", "47_torn.ipynb", "large.csv", "link.csv"]
    assert sorted(told) == sorted([*fields, *files])
    assert all(problem["line"] for problem in problems if problem["field"])


def test_a_file_that_a_shared_chapter_or_a_mere_text_names_is_not_asked_for(project):
    text = chapter("What else?", "s.files('none.csv'); 'none.csv'")
    (project / "notebooks" / "base" / "46_more.ipynb").write_text(text, encoding="utf-8")
    (project / "notebooks" / "48_shared.ipynb").write_text(
        chapter("Shared?", "s.file('none.csv')"), encoding="utf-8"
    )
    assert "48_shared.ipynb" in job.prepare("base").chapters
