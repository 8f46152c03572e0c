"""Frames on where numbers come from: counted by hand from the records that they are made of."""

import datetime as dt
import shutil

import pytest
import siting_facts
from siting import kit, provenance
from siting.inputs import scenario
from siting.study import Study
from studies import opened


@pytest.fixture(scope="module")
def s() -> Study:
    return opened("klinikverbund-nordheide")


def test_every_input_has_a_value_in_its_range_and_an_origin(s):
    inputs = s.inputs()
    assert len(inputs) == len(s.results.used) > 50
    assert ((inputs.low <= inputs.central) & (inputs.central <= inputs.high)).all()
    assert (inputs.source != "").all() and (inputs.locator != "").all()
    assert set(inputs.kind) <= {"measured", "published", "client", "estimate"}


def test_an_age_is_counted_in_days_up_to_the_report(s):
    whole = s.inputs()[lambda f: f.date.str.fullmatch(r"\d{4}-\d{2}-\d{2}")]
    for row in whole.itertuples():
        days = (s.client.report_date - dt.date.fromisoformat(str(row.date))).days
        assert row.age_days == max(0, days)
    assert s.stale_days == 90  # which the chapter on sources prints


def test_the_version_of_the_facts_is_the_day_of_the_folder_that_is_read(s, tmp_path, monkeypatch):
    assert s.facts_version == siting_facts.__version__
    assert dt.date.fromisoformat(siting_facts.__version__)
    shutil.copytree(siting_facts.FOLDER, tmp_path / "mine")
    monkeypatch.setenv("SITING_FACTS", str(tmp_path / "mine"))
    (tmp_path / "mine" / "VERSION").write_text("2026-05-02\n", encoding="utf-8")
    assert s.facts_version == "2026-05-02"
    (tmp_path / "mine" / "VERSION").unlink()
    assert s.facts_version == "undated"


def test_no_fact_is_younger_than_the_version_of_the_facts():
    days = [entry.source.date for entry in provenance.entries(dt.date.today())]
    assert max(day for day in days if day != "undated") <= siting_facts.__version__


def test_a_report_says_at_its_head_that_its_facts_are_of_another_day_than_it_is(monkeypatch):
    path = str(scenario.path_of("assekuranz-saentis"))
    for day, said in (("2026-12-01", "1 December 2026"), ("2026-11-24", "")):
        monkeypatch.setattr(kit, "facts_version", lambda day=day: day)
        assert kit.cover(path).facts.endswith(said) and bool(kit.cover(path).facts) == bool(said)
