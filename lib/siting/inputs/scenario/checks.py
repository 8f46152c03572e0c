"""What must fit together in a scenario and with the catalogue: each contradiction, its remedy."""

from __future__ import annotations

import datetime as dt
import difflib
import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from siting import catalogue, reasoning, vision
from siting.catalogue import column, of_facts, suggestion
from siting.inputs.attributes import FlowKind, dictionary, properties, value_problem
from siting.inputs.document import Fault, Path_, parted
from siting.inputs.scenario import constraints, known
from siting.inputs.scenario.model import BEST, LEAP_YEAR, Option, Quote, Scenario, day_of
from siting.places import BY_REQUEST, HOSTED_OPEN, KINDS, MIXED, OWNED, SELF_HOSTED, having


def contradictions(scenario: Scenario) -> Iterator[Fault]:
    """Everything that is well formed but cannot be meant."""
    yield from known.faults(scenario)
    for name, option in scenario.options.items():
        yield from _option(name, option, scenario)
    for i, quote in enumerate(scenario.finance.quotes):
        yield from _quoted(here := ("finance", "quotes", i), quote, scenario)
        for twin, other in enumerate(scenario.finance.quotes[:i]):
            if _is_of_the_same(other, quote):
                wrong = f"quotes[{twin}] is for {quote.item}, too"
                yield Fault((*here, "item"), wrong, "keep the one that holds")
                break
    yield from _bounded(scenario)
    yield from _seasonal(scenario)
    yield from _dated(scenario)
    yield from _named(scenario)
    yield from _told_apart(scenario)
    yield from _answers(scenario)
    yield from _tested(scenario)


DAYS_OF_PLAN = 364
"""Most days after the report on which go or no-go can be decided: the plan ends after them."""


def _is_of_the_same(one: Quote, other: Quote) -> bool:
    """Whether two quotes are prices of the same item, of some workload alike."""
    if one.item != other.item:
        return False
    some = set(one.workloads) & set(other.workloads)
    return bool(some) or not (one.workloads and other.workloads)


MOST_REQUESTS = 5e9
"""Requests of the busiest weekday at the end of the horizon, if demand grows as fast as it may."""
MOST_TOKENS = 1e13
"""Tokens of the same day. Within both, eight workloads on sixteen options took 0.7 GiB
(benchmarks/largest.py)."""


TOKENS_OF_A_PICTURE = 5_000
"""More than any model makes of one, for the same bound."""


def _bounded(scenario: Scenario) -> Iterator[Fault]:
    """A load that fits into memory when it is planned, hour by hour and GPU by GPU."""
    years = (scenario.finance.horizon_months - 1) // 12
    requests = tokens = 0.0
    for w in scenario.workloads.values():
        grown = [g.high for g in w.growth_by_year[:years]] or [w.growth_per_year.high]
        grown += grown[-1:] * (years - len(grown))
        day = w.users * w.per_user_day + w.per_day + w.per_month / 20
        day *= max(1.0, *w.weekdays, *(season.factor for season in w.seasons))
        day *= math.prod(1 + g for g in grown)
        requests += day
        seen = w.input_tokens.mean + w.images_per_request * TOKENS_OF_A_PICTURE
        tokens += day * (seen + w.output_tokens.mean + (w.reasoning_tokens or 0))
    bounds = ((requests, MOST_REQUESTS, "requests"), (tokens, MOST_TOKENS, "tokens"))
    for found, most, what in bounds:
        if found > most:
            wrong = (
                f"{found:.1e} {what} on the busiest weekday at the end of the horizon are too many"
            )
            yield Fault(("workloads",), wrong, f"write a load of at most {most:.0e} {what}")


def _seasonal(scenario: Scenario) -> Iterator[Fault]:
    """A day lies in one season of a workload at most."""
    for name, workload in scenario.workloads.items():
        taken: set[int] = set()
        for i, season in enumerate(workload.seasons):
            first = day_of(season.start, LEAP_YEAR).timetuple().tm_yday
            days = {(first + day) % 366 for day in range(math.ceil(7 * season.weeks))}
            if days & taken:
                wrong = "it begins before another season ends"
                yield Fault(
                    ("workloads", name, "seasons", i), wrong, "write weeks that do not meet"
                )
            taken |= days


