"""What must fit together in a scenario, and with the catalogue: each contradiction with its remedy.

Two dictionaries above are asked: the formats that the memory model knows, and the attributes of
the rules; without them a misspelt format or answer would be found only when it is computed.
"""

from __future__ import annotations

import datetime as dt
import difflib
import math
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, Literal

from siting import catalogue, hf_config, reasoning
from siting.inputs import messages
from siting.inputs.document import Path_
from siting.inputs.scenario.model import OWNED, SELF_HOSTED, Option, Quote, Scenario, Workload
from siting.memory import attention, weights
from siting.memory.attention import NotEstimated
from siting.rules import rulebook

Contradiction = tuple[Path_, str, str]
"""Path, what is wrong, what to write."""


def contradictions(scenario: Scenario) -> Iterator[Contradiction]:
    """Everything that is well formed but cannot be meant."""
    for name, workload in scenario.workloads.items():
        yield from _workload(name, workload)
    for name, job in scenario.fine_tuning.items():
        yield from _catalogued(("fine_tuning", name, "model"), job.model, "model")
    for name, option in scenario.options.items():
        yield from _option(name, option, scenario)
    yield from _bounded(scenario)
    yield from _money(scenario)
    yield from _times(scenario)
    yield from _policies(scenario)
    yield from _answers(scenario)


MOST_REQUESTS = 5e9
"""Requests of a working day at the end of the horizon, if demand grows as fast as it may."""
MOST_TOKENS = 1e13
"""Tokens of the same day. Within both, one workload on four options took 0.9 GiB; the largest load
on all workloads and options at once was not measured."""


def _bounded(scenario: Scenario) -> Iterator[Contradiction]:
    """A load that fits into memory when it is planned, hour by hour and GPU by GPU."""
    years = (scenario.finance.horizon_months - 1) // 12
    requests = tokens = 0.0
    for w in scenario.workloads.values():
        grown = [g.high for g in w.growth_by_year[:years]] or [w.growth_per_year.high]
        grown += grown[-1:] * (years - len(grown))
        day = w.users * w.requests_per_user_day + w.requests_per_day + w.requests_per_month / 20
        day *= math.prod(1 + g for g in grown)
        requests += day
        tokens += day * (w.input_tokens.mean + w.output_tokens.mean + (w.reasoning_tokens or 0))
    for found, most, what in (
        (requests, MOST_REQUESTS, "requests"),
        (tokens, MOST_TOKENS, "tokens"),
    ):
        if found > most:
            yield (
                ("workloads",),
                f"{found:.1e} {what} a working day at the end of the horizon are too many",
                f"write a load and growth of at most {most:.0e} {what}",
            )


def _catalogued(path: Path_, name: str, kind: Literal["model", "GPU"]) -> Iterator[Contradiction]:
    try:
        (hf_config.model if kind == "model" else catalogue.gpu)(name)
    except KeyError:
        known = (
            [m.model_id for m in catalogue.models()]
            if kind == "model"
            else [g.id for g in catalogue.gpus()]
        )
        yield path, f"{name!r} is no {kind} of the catalogue", messages.suggestion(name, known)


def _known(path: Path_, name: str, look_up: Callable[[str], object]) -> Iterator[Contradiction]:
    """A format must be one that the memory model knows; blank is its default."""
    try:
        if name:
            look_up(name)
    except NotEstimated as error:
        wrong, _, known = str(error).partition("; known: ")
        yield path, wrong, messages.suggestion(name, known.split(", "))


def _effort(path: Path_, name: str) -> Iterator[Contradiction]:
    """A reasoning effort, if one is named, must be one whose hidden tokens are known."""
    words = known_in("reasoning_effort", "effort") | known_in("reasoning_effort", "synonyms")
    known = {word for cell in words for word in cell.split(";") if word} | {"default"}
    if name and name.strip().lower() not in known:
        yield path, f"{name!r} is no reasoning effort", messages.suggestion(name, known)


def _listed(path: Path_, name: str, table: str, column: str, what: str) -> Iterator[Contradiction]:
    known = known_in(table, column)
    if known and name not in known:
        yield path, f"{name!r} is no {what} of facts/{table}.csv", messages.suggestion(name, known)


