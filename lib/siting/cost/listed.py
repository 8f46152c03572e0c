"""What options need that has no list price, and no quote of the client's.

The questions are those of pricing, so that a check, which sizes nothing, gives the reason for which
a report will not estimate a cost, or takes the price of others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from siting import catalogue, pictures
from siting.cost import prices
from siting.cost.prices import NotPriced
from siting.inputs.document import Fault, Path_, parted
from siting.inputs.scenario import known
from siting.inputs.scenario.checks import are_quoted, cards, is_quoted, priced_cards, unlisted
from siting.inputs.scenario.model import BEST, Scenario
from siting.places import BY_REQUEST, OWNED, SELF_HOSTED
from siting.quantity import NotEstimated


def faults(scenario: Scenario) -> Iterator[Fault]:
    """Why costs will not be estimated, and where the price of others is taken; alike for several
    workloads, once."""
    found: dict[Fault, None] = {}
    for name in scenario.options:
        for place, ask in _asked(scenario, name):
            try:
                ask()
            except NotPriced as reason:
                why, write = parted(reason)
                wrong = f"its cost will not be estimated, because {why}"
                found[Fault(place, wrong, write, rests_on=("finance",))] = None
        found |= dict.fromkeys((*_of_others(scenario, name), *_misspelt(scenario, name)))
    yield from found


def _asked(scenario: Scenario, name: str) -> Iterator[tuple[Path_, Callable[[], object]]]:
    """Where an option says what needs a price, and what raises NotPriced where there is none."""
    option = scenario.options[name]
    here: Path_ = ("options", name)
    day = scenario.client.report_date
    if option.kind in BY_REQUEST:
        for workload in scenario.workloads:
            is_open = option.runs(workload) in ("", BEST)  # chosen among what has a price
            if not (is_open or is_quoted(scenario, name, workload)):
                key = workload if workload in option.models else "all"
                yield (*here, "models", key), partial(refuse_requests, scenario, name, workload)
    if option.kind not in OWNED:
        return
    tariff = scenario.finance.electricity_per_kwh
    if tariff is None and scenario.quoted_at("electricity", name) is None:
        country = option.country or scenario.client.country
        yield (*here, "country"), partial(prices.electricity, country, day)
    for i, kind in enumerate(option.existing_servers):
        card = cards().get(kind.server)  # none of a name that is refused
        if card and kind.price_each is None:
            yield (*here, "existing_servers", i, "server"), partial(prices.of_card, card, day)


def refuse_requests(scenario: Scenario, name: str, workload: str) -> None:
    """Raises NotPriced where no list has what requests of a workload to an option cost."""
    option = scenario.options[name]
    asked = scenario.workloads[workload]
    day = scenario.client.report_date
    model = option.runs(workload)
    if not model:
        raise NotPriced(f"no model is named for {workload}; write models: {{all: …}}")
    if asked.task == "embed":
        prices.embedding(option, model, asked.input_tokens.mean, day)
        return
    try:
        pictures.tokens(asked, model)
    except NotEstimated as reason:
        raise NotPriced(str(reason)) from None
    prices.refuse_unlisted(option, model, day, scenario.client.currency)


def _of_others(scenario: Scenario, name: str) -> Iterator[Fault]:
    """A rented card of which its provider has no price on file."""
    option = scenario.options[name]
    is_rented = option.kind in SELF_HOSTED and option.kind not in OWNED
    if not is_rented or option.gpu in ("", BEST) or known.GPU.unknown(option.gpu):
        return
    day = scenario.client.report_date
    gpu = catalogue.gpu(option.gpu).id
    there = priced_cards(False, day, option.provider) if option.provider else frozenset()
    is_priced = gpu in there or scenario.quoted_at("gpu_hour", name) is not None
    if is_priced or gpu not in priced_cards(False, day):
        return  # of a card that nobody rents a scenario is refused
    write = f"write a quote for option.{name}.gpu_hour"
    instead = f"it rents {', '.join(sorted(there))}; or {write}" if there else write
    note = prices.gpu_hour(option, gpu, day).note
    yield Fault(("options", name, "gpu"), note, instead, rests_on=("finance",))


def _misspelt(scenario: Scenario, name: str) -> Iterator[Fault]:
    """A model that the client's quote alone prices, and whose name looks like one on a list."""
    option = scenario.options[name]
    embeds = {key for key, asked in scenario.workloads.items() if asked.task == "embed"}
    for key in option.models.keys() - embeds if option.kind in BY_REQUEST else ():
        if option.models[key] != BEST and are_quoted(scenario, name, key):
            here = ("options", name, "models", key)
            found = unlisted(here, option.models[key], option)
            yield from (fault for fault in found if fault.write.startswith("did you mean"))
