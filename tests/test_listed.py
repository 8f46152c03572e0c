"""What has no price is told by a check, all of it in one round, with the reason of a report."""

import json
from pathlib import Path

import pytest
from commands import siting
from siting.cost import listed
from siting.inputs import scenario
from siting.inputs.scenario import Scenario, changed
from siting.verdict.chain import Chain
from studies import WITH_SOURCE, alone

MADE = "models: {all: google/gemma-4-31B-it}"
OWNED = f"kind: colocation, {MADE}, gpu: l40s-48gb, server: server-4x-l40s"
FREE = "google/gemma-3-27b-it:free"
UNPRICED = {
    "far": f"{OWNED}, country: KE",
    "old": f"{OWNED}, existing_servers: [{{server: workstation-2x-rtx-4090, number: 1, "
    "age_years: 1, years_left: 4}]",
    "free": f"kind: managed_cloud, provider: openrouter, models: {{all: '{FREE}'}}",
    "nowhere": "kind: api, models: {all: gpt-99}",
}
"""Options whose cost no report can estimate."""
FIELD = {
    "far": "country", "old": "existing_servers[0].server", "free": "models.all",
    "nowhere": "models.all",
}  # fmt: skip
ANY = "kind: api, vendor: OpenAI"
OTHERS = f"kind: rented_gpus, provider: scaleway, gpu: mi300x-192gb, {MADE}"
QUOTED = {
    "far": ("electricity", "EUR/kWh"),
    "free": ("api_request", "EUR/request"),
    "nowhere": ("api_usage", "EUR/request"),
}


def lines(options: dict[str, str], quotes: tuple[str, ...] = ()) -> str:
    """A client's file with such options beside that of base.yaml."""
    made = "".join(f"  {name}: {{label: {name}, {said}}}\n" for name, said in options.items())
    start = WITH_SOURCE.replace("[workloads]", "[workloads, options, finance]")
    said = f"options:\n  api: {{}}\n{made}finance:\n  quotes: [{', '.join(quotes)}]\n"
    return f"client: {{name: Acme, country: DE}}\n{start}{said}"


def opened(folder: Path, text: str) -> Scenario:
    (folder / "acme.yaml").write_text(text, encoding="utf-8")
    return scenario.load(folder / "acme.yaml")


def checked(folder: Path, text: str) -> dict[str, list]:
    """What check says of such a file."""
    (folder / "acme.yaml").write_text(text, encoding="utf-8")
    found = siting("check", str(folder / "acme.yaml"), "--json")
    answer: dict[str, list] = json.loads(found.stdout)
    return answer


def test_a_check_gives_the_reason_for_which_a_report_estimates_no_cost(tmp_path):
    found = opened(tmp_path, lines(UNPRICED))
    stages = Chain()
    reasons = {name: stages.as_planned(found, name).unpriced for name in found.options}
    told = {fault.place[1]: f"{fault.wrong}; {fault.write}" for fault in listed.faults(found)}
    assert told.keys() == {name for name, why in reasons.items() if why} == UNPRICED.keys()
    assert all(told[name].endswith(f", because {reasons[name]}") for name in told)


def test_all_that_is_wrong_is_told_in_one_round_and_once(tmp_path):
    wrong = {
        "two": "kind: hybrid, base: api, burst: far",
        "none": "kind: hybrid, base: nobody, burst: api",
        "months": "kind: api, months_to_production: soon",
    }
    text = lines(UNPRICED | wrong | {"rented": OTHERS})
    answer = checked(tmp_path, text)
    fields = [problem["field"] for problem in answer["problems"]]
    parts = ("two.base", "two.burst", "none.base", "months.months_to_production")
    assert sorted(fields) == sorted(f"options.{part}" for part in parts)
    at = {line.split(":")[0].strip(): i for i, line in enumerate(text.splitlines(), start=1)}
    places = [f"{name}.{FIELD[name]}" for name in UNPRICED] + ["rented.gpu"]
    heads = [f"acme.yaml:{at[part.split('.')[0]]}: options.{part}: " for part in places]
    noted = [note for note in answer["notes"] if " is taken. " not in note]
    assert len(noted) == len(heads)
    assert all(sum(head in note for note in noted) == 1 for head in heads)


