"""Scenarios: what is accepted, how the two files combine, and how mistakes are answered."""

import datetime as dt
import json
import os
import pickle
import random
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from siting import study
from siting.inputs import document, scenario
from siting.inputs.scenario import DocumentError
from siting.verdict import plausible
from siting.verdict.chain import Chain
from studies import WORKLOADS

ROOT = Path(__file__).parents[1]
BASE = (ROOT / "params" / "base.yaml").read_text(encoding="utf-8")
LENGTHS = "input_tokens: {mean: 3_000, p95: 8_000}, output_tokens: {mean: 400, p95: 1_000}"
CLIENT = f"""
client: {{name: Acme, country: IT}}
workloads:
  assistant: {{users: 500, requests_per_user_day: 8, {LENGTHS}}}
evidence:
  - {{fields: [workloads], source: Questionnaire, date: 2026-10-01}}
"""


VOUCHED = CLIENT.replace("[workloads]", "[workloads, options, finance]")
"""The same, with a source for everything that a test may add."""


@pytest.fixture
def client(tmp_path: Path):
    """Writes a client's file next to base.yaml and gives its path."""
    (tmp_path / "base.yaml").write_text(BASE, encoding="utf-8")

    def write(text: str | bytes = CLIENT, name: str = "acme.yaml") -> Path:
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def refused(path: Path | str) -> list[document.Problem]:
    with pytest.raises(DocumentError) as caught:
        scenario.load(path)
    return list(caught.value.problems)


@pytest.mark.parametrize("name", ["base", *scenario.names()])
def test_every_scenario_of_the_repository_loads_and_its_resolved_form_loads_alone_to_the_same(
    name, tmp_path
):
    loaded = scenario.load(name)
    (tmp_path / "elsewhere.yaml").write_text(scenario.resolved(loaded), encoding="utf-8")
    assert scenario.load(tmp_path / "elsewhere.yaml") == loaded


# --- How the two files combine -------------------------------------------------------------------


def test_a_client_file_changes_only_what_it_says(client):
    base = scenario.load("base")
    acme = scenario.load(client())
    assert acme.workloads["assistant"].users == 500
    assert acme.workloads["assistant"].latency == base.workloads["assistant"].latency
    assert acme.options == base.options
    assert acme.client.id == "acme"


def test_naming_an_option_drops_those_of_base_that_are_not_named(client):
    text = CLIENT + "options:\n  api: {}\n  owned: {country: IT}\nfinance: {baseline: api}\n"
    text = text.replace("[workloads]", "[workloads, options, finance]")
    acme = scenario.load(client(text))
    assert list(acme.options) == ["api", "owned"]
    assert acme.options["owned"].gpu == scenario.load("base").options["owned"].gpu


ANOTHERS = """options:
  api: {}
  rented:
    label: GPUs of another host
    vendor: Scaleway
    provider: scaleway
    models: {all: google/gemma-4-31B-it}
    gpu: h100-sxm5-80gb
    country: FR
  owned: {kind: on_premises, label: In our room, models: {all: google/gemma-4-31B-it}}
"""


def test_an_option_of_another_service_takes_nothing_of_base_but_its_kind(client):
    acme = scenario.load(client(VOUCHED + ANOTHERS))
    base = scenario.load("base").options
    rented = acme.options["rented"]
    assert (base["rented"].region, base["rented"].weights) == ("eu-north1", "fp8")
    assert (rented.kind, rented.region, rented.weights) == ("rented_gpus", "", "")
    assert rented.months_to_production != base["rented"].months_to_production
    owned = acme.options["owned"]
    assert (owned.server, owned.gpu, owned.country) == ("", "", "")
    assert acme.options["api"] == base["api"]


def test_an_option_of_the_same_service_takes_what_base_says(client):
    same = "options: {api: {}, rented: {vendor: Nebius, kind: rented_gpus, weights: bf16}}\n"
    rented = scenario.load(client(VOUCHED + same)).options["rented"]
    assert (rented.region, rented.provider, rented.weights) == ("eu-north1", "nebius", "bf16")


OWN = """options:
  api: {}
  mine: {label: M, kind: on_premises, models: {all: google/gemma-4-31B-it}, WHAT, country: DE}
"""
UNPRICED = {
    "its server alone": ("server: server-8x-rtx-pro-6000-blackwell-server", "options.mine.server"),
    "a card that nobody prices": ("gpu: h200-nvl-141gb", "options.mine.gpu"),
}