def known_in(table: str, column: str) -> set[str]:
    """The values of one column of a fact table."""
    path = catalogue.facts_dir() / f"{table}.csv"
    return _column(path, path.stat().st_mtime_ns, column) if path.is_file() else set()


@cache
def _column(path: Path, changed_ns: int, column: str) -> set[str]:
    return {cells[column] for _, cells in catalogue.rows(path) if column in cells}


def _workload(name: str, workload: Workload) -> Iterator[Contradiction]:
    here: Path_ = ("workloads", name)
    for i, model in enumerate(workload.models):
        yield from _catalogued((*here, "models", i), model, "model")
    for i, run in enumerate(workload.measured):
        yield from _catalogued((*here, "measured", i, "model"), run.model, "model")
        yield from _catalogued((*here, "measured", i, "gpu"), run.gpu, "GPU")
    if workload.quality:
        yield from _effort(
            (*here, "quality", "reference_effort"), workload.quality.reference_effort
        )
    for i, board in enumerate(workload.quality.boards if workload.quality else []):
        yield from _listed(
            (*here, "quality", "boards", i), board, "quality_boards", "board", "board"
        )


def _option(name: str, option: Option, scenario: Scenario) -> Iterator[Contradiction]:
    here: Path_ = ("options", name)
    if option.gpu:
        yield from _catalogued((*here, "gpu"), option.gpu, "GPU")
    elif option.kind in ("rented_gpus", *OWNED):
        yield here, f"{option.kind} needs a GPU", "add `gpu:` with a name of the catalogue"
    if option.server:
        yield from _listed((*here, "server"), option.server, "servers", "id", "server")
    yield from _region(here, option)
    yield from _effort((*here, "effort"), option.effort)
    for model in dict.fromkeys(option.models.values()):
        if reasoning.effort_missing(model, option.effort):
            yield (
                (*here, "effort"),
                f"{model} reasons, and its effort is not said",
                "write effort: none, low, medium or high as your requests set it, or default",
            )
            break
    yield from _known((*here, "weights"), option.weights, weights.weight_format)
    yield from _known((*here, "kv_cache"), option.kv_cache, attention.kv_format)
    yield from _hybrid(here, name, option, scenario)
    yield from _served(here, option, scenario)
    if option.country and option.country not in _territories():
        yield (*here, "country"), f"{option.country!r} is no country", "write an ISO code like DE"


def _hybrid(here: Path_, name: str, option: Option, scenario: Scenario) -> Iterator[Contradiction]:
    parts = {"base": option.base, "burst": option.burst}
    if option.kind != "hybrid":
        for part in (p for p, v in parts.items() if v):
            yield (*here, part), f"only a hybrid has a {part}", "remove it, or write kind: hybrid"
        return
    others = [n for n, o in scenario.options.items() if n != name and o.kind != "hybrid"]
    for part, target in parts.items():
        if not target:
            yield here, f"a hybrid needs `{part}:`", f"name an option: {', '.join(others)}"
        elif target not in others:
            yield (
                (*here, part),
                f"{target!r} is no other option",
                messages.suggestion(target, others),
            )
    if option.base and option.base == option.burst:
        yield (*here, "burst"), "base and burst are the same option", "name two options"


def _served(here: Path_, option: Option, scenario: Scenario) -> Iterator[Contradiction]:
    """Every workload has a model that the option can offer."""
    if option.kind == "hybrid":
        return
    for workload, model in option.models.items():
        if workload not in ("all", *scenario.workloads):
            yield (
                (*here, "models", workload),
                f"{workload!r} is no workload",
                messages.suggestion(workload, ["all", *scenario.workloads]),
            )
        elif option.kind in SELF_HOSTED:
            yield from _catalogued((*here, "models", workload), model, "model")
        elif option.kind == "open_api":
            yield from _hosted((*here, "models", workload), model, option.provider)
        elif option.provider:
            yield from _priced((*here, "models", workload), model, option.provider)
    if "all" not in option.models:
        for workload in (w for w in scenario.workloads if w not in option.models):
            yield (
                (*here, "models"),
                f"no model for workload {workload}",
                f"add `{workload}:` or `all:` with a model",
            )


