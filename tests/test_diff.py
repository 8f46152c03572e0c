"""What changed between two reports: found completely, and the most important first."""

import json
import re
import shutil
from types import SimpleNamespace

import pytest
from commands import siting
from hypothesis import given, settings
from hypothesis import strategies as st
from siting.inputs import scenario as inputs
from siting.run import attribution, comparison, history
from siting.verdict.chain import Chain
from siting_report.formats import Numbers


def figure(low: float, central: float, high: float, unit: str = "EUR") -> dict:
    return {"low": low, "central": central, "high": high, "unit": unit}


def entry(name: str, central: float, kind: str) -> dict:
    return {"name": name, "value": figure(central, central, central), "source": {"kind": kind}}


GERMAN = Numbers("DE", "EUR")
BEFORE = {
    "schema_version": 1,
    "client": {"currency": "EUR"},
    "recommendation": {"option": "api", "sure": 0.8},
    "options": {
        "api": {"label": "An API", "npv": figure(90, 100, 110), "gpus": figure(0, 0, 0, "GPUs")},
        "owned": {
            "label": "Own servers", "npv": figure(150, 200, 300), "verdicts": {"gdpr-44": "pass"},
        },
    },
    "warnings": ["electricity is an estimate"],
    "inputs": [entry("users", 500, "client"), entry("price of a GPU hour", 2.0, "published")],
}  # fmt: skip


def after() -> dict:
    changed = json.loads(json.dumps(BEFORE))
    changed["recommendation"]["option"] = "owned"
    changed["options"]["api"]["npv"] = figure(120, 130, 140)  # ranges do not touch
    changed["options"]["owned"]["npv"] = figure(150, 290, 300)  # more, but within the range
    changed["options"]["owned"]["verdicts"]["gdpr-44"] = "fail"
    changed["warnings"] = ["the API price is undated"]
    changed["inputs"][0] = entry("users", 700, "client")
    changed["inputs"][1] = entry("price of a GPU hour", 1.5, "published")
    changed["schema_version"] = 2
    return changed


def test_changes_come_in_the_order_of_their_importance():
    changes = comparison.compare(BEFORE, after())
    assert [(c.part, c.name) for c in changes] == [
        ("recommendation", "option"),
        ("verdict", "Own servers · verdicts · gdpr-44"),
        ("result", "An API · net present value"),
        ("result", "Own servers · net present value"),
        ("warning", "electricity is an estimate"),
        ("warning", "the API price is undated"),
        ("input", "users"),
        ("fact", "price of a GPU hour"),
        ("kit", "schema version"),
    ]
    assert [c.apart for c in changes if c.part == "result"] == [True, False]


def test_another_order_of_records_and_a_scenario_that_one_side_lacks_are_no_change():
    turned = {**BEFORE, "inputs": BEFORE["inputs"][::-1]}
    assert comparison.compare(BEFORE, turned) == ()
    assert comparison.compare({}, {"scenario": {"finance": {"horizon_months": 60}}}) == ()


def sentences(before: dict, after: dict) -> list[str]:
    said = (c.sentence(GERMAN) for c in comparison.compare(before, after))
    return [re.sub(r"[\u202f\xa0]", " ", line) for line in said]


def test_a_verdict_is_never_among_the_smaller_changes():
    before, changed = (
        {
            "options": {
                name: {"label": name.title(), "sovereignty": {"verdicts": verdicts}, "x": x}
                for name in ("one", "two")
            }
        }
        for verdicts, x in (
            (dict.fromkeys("abcdefghijklmnop", "pass"), 1),
            (dict.fromkeys("abcdefghijklmnop", "fail"), 2),
        )
    )
    text = comparison.as_text(comparison.compare(before, changed), "a", "b", GERMAN, 1)
    assert text.count("One; Two · sovereignty · verdicts · ") == 16
    assert "… and 1 more (--json has them)" in text


@pytest.mark.parametrize("value", [{"low": 3, "central": 2, "high": 1}, float("nan"), 10**400])
def test_what_is_no_range_in_a_summary_of_unknown_origin_is_shown_as_it_is(value):
    (change,) = comparison.compare({"x": 1}, {"x": value})
    assert change.sentence(GERMAN)


