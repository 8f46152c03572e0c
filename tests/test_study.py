"""The one object that notebooks see: frames, formats and results, each under a name of its own."""

from collections import Counter
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import pytest
from siting import study
from siting.inputs import scenario
from siting.study import Study, frames
from siting.study.wording import Wording
from siting_report.show import drawn, tabled
from studies import opened


@pytest.fixture
def s() -> Study:
    return opened("base")


def public(owner: type) -> set[str]:
    return {name for name in vars(owner) if not name.startswith("_")}


def test_every_frame_of_every_topic_stands_in_the_study_under_one_name(s):
    named = [name for topic in study.topics() for name in frames.listed(topic)]
    assert len(named) > 30
    assert [name for name, times in Counter(named).items() if times > 1] == []
    assert not {*named} & (public(Wording) | public(Study) | {"scenario", "client", "options"})
    assert {*named} <= {*dir(s)}


def test_a_misspelt_name_is_refused_with_the_name_that_was_meant(s):
    with pytest.raises(AttributeError, match="'summs' is no part of a study; did you mean sums"):
        _ = s.summs


def test_the_page_of_a_study_prints_names_as_the_text_that_they_are():
    changed = scenario.changed(scenario.load("base"), {"client.name": "<script>A & B</script>"})
    page = Study(changed)._repr_html_()
    assert "<script>" not in page and "&lt;script&gt;A &amp; B" in page


def test_what_if_asks_each_combination_through_the_one_chain():
    """A row each; the row that changes nothing is the report's answer, and a variant of summary is
    found again."""
    s = opened("tidewater-apps")
    rate = s.scenario.finance.discount_rate.central
    asked = {"finance.falling_prices": [0.0, 1.0], "finance.discount_rate": [rate]}
    found = s.what_if(asked)
    assert list(found.columns[:4]) == ["client", "currency", *asked]
    assert len(found) == 2
    units = found.attrs["units"]
    assert (units["in_all"], units["own_in_all"], units["sure"]) == ("USD", "USD", "share")
    sums = s.sums().set_index("option")
    for row, future in zip(found.itertuples(), ("hold", "fall"), strict=True):
        assert row.in_all == pytest.approx(sums[f"if_prices_{future}"][row.option], rel=0.02)
    with pytest.raises(scenario.DocumentError, match="falling_prices"):
        s.what_if({"finance.falling_prices": [2.0]})


def test_two_clients_stand_side_by_side_each_in_its_own_currency_or_are_refused():
    """The study of `base` is in EUR, that of tidewater-apps in USD."""
    asked = {"finance.falling_prices": [0.5]}
    apart = [opened(client).what_if(asked) for client in ("base", "tidewater-apps")]
    both = pd.concat(apart, ignore_index=True)
    for frame, data in ((both, None), (both, apart)):
        made = tabled.table(frame, "Two", data=data)
        heads = [column["head"] for column in made["columns"]]
        assert {column["unit"] for column in made["columns"]} == {""}
        cells = [row["cells"][heads.index("currency")]["text"] for row in made["rows"]]
        assert cells == ["EUR", "USD"]
        with pytest.raises(ValueError, match="money of no currency, or of several"):
            tabled.table(frame, "Two", {"in_all": "money"}, data=data)
        with pytest.raises(ValueError, match="money of no currency, or of several"):
            drawn.chart(both.plot.barh(x="client", y="in_all"), "Two", data, x="compact_money")
        plt.close("all")
    named = both.set_index(both.client + ", " + both.currency).in_all
    assert "USD" in drawn.chart(named.plot.barh(), "Two", apart, x="compact")["svg"]
    plt.close("all")
    p = opened("base").phrases
    said = [p("It costs {in_all:money}.", row) for _, row in both.iterrows()]
    assert [sentence[9:].split("\u202f")[0] for sentence in said] == ["€", "US$"]


def test_while_a_report_is_rendered_no_other_clients_study_can_be_opened(monkeypatch, tmp_path):
    monkeypatch.setattr(study, "_kept", {})
    own = tmp_path / "scenario.yaml"
    own.write_bytes(Path("params/base.yaml").read_bytes())
    kept = opened("base")
    study.keep(kept, str(own))
    assert study.open(str(own)) is kept
    for other in ("polderwerk", str(Path("params/polderwerk.yaml"))):
        with pytest.raises(ValueError, match="is another client than that of this report"):
            study.open(other)