@pytest.mark.parametrize("what", UNPRICED)
def test_machines_that_nobody_prices_are_refused_with_or_without_a_server(what, client):
    said, field = UNPRICED[what]
    path = client(VOUCHED + OWN.replace("WHAT", said))
    (problem,) = refused(path)
    assert problem.field == field and problem.wrong.startswith("nobody prices")
    assert problem.write.endswith("write a quote for option.mine.server_price")
    quote = (
        "{item: option.mine.server_price, value: 60_000, unit: EUR, source: O, date: 2026-11-01}"
    )
    finance = f"finance: {{quotes: [{quote}]}}\n"
    assert scenario.load(client(VOUCHED + OWN.replace("WHAT", said) + finance)).finance.quotes


def test_null_removes_what_base_says(client):
    text = VOUCHED.replace("evidence:", "options: {api: {}, rented: {weights: null}}\nevidence:")
    assert scenario.load("base").options["rented"].weights == "fp8"
    assert scenario.load(client(text)).options["rented"].weights == ""


def test_a_clients_workload_has_nothing_of_base(client):
    acme = scenario.load(client()).workloads["assistant"]
    based = scenario.load("base").workloads["assistant"]
    assert (based.batchable_share, based.data.residency) == (0.05, ["EU"])
    assert (acme.batchable_share, acme.data.residency, acme.quality) == (0, ["any"], None)
    silent = refused(
        client(CLIENT.replace(f"requests_per_user_day: 8, {LENGTHS}", "peak_factor: 2"))
    )
    assert {(p.line, p.field) for p in silent} == {
        (4, f"workloads.assistant{missing}") for missing in (".input_tokens", ".output_tokens", "")
    }
    (nothing,) = refused(
        client(
            "client: {name: Acme}\nfinance: {baseline: none}\n"
            + CLIENT[CLIENT.index("evidence:") :].replace("workloads", "finance")
        )
    )
    assert (nothing.field, nothing.wrong) == ("workloads", "is missing")


def test_a_mean_without_a_percentile_takes_the_usual_ratio_and_says_so(client):
    lengths = "input_tokens: {mean: 1_000}, output_tokens: {mean: 200, p95: 300}"
    acme = scenario.load(client(CLIENT.replace(LENGTHS, lengths)))
    asked = acme.workloads["assistant"]
    # 3.4 times the mean, as eight published traces have it; not the 8,000 of base.yaml's 3,000.
    assert (asked.input_tokens.p95, asked.output_tokens.p95) == (3_400, 300)
    origin = acme.origin("workloads.assistant.input_tokens.p95")
    assert origin.source.startswith("Usual ratio, not stated: Azure LLM inference trace 2023")
    assert origin.kind == "estimate"
    assert acme.origin("workloads.assistant.input_tokens.mean").source == "Questionnaire"
    assert acme.origin("workloads.assistant.output_tokens.p95").source == "Questionnaire"
    # It is among the changes by name, from 2.6 to 4.9 times the mean; what is stated is not.
    spread = [v.clause for v in plausible.loads(acme, Chain(draws=16)) if "twenty" in v.clause]
    told = "one request of “assistant” in twenty has more than {} input tokens, not 3,400"
    assert spread == [told.format("2,600"), told.format("4,900")]
    alone = scenario.load(client(scenario.resolved(acme), "whole.yaml"))
    assert alone.evidence == acme.evidence


def test_a_test_without_a_floor_needs_a_score_of_the_reference(client):
    own = "quality: {reference_model: gpt-4.1, own: {scores: {gpt-4o: 80}, items: 200}}"
    (problem,) = refused(client(CLIENT.replace("users: 500", f"users: 500, {own}")))
    assert problem.field == "workloads.assistant.quality.own"
    assert problem.write == "write floor: with the least score, or add a score of gpt-4.1"


TODAY = """
options:
  mine: {label: Ours, kind: api, vendor: OpenAI, provider: openai, models: {all: gpt-4.1}}
finance: {baseline: mine}
"""