def _priced(path: Path_, model: str, provider_id: str) -> Iterator[Contradiction]:
    """A model of a price list must be on it."""
    from genai_prices.data import providers

    provider = next((p for p in providers if p.id == provider_id), None)
    if provider is None:
        yield (
            (*path[:2], "provider"),
            f"{provider_id!r} is no provider of the price list genai-prices",
            messages.suggestion(provider_id, [p.id for p in providers]),
        )
    elif provider.find_model(model, all_providers=providers) is None:
        known = [m.id for m in provider.models]
        yield path, f"{model!r} has no price at {provider_id}", messages.suggestion(model, known)


def _hosted(path: Path_, model: str, provider_id: str) -> Iterator[Contradiction]:
    """An open model at a host must have a price there; others that sell it are named."""
    from genai_prices.data import providers

    short = model.split("/")[-1].lower()
    selling = {
        cells["provider"]
        for _, cells in catalogue.rows(catalogue.facts_dir() / "open_api_prices.csv")
        if short in (cells["model"].split("/")[-1].lower(), cells["name_at_host"].lower())
    }
    for p in providers:
        if any(m.id.split("/")[-1].lower() == short for m in p.models):
            selling.add(p.id)
    if provider_id not in selling:
        hosts = ", ".join(sorted(selling)) or "none is known: write a quote for api_request"
        where = provider_id or "no provider"
        yield path, f"{model!r} has no price at {where}", f"hosts that sell it: {hosts}"


def _money(scenario: Scenario) -> Iterator[Contradiction]:
    finance = scenario.finance
    if finance.baseline not in (*scenario.options, "none"):
        yield (
            ("finance", "baseline"),
            f"{finance.baseline!r} is no option",
            messages.suggestion(finance.baseline, [*scenario.options, "none"]),
        )
    for i, quote in enumerate(finance.quotes):
        yield from _quoted(("finance", "quotes", i), quote, scenario)
    if not _is_currency(scenario.client.currency):
        yield (
            ("client", "currency"),
            f"{scenario.client.currency!r} has no exchange rate of the ECB",
            "write a currency such as EUR, USD, GBP, CHF, SEK, PLN",
        )
    if scenario.client.country not in _territories():
        yield (
            ("client", "country"),
            f"{scenario.client.country!r} is no country",
            "write an ISO 3166 code like DE",
        )


_UNITS = {
    "gpu_hour": "GPU-h", "server_price": "", "api_request": "request", "electricity": "kWh",
    "staff_cost": "year",
}  # fmt: skip
"""Prices that are looked up, and the word that their unit holds after the currency."""


def _quoted(here: Path_, quote: Quote, scenario: Scenario) -> Iterator[Contradiction]:
    """A quote is for an item and an option that exist, in their unit, and still valid."""
    first, _, rest = quote.item.partition(".")
    option, _, item = rest.partition(".")
    if first != "option":
        option, item = "", quote.item
    elif option not in scenario.options:
        yield (
            (*here, "item"),
            f"{option!r} is no option",
            messages.suggestion(option, scenario.options),
        )
    known = {*_UNITS, *known_in("cost_items", "id")}
    if item not in known:
        yield (*here, "item"), f"{item!r} is no cost item", messages.suggestion(item, known)
    currency, word = quote.unit[:3], _UNITS.get(item, "")
    plain = quote.unit[3:].strip(" /")
    wrong = (word and word not in plain) or (item == "server_price" and plain)
    if not _is_currency(currency) or wrong:
        should = f"{scenario.client.currency}{'/' + word if word else ''}"
        yield (*here, "unit"), f"{quote.unit!r} is no unit of {item}", f"write unit: {should}"
    day = scenario.client.report_date
    if quote.valid_until and quote.valid_until < day:
        yield (
            (*here, "valid_until"),
            f"the offer ended on {quote.valid_until}, before the report ({day})",
            "ask for a new one, or remove it so that the published price is taken",
        )