leaves = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
trees = st.recursive(leaves, lambda x: st.dictionaries(st.text(max_size=4), x, max_size=3))


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.text(min_size=1, max_size=4), trees, max_size=4))
def test_a_summary_never_differs_from_itself(summary):
    assert comparison.compare(summary, summary) == ()


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 10**9), st.integers(1, 10**9))
def test_the_way_back_is_the_inverse_of_the_way_there(a, b):
    there = comparison.compare({"x": a}, {"x": b})
    back = comparison.compare({"x": b}, {"x": a})
    if a == b:
        assert there == back == ()
    else:
        assert there[0].ratio * back[0].ratio == pytest.approx(1)


def test_two_folders_are_compared_from_the_command_line(tmp_path):
    for name, content in (("old", BEFORE), ("new", after())):
        (tmp_path / name).mkdir()
        (tmp_path / name / "summary.json").write_text(json.dumps(content), encoding="utf-8")
    words = ["diff", str(tmp_path / "old"), str(tmp_path / "new")]
    result = siting(*words)
    assert result.exit_code == 0
    assert result.stdout.index("Recommendation (1)") < result.stdout.index("Results (2)")
    assert "An API · net present value" in result.stdout
    listed = json.loads(siting(*words, "--json").stdout)["changes"]
    assert listed[0] == {
        "part": "recommendation", "name": "option", "before": "An API", "after": "Own servers",
        "ratio": None, "ranges_apart": False,
    }  # fmt: skip


@pytest.mark.parametrize(
    "name,said",
    [
        ("", '"": is no rendered report; name a client'),
        ("nobody", "run `siting report nobody`, or write nobody@now"),
        ("nobody@now", "nobody"),
        ("../x", "x"),
        ("acme@2026-02", "acme@2026-02: is no rendered report; name a client"),
        ("a" * 300, "is no rendered report|is not a summary"),
    ],
)
def test_what_stands_for_no_report_is_refused_with_what_to_write(name, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=said) as refused:
        history.summary(name)
    assert len(str(refused.value).splitlines()) == 1


def test_of_several_edits_each_is_tried_alone():
    start = inputs.load("base")
    edits = {"finance.discount_rate": 0.04, "workloads.assistant.users": 4_000}
    both = inputs.changed(start, edits)
    sides = [side.model_dump(exclude_unset=True) for side in (start, both)]
    found = attribution.alone(sides[0], sides[1], Chain(draws=64))
    assert [row.edit for row in found] == ["", "workloads.assistant.users", "finance.discount_rate"]
    chain = Chain(draws=64)
    first = chain.decide(start)
    for row in found[1:]:
        after = chain.decide(inputs.changed(start, {row.edit: edits[row.edit]}))
        assert row.option == after.recommended
        assert row.moves == pytest.approx(
            after.mean(str(first.recommended)) - first.mean(str(first.recommended))
        )
    assert attribution.alone(sides[0], sides[0], chain) == ()


def test_an_edit_that_needs_another_says_so():
    start = inputs.load("base").model_dump(exclude_unset=True)
    new = json.loads(json.dumps(start, default=str)) | {"evidence": start["evidence"]}
    new["client"]["report_date"] = start["client"]["report_date"]
    new["options"]["second"] = new["options"].pop("api")
    new["finance"]["baseline"] = new["options"]["hybrid"]["burst"] = "second"
    (first, *rows) = attribution.alone(start, new, Chain(draws=16))
    assert first.option is not None
    assert {row.edit for row in rows if row.why} >= {"finance.baseline", "options.api"}


def test_a_reports_folder_and_a_client_now_bring_their_scenarios(tmp_path, monkeypatch):
    (tmp_path / "params").mkdir()
    shutil.copy(inputs.project() / "params" / "base.yaml", tmp_path / "params")
    monkeypatch.chdir(tmp_path)
    path = inputs.create("acme")
    folder = tmp_path / "reports" / "acme"
    folder.mkdir(parents=True)
    (folder / "summary.json").write_text("{}", encoding="utf-8")
    written = inputs.resolved(inputs.load("acme"))
    (folder / "scenario.yaml").write_text(written, encoding="utf-8")
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("users: 2_000", "users: 9_000"), encoding="utf-8")
    computed = SimpleNamespace(summary=dict)
    monkeypatch.setattr(history.study, "open", lambda *_: computed)
    before = history.summary("acme")
    now = history.summary("acme@now")
    assert sentences(before, now) == ["users of staff-assistant: from 2 000 to 9 000"]