def _one_of(
    path: Path_, name: str, what: str, among: Iterable[str], part: str = ""
) -> Iterator[Fault]:
    """A name must be one of those that are known. part: of the scenario, where it would stand."""
    listed = list(among)
    if name not in listed:
        rests_on = (part, name.removeprefix("inference-"))  # a flow, on its workload
        yield Fault(path, f"{name!r} is no {what}", suggestion(name, listed), rests_on=rests_on)


READ_BY: Mapping[str, Collection[str]] = {
    **dict.fromkeys(
        ("vendor", "provider", "models", "effort", "region"), (*BY_REQUEST, *SELF_HOSTED)
    ),
    **dict.fromkeys(
        ("gpu", "weights", "kv_cache", "engine", "tensor_parallel", "context", "redundancy"),
        SELF_HOSTED,
    ),
    **dict.fromkeys(
        ("server", "room", "owned_servers", "owned_age_years", "existing_servers", "lease"), OWNED
    ),
    "second_site": OWNED,
    "commitment": having("rented"),
    "discount": (*BY_REQUEST, *having("rented")),
    "provisioned": BY_REQUEST,
    "base": ("hybrid",),
    "burst": ("hybrid",),
    "parts": ("split",),
    **dict.fromkeys(
        ("minimum_commitment_per_month", "contract_until", "contracts"),
        tuple(kind for kind in KINDS if kind != "split"),
    ),
}
"""Kinds of option that a key of some kinds alone has an effect on."""


def _unread(here: Path_, option: Option) -> Iterator[Fault]:
    """No key is accepted that would change nothing."""
    for key, kinds in READ_BY.items():
        if option.kind not in kinds and getattr(option, key) != Option.model_fields[key].default:
            write = "remove it"
            if parts := [p for p in (option.base, option.burst, *option.parts.values()) if p]:
                write += f", or say it of {' or '.join(dict.fromkeys(parts))}"
            yield Fault((*here, key), f"an option of kind {option.kind} has no use of it", write)


def _option(name: str, option: Option, scenario: Scenario) -> Iterator[Fault]:
    here: Path_ = ("options", name)
    yield from _unread(here, option)
    yield from _designed(here, name, option, scenario)
    yield from _existing(here, option)
    months = option.months_to_production.central
    horizon = scenario.finance.horizon_months
    if months >= horizon:
        wrong = f"{months:g} months to production are not within the horizon of {horizon} months"
        write = "write fewer, or a longer finance.horizon_months"
        whole = ("finance", "horizon_months")
        yield Fault((*here, "months_to_production"), wrong, write, rests_on=whole)
    yield from _card(here, name, option, scenario)
    yield from _rented(here, option)
    if name == scenario.finance.baseline:
        yield from _runs_today(here, option)
    yield from _hybrid(here, name, option, scenario)
    yield from _split(here, name, option, scenario)
    yield from _served(here, name, option, scenario)
    yield from _sighted(here, option, scenario)


def _runs_today(here: Path_, option: Option) -> Iterator[Fault]:
    """What runs today has a model, an effort and a term, and is not for the kit to choose."""
    silent = (m for m in option.models.values() if reasoning.effort_missing(m, option.effort))
    if (model := next(silent, None)) is not None:
        wrong = f"{model} reasons, and its effort is not said"
        write = "write effort: none, low, medium or high as your requests set it, or default"
        yield Fault((*here, "effort"), wrong, write)
    no_model = not option.models and option.kind not in MIXED
    left = {
        "models": no_model or BEST in option.models.values(),
        "effort": option.effort == BEST,
        "commitment": option.commitment == BEST,
    }
    for key in (key for key, is_left in left.items() if is_left):
        yield Fault((*here, key), "it runs today, and is there already", "write what it is")