def test_nothing_is_told_that_follows_from_what_is_malformed(tmp_path):
    text = lines({"far": UNPRICED["far"]}).replace(
        "quotes:", "electricity_per_kwh: dear\n  quotes:"
    )
    answer = checked(tmp_path, text)
    assert [p["field"] for p in answer["problems"]] == ["finance.electricity_per_kwh"]
    assert not answer["notes"]


@pytest.mark.parametrize("name", QUOTED)
def test_what_the_client_has_a_quote_for_is_priced_and_nothing_is_told(name, tmp_path):
    item, unit = QUOTED[name]
    quote = f"{{item: option.{name}.{item}, value: 0.2, unit: {unit}, source: O, date: 2026-11-01}}"
    found = opened(tmp_path, lines({name: UNPRICED[name]}, (quote,)))
    assert not [*listed.faults(found)]
    assert not Chain().as_planned(found, name).unpriced


@pytest.mark.parametrize("kind", ["api, provider: openai", "open_api, provider: nobody"])
def test_a_quote_stands_for_a_list_that_lacks_the_model(kind, tmp_path):
    own = {"own": f"kind: {kind}, models: {{all: our-own}}, effort: none"}
    assert checked(tmp_path, lines(own))["problems"]
    quote = "{item: api_request, value: 0.2, unit: EUR/request, source: O, date: 2026-11-01}"
    assert not Chain().as_planned(opened(tmp_path, lines(own, (quote,))), "own").unpriced


def test_a_quote_for_one_workload_leaves_the_price_of_the_other_open():
    start = alone("api")
    loads = dict.fromkeys(("one", "two"), start.workloads["assistant"])
    quote = {"item": "api_request", "value": 0.2, "unit": "EUR/request", "workloads": ["one"],
             "source": "O", "date": start.client.report_date}  # fmt: skip
    two = start.model_copy(update={"workloads": loads})
    changes = {"options.api.provider": "", "options.api.models": {"all": "gpt-99"}}
    told = [fault.place for fault in listed.faults(changed(two, changes))]
    assert told == [("options", "api", "models", "all")]
    half = changed(two, changes | {"finance.quotes": [quote]})
    assert [fault.place for fault in listed.faults(half)] == told
    whole = changed(two, changes | {"finance.quotes": [quote | {"workloads": []}]})
    assert not [*listed.faults(whole)]


def test_a_typed_name_that_looks_like_a_listed_one_is_told_beside_its_quote():
    quote = {"item": "api_request", "value": 0.2, "unit": "EUR/request", "source": "O",
             "date": alone("api").client.report_date}  # fmt: skip
    found = changed(
        alone("api"), {"finance.quotes": [quote], "options.api.models": {"all": "gpt-5.4-mni"}}
    )
    (fault,) = listed.faults(found)
    assert "gpt-5.4-mini" in fault.write


def test_vectors_that_the_vendor_does_not_sell_are_told(tmp_path):
    text = lines({"own": f"{ANY}, effort: low, models: {{all: gpt-5.4-mini, texts: MODEL}}"})
    texts = "  texts: {task: embed, requests_per_day: 9, input_tokens: {mean: 9, p95: 9}}\n"
    text = text.replace("workloads:\n", f"workloads:\n{texts}").replace("api: {}", "api: null")
    text = text.replace("quotes:", "baseline: own\n  quotes:")
    sold = text.replace("MODEL", "text-embedding-3-small")
    assert not [*listed.faults(opened(tmp_path, sold))]
    (fault,) = listed.faults(opened(tmp_path, text.replace("MODEL", "mistral-embed")))
    assert fault.place == ("options", "own", "models", "texts")