def _region(here: Path_, option: Option) -> Iterator[Contradiction]:
    """A region that resembles one of the provider's, but is not written like it."""
    rows = catalogue.rows(catalogue.facts_dir() / "cloud_prices.csv")
    regions = {c.get("region", "") for _, c in rows if c["provider"] == option.provider}
    if option.kind in SELF_HOSTED and option.region and option.region not in regions:
        near = difflib.get_close_matches(option.region, regions, n=1, cutoff=0.75)
        if near:
            yield (
                (*here, "region"),
                f"{option.region!r} is no region of {option.provider}",
                f"did you mean {near[0]}?",
            )


def _times(scenario: Scenario) -> Iterator[Contradiction]:
    """Nothing is known before it was written."""
    day = scenario.client.report_date
    if not dt.date(2020, 1, 1) <= day <= dt.date(2100, 1, 1):
        yield ("client", "report_date"), f"{day} is no date of a report", "write the year in full"
    for i, entry in enumerate(scenario.evidence):
        if entry.date > day and "*" not in entry.fields:
            yield ("evidence", i, "date"), f"{entry.date} is after the report ({day})", "correct it"
    for i, quote in enumerate(scenario.finance.quotes):
        if quote.date > day:
            where: Path_ = ("finance", "quotes", i, "date")
            yield where, f"{quote.date} is after the report ({day})", "correct one of the two"


def _policies(scenario: Scenario) -> Iterator[Contradiction]:
    plain = ("sovereignty", "quality", "latency", "budget")
    rules = known_in("sovereignty_rules", "rule_id")
    for name in scenario.decision.weights:
        yield from _listed(
            ("decision", "weights", name), name, "decision_criteria", "criterion", "criterion"
        )
    for i, name in enumerate(scenario.client.yes_means):
        if name not in scenario.options:
            meant = messages.suggestion(name, list(scenario.options))
            yield ("client", "yes_means", i), f"{name!r} is no option", meant
    for i, word in enumerate(scenario.decision.hard_constraints):
        here: Path_ = ("decision", "hard_constraints", i)
        if word.startswith("rule:"):
            yield from _listed(
                here, word.removeprefix("rule:"), "sovereignty_rules", "rule_id", "rule"
            )
        elif word not in plain:
            known = [*plain, *(f"rule:{r}" for r in rules)]
            yield here, f"{word!r} is no constraint", messages.suggestion(word, known)
    if "budget" in scenario.decision.hard_constraints and not scenario.decision.budget_per_year:
        yield (
            ("decision",),
            "a budget is a hard constraint without an amount",
            ("add `budget_per_year:`"),
        )


def _answers(scenario: Scenario) -> Iterator[Contradiction]:
    """Answers to sovereignty rules name attributes of the dictionary and flows that exist."""
    book = rulebook.rule_book()
    answers: dict[Path_, dict[str, Any]] = {("rules", "attributes"): scenario.rules.attributes}
    flows = [f.flow for f in book.flow_kinds]
    flows += [f"inference-{workload}" for workload in scenario.workloads]
    for name, option in scenario.options.items():
        answers["options", name, "attributes"] = option.attributes
        for flow, said in option.flows.items():
            answers["options", name, "flows", flow, "attributes"] = said.attributes
            if flow not in flows:
                here: Path_ = ("options", name, "flows", flow)
                yield here, f"{flow!r} is no flow", messages.suggestion(flow, flows)
    for path, given in answers.items():
        for attribute, value in given.items():
            if problem := rulebook.value_problem(attribute, value, book.attributes):
                fault, _, remedy = problem.partition("; ")
                yield (*path, attribute), fault, remedy or "see facts/sovereignty_attributes.csv"


@cache
def _territories() -> frozenset[str]:
    from babel import Locale

    regions = {t for t in map(str, Locale("en").territories) if len(t) == 2 and t.isalpha()}
    return frozenset(regions - {"EU", "EZ", "QO", "UN", "XA", "XB", "ZZ"})  # groups, and no place


@cache
def _is_currency(code: str) -> bool:
    from currency_converter import CurrencyConverter

    return code == "EUR" or code in CurrencyConverter().currencies