def test_what_runs_today_needs_no_time_to_production_unless_it_says_so(client):
    acme = scenario.load(client(VOUCHED + TODAY))
    assert acme.options["mine"].in_use
    origin = acme.origin("options.mine.months_to_production")
    assert (origin.kind, origin.source.partition(":")[0]) == ("estimate", "Not stated")
    later = TODAY.replace("kind: api", "kind: api, months_to_production: 4")
    assert scenario.load(client(VOUCHED + later)).options["mine"].months_to_production.low == 4
    nothing = TODAY.replace("baseline: mine", "baseline: none")
    assert not scenario.load(client(VOUCHED + nothing)).options["mine"].in_use


def test_a_baseline_that_base_alone_has_is_refused_with_what_to_say(client):
    (problem,) = refused(client(VOUCHED + TODAY.partition("finance")[0]))
    assert problem.field == "finance.baseline"
    assert problem.write.endswith("what runs today, as finance: {baseline: none}")


def test_a_complete_file_does_not_read_base(client, tmp_path):
    text = scenario.resolved(scenario.load(client()))
    (tmp_path / "base.yaml").write_text("broken: [", encoding="utf-8")
    assert scenario.load(client(text, "whole.yaml")).client.id == "acme"


# --- Where each figure comes from ----------------------------------------------------------------


def test_a_figure_of_the_client_has_the_clients_source_and_the_rest_stays_an_estimate(client):
    acme = scenario.load(client())
    assert acme.origin("workloads.assistant.users").source == "Questionnaire"
    assert acme.origin("workloads.assistant.peak_factor").kind == "estimate"
    assert acme.origin("finance.discount_rate").kind == "estimate"


def test_the_longest_path_of_evidence_wins(client):
    longer = "  - {fields: [workloads.assistant.users], source: HR list, date: 2026-10-02}\n"
    text = CLIENT.replace("users: 500", "users: 500, peak_factor: 2") + longer
    acme = scenario.load(client(text))
    assert acme.origin("workloads.assistant.users").source == "HR list"
    assert acme.origin("workloads.assistant.peak_factor").source == "Questionnaire"


def test_a_figure_without_evidence_is_refused_by_line(client):
    (problem,) = refused(client(CLIENT + "finance: {horizon_months: 48}\n"))
    assert (problem.line, problem.field) == (7, "finance.horizon_months")
    assert "evidence" in problem.write


def test_evidence_for_something_that_is_not_there_is_refused(client):
    (problem,) = refused(client(CLIENT.replace("[workloads]", "[workloads, finance.discount]")))
    assert "finance.discount" in problem.wrong
    assert "finance.discount_rate" in problem.write


# --- Malformed scenarios -------------------------------------------------------------------------

