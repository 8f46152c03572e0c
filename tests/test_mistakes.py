"""Fifteen typical mistakes, each answered with a message that contains the fix."""

import shutil
from pathlib import Path

import pytest
from commands import siting
from siting import catalogue
from siting.cli.scenarios import large
from siting.inputs import scenario

ROOT = Path(__file__).parents[1]
GOOD = """client: {name: Acme, country: IT}
workloads:
  assistant: {users: 500}
evidence:
  - {fields: [workloads], source: Questionnaire, date: 2026-10-01}
"""
FIT = "fit --model google/gemma-4-31B-it --gpu h100-sxm5-80gb"
SIZE = f"size{FIT[3:]} --requests-per-day 100 --input 300,800 --output 40,100"

IN_A_FILE = {
    "a number for a length": ("users: 500", "input_tokens: 3000", "`input_tokens: {mean: 3_000}`"),
    "a number with a unit": ("500", "500 people", "without unit"),
    "a thousands separator": ("500", '"9 500"', "write 9500 without quotes"),
    "a country by its name": ("country: IT", "country: Italy", "two capitals, such as IT"),
    "Norway": ("country: IT", "country: NO", 'write false, or "NO" in quotes'),
    "a date in another order": ("2026-10-01", "01.10.2026", "2026-11-24 without quotes"),
    "a colon in a text": ("Acme,", "Acme: the bank,", 'in "quotes"'),
    "a colour that YAML takes for a comment": (
        "{name: Acme, country: IT}", "\n  name: Acme\n  country: IT\n  brand_colour: #00796b",
        "put the colour in quotes",
    ),
    "a hand-made profile of 12 hours": (
        "users: 500", "hours: [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]", "write 24 numbers",
    ),
}  # fmt: skip
SCORES = "scores: {gpt-4.1: 88, MODEL: 86}, items: 400, floor: 84"
TEST = f"quality: {{reference_model: gpt-4.1, own: {{{SCORES}}}}}"
IN_A_WORKLOAD = {
    "the beginning of a key": ("output: 9", "did you mean output_tokens"),
    "a time of day": ("deadline: {by: 07:00}", "for a time of day write its hour, 7,"),
    "a time of day in quotes": (
        'deadline: {by: "07:00"}', "write the hour as a number, 7, without quotes",
    ),
    "half an hour in quotes": (
        'deadline: {by: "06:30"}', "write the hour as a number, 6.5, without quotes",
    ),
    "a minute of the day in quotes": (
        'deadline: {by: "06:50"}', "write the half hour before it: 6.5",
    ),
    "a quarter of an hour": ("deadline: {by: 6.25}", "write a multiple of 0.5"),
    "a score of a model by a name of one's own": (
        TEST.replace("MODEL", "Gemma 4 31B"), "did you mean google/gemma-4-31B-it?",
    ),
    "a score of a model that nobody knows": (TEST.replace("MODEL", "our-own"), "or remove it"),
    "an open model without its size": (
        "models: [Mistral Small 3.2]",
        "did you mean mistralai/Mistral-Small-3.2-24B-Instruct-2506?",
    ),
    "a task that the kit calls otherwise": (
        "task: extraction", "write summarise, which is nearest; known: chat, classify",
    ),
    "a reference without a board": (
        "quality: {reference_model: openai/gpt-5.4-mini}", "boards: [] where none does",
    ),
    "requests of a night": ("requests_per_night: 9", "write requests_per_day:, and hours: night"),
}  # fmt: skip
ANY = "models: {all: google/gemma-4-31B-it}, country: DE"
IN_AN_OPTION = {
    "a label that another option has": (
        f"mine: {{label: OpenAI API, kind: on_premises, {ANY}, gpu: l40s-48gb}}",
        "options.mine.label: options.api is called OpenAI API, too; write a label of its own",
    ),
    "so many cards": (
        f"mine: {{label: M, kind: rented_gpus, provider: scaleway, {ANY}, gpu: H100, gpus: 2}}",
        "how many of them it takes, the kit works out",
    ),
    "a name of several cards": (
        f"mine: {{label: M, kind: on_premises, {ANY}, gpu: RTX PRO 6000}}",
        "rtx-pro-6000-blackwell-server-96gb",
    ),
    "a model as people write it": (
        "mine: {label: M, kind: managed_cloud, provider: azure, models: {all: GPT-5.4 mini}, "
        "effort: low}",
        "did you mean gpt-5.4-mini?",
    ),
    "a model that is like none": (
        "mine: {label: M, kind: api, provider: openai, models: {all: zzzzzzzz}}",
        "the nearest of",
    ),
}
QUOTED = {
    "an invoice": ("option.api.invoice", "EUR/month", "quote option.NAME.api_request per request"),
    "an amount a month": ("option.api.api_usage", "EUR/month", "the month's amount over the month"),
}
ON_THE_COMMAND_LINE = {
    "a colour without quotes": ("check base --set client.brand_colour=#00796b", "in quotes"),
    "a part of a record that is left out": (
        "check base --set options.owned.room.kw=5",
        "options.owned.room is left out; write options.owned.room='{kw: …}'",
    ),
    "an answer beside an option's others": (
        "check base --set options.api.endpoint_scope=pinned",
        "did you mean attributes.endpoint_scope?",
    ),
    "a property that nobody knows": (
        "check base --set decision.premiums.open_weight=9_000", "did you mean open_weights?",
    ),
    "a capital in a new client's name": ("new Acme", "small letters"),
    "a format that is none": ("report --format docx", "html,pdf"),
    "a length without its spread": (SIZE.replace("300,800", "900"), "MEAN,P95"),
    "a diff before the first report": ("diff nobody nobody", "siting report nobody"),
    "a typo in a command": ("chek", "'check'"),
    "a model that is like no other": (FIT.replace("google/gemma-4-31B-it", "x"), "--table models"),
    "a concurrency that is no number": (f"{FIT} --concurrency nan", "not a finite number"),
    "a limit below zero": (f"{SIZE} --ttft -1", "0<x<=600"),
    "a percentile of all": (f"{SIZE} --percentile 100", "50<=x<100"),
    "a context without end": (f"{FIT} --context {'9' * 400}", "1<=x<=20000000"),
    "a device for a configuration": ("fit --gpu H100 --config /dev/zero", "config.json of a model"),
    "a load without end": (SIZE.replace("100 ", "1e300 "), "0<x<="),
    "a place that is not there": (
        "validate vram --rows /no/where.csv", "name a folder that is there",
    ),
    "a picture for a table": ("validate vram docs/first-page.png", "write a CSV in UTF-8"),
}  # fmt: skip