def _designed(here: Path_, name: str, option: Option, scenario: Scenario) -> Iterator[Fault]:
    """Only machines are designed; and a quote is for certain ones, which must be named."""
    if option.kind not in SELF_HOSTED:
        return
    item, field = ("server_price", "server") if option.kind in OWNED else ("gpu_hour", "gpu")
    quoted = any(quote.item == f"option.{name}.{item}" for quote in scenario.finance.quotes)
    is_named = option.kind in OWNED and option.server not in ("", BEST)
    if quoted and option.gpu in ("", BEST) and not is_named:
        write = f"write {field}: with what the quote is for"
        yield Fault((*here, "gpu"), f"the quote for {item} is of certain machines", write)


def _card(here: Path_, name: str, option: Option, scenario: Scenario) -> Iterator[Fault]:
    """Machines that an option names are of one card, and it has a price: a published one that an
    estimate may use, or the client's quote."""
    owned = option.kind in OWNED
    gpu = "" if option.gpu == BEST else option.gpu
    server = option.server if owned and option.server != BEST else ""
    if option.kind not in SELF_HOSTED or not (gpu or server):
        return
    if (gpu and known.GPU.unknown(gpu)) or (server and known.SERVER.unknown(server)):
        return  # refused as a name that nobody knows
    held = cards()[server] if server else ""
    card = catalogue.gpu(gpu).id if gpu else held
    if held and card != held:
        holding = [name for name, own in cards().items() if own == card]
        name = gpu if gpu == card else f"{gpu} is the card {card}, which"
        wrong = f"{name} is not the card of {server}, {held}"
        other = (
            f"name a server with {card}: {', '.join(holding)}" if holding else "remove the server"
        )
        yield Fault((*here, "gpu"), wrong, f"write gpu: {held}, or {other}")
        return
    item = "server_price" if owned else "gpu_hour"
    priced = priced_cards(owned, scenario.client.report_date)
    if card in priced or scenario.quoted_at(item, name) is not None:
        return
    near = catalogue.nearest(card, priced)
    instead = f"priced are {', '.join(near)}; or " if near else ""
    wrong = f"nobody prices {gpu or f'{server} or its card, {held}'}"
    write = f"{instead}write a quote for option.{name}.{item}"
    yield Fault((*here, "gpu") if gpu else (*here, "server"), wrong, write)


@of_facts
def cards() -> Mapping[str, str]:
    """The card that each server on record holds."""
    return {row["id"]: row["gpu_id"] for row in catalogue.cells("servers")}


@of_facts
def priced_cards(owned: bool, day: dt.date, provider: str = "") -> frozenset[str]:
    """Cards with a published price that an estimate of that day may use: of a server or a card to
    buy, or of an hour on demand, at a provider alone where one is named."""
    if owned:
        rows = catalogue.cells("hardware_prices")
        usable = [c for c in rows if c["used_in_estimate"] == "yes" and c["form"] != "rack"]
    else:
        rows = catalogue.cells("cloud_prices")
        hours = [c for c in rows if c["commitment"] == "on_demand"]
        usable = [c for c in hours if provider in ("", c["provider"])]
    on_that_day = (c for c in usable if c["date"] == "undated" or c["date"] <= day.isoformat())
    return frozenset(c["gpu_id"] for c in on_that_day)


def _existing(here: Path_, option: Option) -> Iterator[Fault]:
    """Servers of other kinds that are there already stand beside others that are bought."""
    path = (*here, "existing_servers")
    there = [each.server for each in option.existing_servers]
    if len(set(there)) < len(there):
        yield Fault(path, "two entries are of the same server", "add them up")
    if option.server in there:
        wrong = f"{option.server} is the kind that is bought"
        write = "write owned_servers for those, and remove them here"
        yield Fault(path, wrong, write, rests_on=(*here, "server"))