LONG = "x" * 3_000
MALFORMED = [
    (CLIENT.replace("users", "usrs"), 4, "workloads.assistant.usrs", "'usrs' is no key here",
     "did you mean users"),
    (CLIENT.replace("500", "8e9"), 4, "workloads.assistant.users", "8e9 is text to some",
     "write 8_000_000_000"),
    (CLIENT.replace("users", "us\u0435rs"), 4, "workloads.assistant.us\u0435rs", "is no key here",
     "did you mean users"),
    (CLIENT.replace("500", "\u0665\u0660\u0660"), 4, "workloads.assistant.users", "is text",
     "write 500 without quotes"),
    (CLIENT.replace("Acme", "Ac\u202eme"), 2, "client.name", "an invisible control character",
     "type the text anew"),
    (CLIENT.replace("users: 500", "data: {personal: no}"), 4, "workloads.assistant.data.personal",
     "no is false to some", "write false"),
    (CLIENT + "client: {name: Other}\n", 7, "client", "already given in line 2", "keep one"),
    (CLIENT.replace("Acme", "Acme é").encode("latin-1"), 2, "", "not UTF-8",
     "save the file as UTF-8"),
    (CLIENT.replace("500", "!!python/object/apply:os.system [id]"), 4, "workloads.assistant.users",
     "tag", "plain value"),
    ("a: &a [1, 2]\nb: &b [*a, *a]\nc: [*b, *b]\n", 1, "a", "anchors", "write it out"),
    (CLIENT.replace("users: 500", "cached_input_share: 30"), 4,
     "workloads.assistant.cached_input_share", "30 is too large", "for 30 % write 0.3"),
    (CLIENT + "finance: {discount_rate: 8}\n", 7, "finance.discount_rate", "8 is outside 0 to 1",
     "for 8 % write 0.08"),
    (CLIENT.replace("users: 500", "models: [google/gemma-4-13B-it]"), 4,
     "workloads.assistant.models[0]", "no model of the catalogue", "gemma-4-31B-it"),
    (CLIENT.replace("users: 500", "growth_by_year: 40%"), 4, "workloads.assistant.growth_by_year",
     "'40%' is text", "write [0.4] for 40 %"),
    (CLIENT.replace("users: 500", "growth_per_year: 40 %"), 4,
     "workloads.assistant.growth_per_year", "'40 %' is text", "write 0.4 for 40 %"),
    (CLIENT.replace("users: 500", "growth_per_year: much"), 4,
     "workloads.assistant.growth_per_year", "'much' is not a number", "or {low: …, centr"),
    (VOUCHED + "options: {api: {}, rented: {gpu: rtx-pro-6000-blackwell-max-q-96gb}}\n", 7,
     "options.rented.gpu", "nobody prices rtx-pro-6000-blackwell-max-q-96gb",
     "priced are rtx-pro-6000-blackwell-server-96gb"),
    (CLIENT.replace("  assistant", "\tassistant"), 4, "", "tab", "indent with spaces"),
    (CLIENT + "finance: {baseline: apis}\n", 7, "finance.baseline", "'apis' is no option",
     "did you mean api"),
    (CLIENT + "options: {api: {}, owned: {}, hybrid: {base: hybrid}}\n", 7, "options.hybrid.base",
     "'hybrid' is no other option", "known"),
    (CLIENT.replace("users: 500", "growth_per_year: {low: 0.5, central: 0.2, high: 0.3}"), 4,
     "workloads.assistant.growth_per_year", "not in order", "low <= central <= high"),
    (CLIENT + "options: {api: {}, owned: {weights: fp88}}\n", 7, "options.owned.weights",
     "'fp88' is no", "did you mean fp8"),
    (CLIENT + "options: {api: {effort: hihg}}\n", 7, "options.api.effort",
     "'hihg' is no reasoning effort", "did you mean high"),
    (CLIENT.replace("country: IT", "country: IT, logo: ../../etc/passwd"), 2, "client.logo",
     "not in the right form", "the name of a file beside the scenario"),
    (CLIENT.replace("2026-10-01", "2026-10-01, url: 'javascript:alert(1)'"), 6, "evidence[0].url",
     "is no address of a page", "begin it with https://"),
    (CLIENT.replace("2026-10-01", "2026-02-30"), 6, "evidence[0].date", "no day of the calendar",
     "YYYY-MM-DD"),
    (CLIENT.split("evidence")[0] + "evidence: 3\n", 5, "evidence", "3 is not a list", "write [3]"),
    (CLIENT + f"# {LONG}\n" * 100, 0, "", "larger than 0.25 MiB", "smaller one"),
    ("- a\n- b\n", 0, "", "not a mapping", "key: value"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "line", "field", "wrong", "write"),
    MALFORMED,
    ids=[wrong for *_, wrong, _ in MALFORMED],
)
def test_a_malformed_scenario_is_answered_with_line_field_fault_and_remedy(
    text, line, field, wrong, write, client
):
    added = re.search("(options|finance):", str(text))
    if added:
        text = text.replace("[workloads]", f"[workloads, {added[1]}]")
    path = client(text)
    problem = next(p for p in refused(path) if wrong in p.wrong)
    assert (problem.line, problem.field) == (line, field)
    assert write in problem.write
    assert problem.file.endswith("acme.yaml")


def test_all_problems_are_reported_at_once(client):
    text = CLIENT.replace("users: 500", "users: -1, peak_factor: many, hours: morning")
    fields = {p.field for p in refused(client(text))}
    assert {f"workloads.assistant.{f}" for f in ("users", "peak_factor", "hours")} == fields


def test_a_refusal_says_the_same_in_another_process(client):
    with pytest.raises(scenario.DocumentError) as wrong:
        scenario.load(client("colour: blue\n"))
    with pytest.raises(scenario.DocumentError) as impossible:
        scenario.changed(scenario.load("base"), {"finance.horizon_months": "a year"})
    for error in (wrong.value, impossible.value):
        assert str(pickle.loads(pickle.dumps(error))) == str(error)


@pytest.mark.parametrize(
    "path", ["finance.horizon_months.x", "client.name.B", "client.nam", "nothing.at.all", ""]
)
def test_what_if_at_a_path_that_is_not_there_is_refused(path):
    with pytest.raises(scenario.DocumentError, match="is not there"):
        scenario.changed(scenario.load("base"), {path: 1})