def _checked(folder: Path, text: str) -> str:
    """What check says of a client's file."""
    base = (ROOT / "params" / "base.yaml").read_text(encoding="utf-8")
    (folder / "base.yaml").write_text(base, encoding="utf-8")
    (folder / "acme.yaml").write_text(text, encoding="utf-8")
    result = siting("check", str(folder / "acme.yaml"))
    assert result.exit_code == 2, result.output
    assert "acme.yaml:" in result.stderr and "Traceback" not in result.stderr
    return result.stderr


@pytest.mark.parametrize("mistake", IN_A_FILE)
def test_a_mistake_in_a_scenario_is_answered_with_the_fix(mistake, tmp_path):
    old, new, fix = IN_A_FILE[mistake]
    assert fix in _checked(tmp_path, GOOD.replace(old, new))


@pytest.mark.parametrize("mistake", IN_A_WORKLOAD)
def test_a_mistake_in_a_workload_is_answered_with_the_fix(mistake, tmp_path):
    said, fix = IN_A_WORKLOAD[mistake]
    assert fix in _checked(tmp_path, GOOD.replace("users: 500", f"users: 500, {said}"))


VOUCHED = GOOD.replace("[workloads]", "[workloads, options, finance]")


@pytest.mark.parametrize("mistake", IN_AN_OPTION)
def test_a_mistake_in_an_option_is_answered_with_the_fix(mistake, tmp_path):
    option, fix = IN_AN_OPTION[mistake]
    assert fix in _checked(tmp_path, f"{VOUCHED}options:\n  api: {{}}\n  {option}\n")


@pytest.mark.parametrize("mistake", QUOTED)
def test_a_bill_of_a_month_is_answered_with_how_to_say_it(mistake, tmp_path):
    item, unit, fix = QUOTED[mistake]
    quote = f"{{item: {item}, value: 7_900, unit: {unit}, source: B, date: 2026-11-01}}"
    said = _checked(tmp_path, f"{VOUCHED}finance:\n  quotes:\n    - {quote}\n")
    assert fix in said and "insurance" not in said