def _hybrid(here: Path_, name: str, option: Option, scenario: Scenario) -> Iterator[Fault]:
    parts = {"base": option.base, "burst": option.burst}
    if option.kind != "hybrid":
        return
    others = [n for n, o in scenario.options.items() if n != name and o.kind not in MIXED]
    for part, target in parts.items():
        if not target:
            yield Fault(here, f"a hybrid needs `{part}:`", f"name an option: {', '.join(others)}")
        else:
            yield from _one_of((*here, part), target, "other option", others, "options")
    if option.base and option.base == option.burst:
        yield Fault((*here, "burst"), "base and burst are the same option", "name two options")
        return
    if option.base in others and scenario.options[option.base].kind not in OWNED:
        write = "name an option of colocation or on_premises as base"
        yield Fault((*here, "base"), f"its base {option.base} owns no machine", write)
    if option.burst in others and scenario.options[option.burst].kind in OWNED:
        write = "name an option billed by use or of rented GPUs as burst"
        yield Fault((*here, "burst"), f"its burst {option.burst} owns machines", write)


def _split(here: Path_, name: str, option: Option, scenario: Scenario) -> Iterator[Fault]:
    """A split gives every workload to an option that is no mix itself, and does not run today."""
    if option.kind != "split":
        return
    here = (*here, "parts")
    others = [n for n, o in scenario.options.items() if o.kind not in MIXED]
    for workload, part in option.parts.items():
        path = (*here, workload)
        yield from _one_of(path, workload, "workload", scenario.workloads, "workloads")
        yield from _one_of(path, part, "option of one place", others, "options")
    for workload in (w for w in scenario.workloads if w not in option.parts):
        write = f"add `{workload}:` with an option: {', '.join(others)}"
        yield Fault(here, f"no option for workload {workload}", write)
    if name == scenario.finance.baseline:
        write = "name the option that carries most of it"
        yield Fault(("finance", "baseline"), "a split is not understood as what runs today", write)


def _served(here: Path_, option_name: str, option: Option, scenario: Scenario) -> Iterator[Fault]:
    """Every workload has a model that the option can offer, or one that is left to the kit."""
    here = (*here, "models")
    if option.kind in MIXED or not option.models:
        return
    for name, model in option.models.items():
        path = (*here, name)
        if name not in ("all", *scenario.workloads):
            yield from _one_of(path, name, "workload", ["all", *scenario.workloads], "workloads")
        elif model == BEST:
            continue
        elif name != "all" and scenario.workloads[name].task == "embed":
            yield from _one_of(path, model, "model of embeddings", column("embeddings", "model"))
        elif option.kind in SELF_HOSTED:
            yield from known.MODEL.faults(path, model)
        elif not are_quoted(scenario, option_name, name):
            yield from unlisted(path, model, option)
    if "all" not in option.models:
        for workload in (w for w in scenario.workloads if w not in option.models):
            write = f"add `{workload}:` or `all:` with a model"
            yield Fault(here, f"no model for workload {workload}", write)


def is_quoted(scenario: Scenario, option: str, workload: str) -> bool:
    """Whether the client has a quote for the requests of a workload to an option."""
    return any(scenario.quoted_at(item, option, workload) is not None for item in OF_REQUESTS)


def are_quoted(scenario: Scenario, option: str, key: str) -> bool:
    """The same of all workloads that a key of its models stands for."""
    alone = scenario.options[option].models
    rest = [workload for workload in scenario.workloads if workload not in alone]
    works = rest if key == "all" else [key]
    return bool(works) and all(is_quoted(scenario, option, workload) for workload in works)


def unlisted(path: Path_, model: str, option: Option) -> Iterator[Fault]:
    """A model that no price list has at the seller of an option."""
    if option.kind in HOSTED_OPEN:
        yield from _hosted(path, model, option.provider)
    elif option.provider:
        yield from _priced(path, model, option.provider)


def _sighted(here: Path_, option: Option, scenario: Scenario) -> Iterator[Fault]:
    """A workload that sends pictures has a model that takes some."""
    for name, workload in scenario.workloads.items():
        model = option.runs(name)
        known_one = model not in ("", BEST)
        if workload.images_per_request and known_one and vision.is_blind(model):
            wrong = f"{model} takes no pictures, and requests of {name} hold some"
            write = (
                "name a model that does, such as google/gemma-4-31B-it, or take the pictures out"
            )
            yield Fault((*here, "models"), wrong, write)


