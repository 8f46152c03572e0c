"""The one object that notebooks see: frames, formats and results, each under a name of its own."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from siting import study
from siting.inputs import scenario
from siting.study import Study, frames
from siting.study.wording import Wording
from studies import opened


@pytest.fixture
def s() -> Study:
    return opened("base")


def public(owner: type) -> set[str]:
    return {name for name in vars(owner) if not name.startswith("_")}


def test_every_frame_of_every_topic_stands_in_the_study_under_one_name(s: Study) -> None:
    named = [name for topic in study.topics() for name in frames.names(topic)]
    assert len(named) > 30
    assert [name for name, times in Counter(named).items() if times > 1] == []
    assert not {*named} & (public(Wording) | public(Study) | {"scenario", "client", "options"})
    assert {*named} <= {*dir(s)}


def test_a_misspelt_name_is_refused_with_the_name_that_was_meant(s: Study) -> None:
    with pytest.raises(AttributeError, match="'summs' is no part of a study; did you mean sums"):
        _ = s.summs


def test_the_page_of_a_study_prints_names_as_the_text_that_they_are() -> None:
    changed = scenario.changed(scenario.load("base"), {"client.name": "<script>A & B</script>"})
    page = Study(changed)._repr_html_()
    assert "<script>" not in page and "&lt;script&gt;A &amp; B" in page


def test_what_if_asks_each_combination_through_the_one_chain() -> None:
    """A row each; the row that changes nothing is the report's answer, and a variant of summary is
    found again."""
    s = opened("tidewater-apps")
    rate = s.scenario.finance.discount_rate.central
    asked = {"finance.falling_prices": [0.0, 1.0], "finance.discount_rate": [rate]}
    found = s.what_if(asked)
    assert list(found.columns[:3]) == ["client", *asked]
    assert len(found) == 2
    sums = s.sums().set_index("option")
    for row, future in zip(found.itertuples(), ("hold", "fall"), strict=True):
        assert row.in_all == pytest.approx(sums[f"if_prices_{future}"][row.option], rel=0.02)
    with pytest.raises(scenario.ScenarioError, match="falling_prices"):
        s.what_if({"finance.falling_prices": [2.0]})


def test_while_a_report_is_rendered_no_other_clients_study_can_be_opened(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(study, "_kept", {})
    own = tmp_path / "scenario.yaml"
    own.write_bytes(Path("params/base.yaml").read_bytes())
    kept = opened("base")
    study.keep(kept, str(own))
    assert study.open(str(own)) is kept
    for other in ("polderwerk", str(Path("params/polderwerk.yaml"))):
        with pytest.raises(ValueError, match="is another client than that of this report"):
            study.open(other)