def test_a_load_under_a_wrong_key_hides_no_name_of_a_model(tmp_path):
    lengths = "input_tokens: {mean: 9}, output_tokens: {mean: 9}"
    own = f"night: {{description: N, requests_per_night: 9, models: [no/such], {lengths}}}"
    said = _checked(tmp_path, GOOD.replace("workloads:\n", f"workloads:\n  {own}\n", 1))
    assert "workloads.night.requests_per_night: " in said
    assert "workloads.night.models[0]: 'no/such' is no model" in said


OFFER = "{item: option.mine.server_price, value: 9, unit: EUR, source: O, date: 2026-11-01}"
OTHER = "{item: electricity, value: 0.2, unit: EUR/kWh, source: O, date: 2026-11-01}"


def test_a_what_if_that_takes_quotes_away_repeats_no_other_fault(tmp_path):
    mine = f"mine: {{label: M, kind: on_premises, {ANY}, gpu: h200-nvl-141gb}}"
    text = f"{VOUCHED}options:\n  api: {{}}\n  {mine}\nfinance:\n  quotes: [{OFFER}]\n"
    text += f"what_if:\n  - {{label: W, set: {{finance.quotes: [{OTHER}]}}}}\n"
    (line,) = (found for found in _checked(tmp_path, text).splitlines() if "what_if[0]" in found)
    assert line.endswith("or write a quote for option.mine.server_price")
    unpriced = text.replace(f"[{OFFER}]", "[]")
    assert "what_if[0]" not in _checked(tmp_path, unpriced)


def test_a_file_is_named_from_the_folder_that_one_stands_in(tmp_path, monkeypatch):
    shutil.copytree(ROOT / "params", tmp_path / "params")
    (tmp_path / "params" / "acme.yaml").write_text(GOOD.replace("500", "5OO"), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    result = siting("check", "acme")
    assert "\nparams/acme.yaml:3: " in f"\n{result.stderr}"


@pytest.mark.parametrize("mistake", ON_THE_COMMAND_LINE)
def test_a_mistake_on_the_command_line_is_answered_with_the_fix(mistake):
    words, fix = ON_THE_COMMAND_LINE[mistake]
    result = siting(*words.split())
    assert result.exit_code == 2
    assert fix in result.stderr
    assert not result.stdout


ODD = {
    "cents for a currency": ("finance.electricity_per_kwh=16", "write it in EUR, not in cents"),
    "a vendor's name cut short": ("options.api.vendor=OpenA", "did you mean OpenAI?"),
}
"""Values that can be, and that hardly anybody means, with what is said of them."""


@pytest.mark.parametrize("slip", ODD)
def test_what_hardly_anybody_means_is_told_and_not_refused(slip):
    change, said = ODD[slip]
    result = siting("check", "base", "--set", change)
    assert result.exit_code == 0 and said in result.stdout
    assert said not in siting("check", "base").stdout


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (["finance.horizon_months=36\nfinance.baseline: api"], "write KEY=VALUE in a line"),
        (["finance.horizon_months=36", "finance.horizon_months=48"], "is changed twice"),
    ],
)
def test_a_change_of_which_a_part_would_be_dropped_is_refused(changes, said):
    words = [word for change in changes for word in ("--set", change)]
    found = siting("check", "base", *words)
    assert (found.exit_code, found.stdout) == (2, "")
    assert said in found.stderr


@pytest.mark.parametrize(
    ("word", "near"),
    [("uncertainty", "stability"), ("nope", "pue"), ("user", "users"), ("yes", "yes_means")],
)
def test_only_a_name_that_is_near_is_guessed(word, near):
    said = catalogue.suggestion(word, [near])
    assert said == (f"known: {near}" if near in ("stability", "pue") else f"did you mean {near}?")


@pytest.mark.parametrize(("works", "told"), [(1, ""), (8, "11 for 8 workloads, 8 of them left")])
def test_a_scenario_that_takes_minutes_is_told_so_with_what_makes_it_large(works, told):
    start = scenario.load("base")
    load = start.workloads["assistant"]
    owned = start.options["owned"].model_copy(update={"gpu": "best", "server": "best"})
    options = {**start.options, **{f"owned-{i}": owned for i in range(7)}, "owned": owned}
    loads = {f"w{i}": load for i in range(works)}
    notes = [*large(start.model_copy(update={"options": options, "workloads": loads}))]
    assert bool(notes) == bool(told)
    assert told in "".join(notes)