def _priced(path: Path_, model: str, provider_id: str) -> Iterator[Fault]:
    """A model of a price list must be on it."""
    from genai_prices.data import providers

    listed = {p.id: p for p in providers}
    if provider_id not in listed:
        here = (*path[:2], "provider")
        what = "provider of the price list genai-prices"
        yield from _one_of(here, provider_id, what, listed)
    elif listed[provider_id].find_model(model, all_providers=providers) is None:
        seller = listed[provider_id]
        from_others = [listed[p] for p in seller.fallback_model_providers or () if p in listed]
        offered = {m.id for each in (seller, *from_others) for m in each.models}
        sold = {m for m in offered if seller.find_model(m, all_providers=providers)}
        wrong = f"{model!r} has no price at {provider_id}"
        yield Fault(path, wrong, _meant_model(model, sold))


def _meant_model(model: str, sold: set[str]) -> str:
    """The models of a price list that look most like a name; never those that begin the list."""
    same = [m for m in sold if catalogue.name_key(m) == catalogue.name_key(model)]
    near = same or catalogue.nearest(model, sorted(sold - {model}), 2)
    if near:
        return f"did you mean {' or '.join(near)}?"
    likest = difflib.get_close_matches(model.lower(), sorted(sold), 5, 0.0)
    return f"the nearest of {len(sold)} names there: {', '.join(likest)}" if likest else "remove it"


def _hosted(path: Path_, model: str, provider_id: str) -> Iterator[Fault]:
    """An open model at a host must have a price there; others that sell it are named."""
    from genai_prices.data import providers

    short = model.split("/")[-1].lower()
    prices = catalogue.cells("open_api_prices")
    selling = {
        c["provider"]
        for c in prices
        if short in (c["model"].split("/")[-1].lower(), c["name_at_host"].lower())
    }
    selling |= {
        p.id for p in providers if any(m.id.split("/")[-1].lower() == short for m in p.models)
    }
    if provider_id in selling:
        return
    wrong = f"{model!r} has no price at {provider_id or 'no provider'}"
    offered = {c["model"] for c in prices if c["provider"] == provider_id}
    meant = sorted(m for m in offered if catalogue.is_short_for(model, m))
    if meant:
        yield Fault(path, wrong, f"did you mean {' or '.join(meant)}?")
    else:
        hosts = ", ".join(sorted(selling)) or "none is known: write a quote for api_request"
        yield Fault(path, wrong, f"hosts that sell it: {hosts}")


_LOOKED_UP = {
    "gpu_hour": "GPU-h", "server_price": "once", "api_request": "request", "electricity": "kWh",
    "staff_cost": "year",
}  # fmt: skip
"""Prices that are looked up, and what a quote of each is the price of."""


OF_REQUESTS = ("api_request", "api_usage")
"""Prices of requests, which may be those of some workloads alone."""
_FROM_A_BILL = (
    "of an invoice, quote option.NAME.api_request per request: the month's amount over the month's "
    "requests on it, with workloads: [...] where it is not for all of them; check --deep then says "
    "how far it is from list prices"
)
"""What to write of a bill that is known as an amount a month."""


@of_facts
def _quotable() -> dict[str, str]:
    """What a quote may be for, and what it has to be the price of."""
    rows = catalogue.cells("cost_items")
    quoted = {c["id"]: c["quoted_per"] for c in rows if "quoted_per" in c}
    return _LOOKED_UP | quoted


def _quoted(here: Path_, quote: Quote, scenario: Scenario) -> Iterator[Fault]:
    """A quote is for an item and an option that exist, in their unit, and still valid."""
    if quote.item.startswith("option."):
        option = quote.item.split(".")[1]
        yield from _one_of((*here, "item"), option, "option", scenario.options, "options")
    for j, workload in enumerate(quote.workloads):
        place = (*here, "workloads", j)
        yield from _one_of(place, workload, "workload", scenario.workloads, "workloads")
    if quote.workloads and quote.item.rpartition(".")[2] not in OF_REQUESTS:
        wrong = f"{quote.item} is no price of requests"
        yield Fault((*here, "workloads"), wrong, "remove it: it holds for all workloads")
    yield from _priced_in(here, quote, scenario.client.currency)
    day = scenario.client.report_date
    if quote.date > day:
        yield Fault((*here, "date"), f"{quote.date} is after the report ({day})", "correct it")
    if quote.valid_until and quote.valid_until < day:
        wrong = f"the offer ended on {quote.valid_until}, before the report ({day})"
        write = "ask for a new one, or remove it so that the published price is taken"
        yield Fault((*here, "valid_until"), wrong, write, rests_on=("client", "report_date"))