def test_a_missing_file_names_the_client_that_was_meant():
    (problem,) = refused("banca-valdor")
    assert "banca-valdora" in problem.write


@pytest.mark.parametrize("name", ["../base", "a/b", "A", "", ".", "a b", "x" * 80, "$(id)"])
def test_a_name_that_could_leave_the_folder_is_refused(name):
    refused(name)
    with pytest.raises(DocumentError):
        scenario.create(name)


@pytest.mark.parametrize("what", ["/dev/zero.yaml", "/nonexistent/x.yaml", str(ROOT / "x.yaml")])
def test_what_is_no_file_is_refused(what):
    assert "does not exist" in refused(what)[0].wrong


def test_a_folder_is_refused(tmp_path):
    (tmp_path / "x.yaml").mkdir()
    assert "is no plain file" in refused(tmp_path / "x.yaml")[0].wrong


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is a project with the client acme, and the current one."""
    (tmp_path / "params").mkdir()
    (tmp_path / "params" / "base.yaml").write_text(BASE, encoding="utf-8")
    (tmp_path / "params" / "acme.yaml").write_text(CLIENT, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_what_is_put_in_the_place_of_a_client_stops_that_client_alone(project):
    places = {name: project / "params" / f"{name}.yaml" for name in ("loop", "pw", "pipe", "dir")}
    places["loop"].symlink_to("loop.yaml")
    places["pw"].symlink_to("/etc/passwd")
    os.mkfifo(places["pipe"])
    places["dir"].mkdir()
    said = {"loop": "is a link", "pw": "is a link"} | dict.fromkeys(("pipe", "dir"), "no plain")
    assert scenario.names() == sorted(["acme", *places])
    for name, path in places.items():
        for named in (name, path, str(path)):
            (problem,) = refused(named)
            assert said[name] in problem.wrong
            assert problem.write == "put the file itself there"
        with pytest.raises(DocumentError, match="already exists"):
            scenario.create(name)
    assert scenario.load("acme").client.id == "acme"


def test_folders_may_be_links_and_so_may_the_base_that_projects_share(project, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    whole = scenario.load("acme")
    (project / "params").rename(elsewhere / "params")
    (project / "params").symlink_to(elsewhere / "params")
    assert scenario.load("acme") == whole
    (elsewhere / "params" / "base.yaml").rename(elsewhere / "shared.yaml")
    (elsewhere / "params" / "base.yaml").symlink_to("../shared.yaml")
    assert scenario.load("acme") == whole
    (elsewhere / "linked").symlink_to(project)
    os.chdir(elsewhere / "linked")
    assert scenario.load("acme") == scenario.load("params/acme.yaml") == whole


def test_without_a_project_nothing_is_written_and_the_installed_one_is_only_read(
    tmp_path, monkeypatch
):
    (tmp_path / "params").write_text("", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    for ask in (lambda: scenario.create("acme"), lambda: scenario.names(own=True)):
        with pytest.raises(DocumentError, match="no project is here or above; run `siting init`"):
            ask()
    assert not (ROOT / "params" / "acme.yaml").exists()
    (tmp_path / "acme.yaml").write_text(CLIENT, encoding="utf-8")
    assert scenario.load("./acme.yaml").client.id == "acme"
    assert scenario.load("base").client.id == "base"


def test_a_name_longer_than_a_file_may_have_is_refused():
    for ask in (scenario.load, study.open):
        with pytest.raises(DocumentError, match="File name too long"):
            ask("./" + "a" * 300 + ".yaml")


HOSTILE = ["<script>alert(1)</script>", "#import", "$(id)", "{{7*7}}", "=cmd|'/C calc'!A0", "../.."]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_refused_where_a_name_becomes_a_path_or_a_key(text, client):
    refused(client(CLIENT.replace("country: IT", f'country: IT, id: "{text}"')))
    refused(client(CLIENT.replace("assistant:", f'"{text}":')))


# --- Reading YAML --------------------------------------------------------------------------------

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(10**15), 10**15)
    | st.floats(-1e20, 1e20)
    | st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp", "Cf", "Cn")), max_size=20)
    | st.dates(dt.date(1990, 1, 1), dt.date(2100, 1, 1))
)
keys = st.text(st.characters(codec="utf-8", categories=("L", "N")), min_size=1, max_size=8)
trees = st.recursive(
    scalars,
    lambda inner: st.lists(scalars, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(keys, trees, min_size=1, max_size=4))
def test_what_is_written_is_read_back(data):
    text = scenario.as_yaml(data)
    found, problems = document.examined(text)
    assert (found.data, problems) == (data, [])


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_read_or_refused_with_a_message(text):
    try:
        _, problems = document.examined(text)
    except document.DocumentError as error:
        problems = list(error.problems)
    assert all(p.wrong and p.write for p in problems)


@settings(max_examples=60, deadline=None)
@given(trees, trees, trees)
def test_laying_a_change_over_twice_is_laying_it_over_once(a, b, c):
    base = {"x": a, "y": b}
    change = {"x": c}
    once = document.merged(base, change)
    assert document.merged(once, change) == once


def test_merging_follows_the_examples_of_rfc_7396():
    # Appendix A of RFC 7396 (those whose target and patch are objects).
    for target, patch, result in [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ]:
        assert document.merged(target, patch) == result


# --- Fuzzing -------------------------------------------------------------------------------------


def test_hundreds_of_damaged_scenarios_end_in_a_scenario_or_a_message(client):
    from benchmarks.fuzz import damaged

    path = client()
    chance = random.Random(1)
    before = set(path.parent.iterdir())
    outcomes = {"loaded": 0, "refused": 0}
    for text in damaged(CLIENT, BASE, chance, 600):
        path.write_bytes(text)
        try:
            scenario.load(path)
            outcomes["loaded"] += 1
        except DocumentError as error:
            assert error.problems
            assert all(p.wrong and p.write for p in error.problems)
            outcomes["refused"] += 1
    assert min(outcomes.values()) > 50  # both sides of the fence are exercised
    assert set(path.parent.iterdir()) == before


# --- Schema and new clients ----------------------------------------------------------------------


def test_the_schema_for_editors_is_up_to_date():
    """Names that it offers for completion may lag: a new GPU touches the table of GPUs alone."""
    stored = json.loads((ROOT / "params" / ".schema.json").read_text(encoding="utf-8"))
    present = scenario.json_schema()
    assert without_names(stored) == without_names(present), "run `make generated`"


def without_names(schema: Any) -> Any:
    if isinstance(schema, list):
        return [without_names(each) for each in schema]
    if isinstance(schema, dict):
        return {k: without_names(v) for k, v in schema.items() if k != "examples"}
    return schema


def test_a_new_scenario_loads_as_it_is_and_is_never_overwritten(project):
    path = scenario.create("acme-bank")
    loaded = scenario.load("acme-bank")
    assert loaded.client.name == "Acme Bank"
    assert loaded.origin("workloads.assistant.users").kind == "estimate"
    assert path == Path("params/acme-bank.yaml")
    with pytest.raises(DocumentError, match="already exists"):
        scenario.create("acme-bank")


def test_a_bad_file_leaves_what_other_clients_inherit_as_it_was(client):
    bad = client(
        CLIENT.replace("fields: [workloads], source: Questionnaire", "fields:"), "bad.yaml"
    )
    good = client()
    before = scenario.load(good)
    with pytest.raises(DocumentError):
        scenario.load(bad)
    assert scenario.load(good) == before


def test_a_provider_that_is_misspelt_is_refused_and_an_unknown_one_is_not():
    """A host without a price on file is told by a note: its cards cost the median of others."""
    base = scenario.load("base")
    for name in ("scaleway", "exoscale", "nosuchhost", ""):
        assert scenario.changed(base, {"options.rented.provider": name})
    with pytest.raises(
        scenario.DocumentError, match="no price is on file of 'scalewey'; did you m"
    ):
        scenario.changed(base, {"options.rented.provider": "scalewey"})


@pytest.mark.parametrize(
    ("quote", "message"),
    [
        ({"item": "option.ownd.gpu_hour"}, "'ownd' is no option"),
        ({"item": "gpu_hours"}, "'gpu_hours' is no cost item.*gpu_hour"),
        ({"item": "gpu_hour", "unit": "EUR/kWh"}, "is no unit of gpu_hour; write unit: EUR/GPU-h"),
        ({"item": "gpu_hour", "valid_until": "2026-11-10"}, "the offer ended on 2026-11-10"),
        ({"item": "residual", "unit": "EUR"}, "'residual' is no cost item that is quoted"),
        ({"item": "gpu_hour", "workloads": "[assistant]"}, "gpu_hour is no price of requests"),
        ({"item": "api_request", "unit": "EUR/request", "workloads": "[asistant]"},
         "'asistant' is no workload; did you mean assistant?"),
    ],
)  # fmt: skip
def test_a_quote_is_for_something_that_exists_in_its_unit_and_valid(tmp_path, quote, message):
    said = {"value": "3", "unit": "EUR/GPU-h", "source": "Offer", "date": "2026-11-01", **quote}
    line = ", ".join(f"{k}: {v}" for k, v in said.items())
    file = tmp_path / "client.yaml"
    file.write_text(
        f"finance:\n  quotes:\n    - {{{line}}}\n{WORKLOADS}"
        'evidence: [{fields: ["*"], source: x, locator: x, date: 2026-11-01}]\n'
    )
    with pytest.raises(scenario.DocumentError, match=message):
        scenario.load(str(file))


def test_of_two_quotes_for_one_item_none_is_taken_unasked(tmp_path):
    file = tmp_path / "client.yaml"
    quote = "{item: gpu_hour, value: 3, unit: EUR/GPU-h, source: A, date: 2026-11-01}"
    file.write_text(
        f"finance:\n  quotes:\n    - {quote}\n    - {quote.replace('3', '2', 1)}\n"
        'evidence: [{fields: ["*"], source: x, locator: x, date: 2026-11-01}]\n'
    )
    said = r"client\.yaml:4: finance\.quotes\[1\]\.item: quotes\[0\] is for gpu_hour, too; keep"
    with pytest.raises(scenario.DocumentError, match=said):
        scenario.load(str(file))


@pytest.mark.parametrize(
    "load",
    [
        f"users: 1_000_000_000, requests_per_user_day: 10, {LENGTHS}",
        f"requests_per_day: 10_000_000_000, {LENGTHS}",
        f"requests_per_day: 8_000_000, growth_by_year: [10], {LENGTHS}",
        "requests_per_day: 160_000_000, input_tokens: {mean: 1_000_000, p95: 2_000_000}, "
        "output_tokens: {mean: 400}",
    ],
)
def test_a_load_that_no_memory_holds_is_refused(client, load):
    said = refused(client(CLIENT.replace(f"users: 500, requests_per_user_day: 8, {LENGTHS}", load)))
    assert {p.field for p in said} == {"workloads"}
    assert "on the busiest weekday at the end of the horizon" in said[0].wrong


def test_more_options_than_a_report_can_hold_are_refused(client):
    many = "".join(f"  o{i}: {{label: O{i}, kind: api}}\n" for i in range(40))
    said = refused(client(CLIENT.replace("evidence:", f"options:\n{many}evidence:")))
    assert "options" in {p.field for p in said}


@pytest.mark.parametrize(
    ("last", "months", "by"),
    [
        ("2027-03-31", 3, "2026-12-31"),
        ("2027-05-15", 2, "2027-03-15"),
        ("2027-05-31", 3, "2027-02-28"),
        ("2027-05-30", 3, "2027-02-28"),
        ("2027-02-28", 1, "2027-01-31"),
        ("2027-03-31", 0, "2027-03-31"),
    ],
)
def test_notice_is_due_the_clients_own_months_before_a_contract_ends(last, months, by):
    client = scenario.load("base").client.model_copy(update={"notice_months": months})
    assert client.notice_by(dt.date.fromisoformat(last)) == dt.date.fromisoformat(by)
    silent = client.model_copy(update={"notice_months": None})
    assert silent.notice_by(dt.date.fromisoformat(last)) is None


def test_a_later_change_may_lead_on_from_an_earlier_one():
    start = scenario.load("base")
    new = {"options.new": start.options["api"].model_dump(), "options.new.label": "Newer"}
    assert scenario.changed(start, new).options["new"].label == "Newer"


def test_a_label_may_be_said_in_several_languages():
    """The file's words hold in the language of the report; a complete scenario says the same."""
    found = scenario.load("klinikverbund-nordheide")
    assert found.options["owned"].label == "Own servers"
    assert found.spoken.options["owned"].label == "Eigene Server"
    assert found.spoken.client.decides == "Vorstand"
    english = scenario.changed(found, {"client.language": "en"})
    assert english.spoken.options["owned"].label == "Own servers"