def _priced_in(here: Path_, quote: Quote, currency: str) -> Iterator[Fault]:
    """What is wrong with the item of a quote, or with its unit; `currency` is the client's."""
    item = quote.item.split(".", 2)[-1] if quote.item.startswith("option.") else quote.item
    if item in ("invoice", "bill"):
        wrong = f"{item!r} is no cost item that is quoted"
        yield Fault((*here, "item"), wrong, _FROM_A_BILL)
        return
    yield from _one_of((*here, "item"), item, "cost item that is quoted", _quotable())
    per = _quotable().get(item, quote.per)
    if quote.per != per or not known.is_currency(quote.unit[:3]):
        should = currency if per == "once" else f"{currency}/{per}"
        write = f"write unit: {should}"
        if item in ("api_usage", "api_request") and quote.per.startswith(("month", "year")):
            write = f"{write}; {_FROM_A_BILL}"
        yield Fault((*here, "unit"), f"{quote.unit!r} is no unit of {item}", write)


def _rented(here: Path_, option: Option) -> Iterator[Fault]:
    """A provider of rented cards, or a region of it, that resembles one that is known, but is not
    written like it. One that resembles none may be a host of which no price is on file."""
    if option.kind not in SELF_HOSTED or option.kind in OWNED:
        return
    cells = catalogue.cells("cloud_prices")
    name = option.provider
    if name not in known.providers():
        wrong = f"no price is on file of {name!r}"
        yield from _misspelt((*here, "provider"), name, {c["provider"] for c in cells}, wrong)
    regions = {c.get("region", "") for c in cells if c["provider"] == name}
    wrong = f"{option.region!r} is no region of {name}"
    yield from _misspelt((*here, "region"), option.region, regions, wrong)


def _misspelt(path: Path_, name: str, listed: Collection[str], wrong: str) -> Iterator[Fault]:
    """A name that is none of those listed, but looks much like one."""
    if name and name not in listed:
        for near in difflib.get_close_matches(name.lower(), sorted(listed), n=1, cutoff=0.75):
            yield Fault(path, wrong, f"did you mean {near}?")


def _dated(scenario: Scenario) -> Iterator[Fault]:
    """Nothing is known before it was written."""
    day = scenario.client.report_date
    if not dt.date(2020, 1, 1) <= day <= dt.date(2100, 1, 1):
        yield Fault(("client", "report_date"), f"{day} is no date of a report", "write it in full")
    # Go or no-go is decided after the report, while its plan holds.
    decided = scenario.decision.date
    place = ("decision", "date")
    rests_on = ("client", "report_date")
    if decided and decided <= day:
        wrong = f"{decided} is not after the report ({day})"
        yield Fault(place, wrong, "write the day of go or no-go to come", rests_on=rests_on)
    elif decided and (decided - day).days > DAYS_OF_PLAN:
        wrong = f"{decided} is more than {DAYS_OF_PLAN} days after the report ({day})"
        write = "write an earlier day, and renew the report before a later one"
        yield Fault(place, wrong, write, rests_on=rests_on)
    for i, entry in enumerate(scenario.evidence):
        if entry.date > day and "*" not in entry.fields:
            wrong = f"{entry.date} is after the report ({day})"
            yield Fault(("evidence", i, "date"), wrong, "correct it")


def _told_apart(scenario: Scenario) -> Iterator[Fault]:
    """Two options have two labels, in the report's language, too."""
    first: dict[str, str] = {}
    for name, option in scenario.spoken.options.items():
        twin = first.setdefault(option.label, name)
        if twin != name:
            wrong = f"options.{twin} is called {option.label}, too"
            yield Fault(("options", name, "label"), wrong, "write a label of its own")


def _named(scenario: Scenario) -> Iterator[Fault]:
    """Options and constraints that are named are there."""
    decision = scenario.decision
    options = list(scenario.options)
    today = scenario.finance.baseline
    for fault in _one_of(("finance", "baseline"), today, "option", [*options, "none"], "options"):
        own = "say in the client's file what runs today, as finance: {baseline: none}"
        near = fault.write.startswith("did you mean")
        yield fault if near else replace(fault, write=f"{fault.write}; {own}")
    for i, name in enumerate(scenario.client.yes_means):
        yield from _one_of(("client", "yes_means", i), name, "option", options, "options")
    words = list(constraints.known(column("sovereignty_rules", "rule_id")))
    for i, word in enumerate(decision.hard_constraints):
        yield from _one_of(("decision", "hard_constraints", i), word, "constraint", words)
    yield from _valued(decision.premiums)


def _valued(premiums: Mapping[str, object]) -> Iterator[Fault]:
    """Properties that nobody knows, and those that no option has both, each with a premium."""
    rows = properties()
    for name in premiums:
        place = ("decision", "premiums", name)
        yield from known.PROPERTY.faults(place, name)
        other = rows[name].contradicts if name in rows else ""
        if other in premiums and name < other:
            wrong = f"no option has both {name} and {other}"
            yield Fault(place, wrong, "keep the one that you would pay for")


def _answers(scenario: Scenario) -> Iterator[Fault]:
    """Answers to sovereignty rules name attributes of the dictionary and flows that exist."""
    known_attributes = dictionary()
    answers: dict[Path_, dict[str, Any]] = {("rules", "attributes"): scenario.rules.attributes}
    flows = [f.flow for f in catalogue.table("sovereignty_flows", FlowKind)]
    flows += [f"inference-{workload}" for workload in scenario.workloads]
    for name, option in scenario.options.items():
        answers["options", name, "attributes"] = option.attributes
        for flow, said in option.flows.items():
            answers["options", name, "flows", flow, "attributes"] = said.attributes
            yield from _one_of(("options", name, "flows", flow), flow, "flow", flows, "workloads")
    for path, given in answers.items():
        for attribute, value in given.items():
            if problem := value_problem(attribute, value, known_attributes):
                wrong, write = parted(problem)
                yield Fault((*path, attribute), wrong, write)


def _scored(path: Path_, name: str, served: set[str]) -> Iterator[Fault]:
    """A score is of a model by the name that the scenario has for it, or of another one that is
    known: one of an unknown name would be left out."""
    key = catalogue.name_key(name)
    if key in map(catalogue.name_key, served):
        return
    meant = sorted(model for model in served if catalogue.is_short_for(name, model))
    if meant:
        write = f"did you mean {' or '.join(meant)}?"
    elif key in _sold() or not known.MODEL.unknown(name):
        return
    else:
        write = f"write its name as in `models`, one of {', '.join(sorted(served))}, or remove it"
    yield Fault(path, f"{name!r} is no model that is known by this name", write)


@cache
def _sold() -> frozenset[str]:
    """Models of the price list, by what is compared of their names."""
    from genai_prices.data import providers

    return frozenset(catalogue.name_key(m.id) for p in providers for m in p.models)


def _tested(scenario: Scenario) -> Iterator[Fault]:
    """A test of the client's own scores models by names that are known, and has a floor, or a score
    of the reference model that serves."""
    for name, workload in scenario.workloads.items():
        floor = workload.quality
        if floor is None or floor.own is None:
            continue
        served = {option.runs(name) for option in scenario.options.values()} - {None, ""}
        here = ("workloads", name, "quality", "own", "scores")
        for model in floor.own.scores:
            yield from _scored((*here, model), model, {floor.reference_model, *served})
        if floor.own.floor is not None:
            continue
        scored = {catalogue.name_key(model) for model in floor.own.scores}
        if catalogue.name_key(floor.reference_model) not in scored:
            wrong = f"the test has no floor, and {floor.reference_model} was not tested"
            write = f"write floor: with the least score, or add a score of {floor.reference_model}"
            yield Fault(("workloads", name, "quality", "own"), wrong, write)
