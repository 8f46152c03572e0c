"""Published cost comparisons: what they say with this client's load and prices.

siting_facts/tco_cases.csv holds what was printed and what follows from the inputs printed beside it
(recomputed by `siting_validation.claims`). `for_client` asks the published question again with
today's prices and the client's use.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from siting import catalogue
from siting.catalogue import Fact, Source, source_of
from siting.cost import money, prices
from siting.cost.ledger import BEFORE, FORGONE, TAX
from siting.cost.money import MONTHS
from siting.cost.tco import Comparison, OptionCost
from siting.inputs.scenario.model import Scenario
from siting.places import BY_REQUEST, OWNED
from siting.serving.servers import Server

LONGEST = 200_000
"""Periods within which a published payback is looked for (hours or months)."""


Question = Literal[
    "rent_payback", "api_payback", "even_use", "server_year", "used_gpu_hour", "million_answers"
]
"""What a published comparison asked, and is asked of this client as well."""


Unit = Literal[
    "%", "M tokens", "USD", "USD per used h", "USD/GPU-h", "USD/M output", "USD/server-year",
    "h at 100% use", "months", "x", "years",
]  # fmt: skip


class PublishedCase(Fact, tables="tco_cases", key="case_id scenario output"):
    """One printed result of a published comparison, with its inputs."""

    case_id: str
    scenario: str
    output: str
    formula: str
    inputs: str
    """JSON object: arguments of the formula."""
    published: str
    """As printed; its decimals say how far it was rounded."""
    recomputed: float
    """By `formula` on `inputs`; a test keeps it true."""
    unit: Unit
    asked: Literal[Question, ""] = ""
    """The question that is put to this client as well, by its name in `_answers`."""
    claim: str = ""
    """What was printed, in words."""
    client_unit: Literal[
        "%", "months", "{currency}/M output", "{currency}/server-year", "{currency}/used GPU-h", ""
    ] = ""
    """Unit of this client's answer, in its `{currency}`."""
    assumption: str = ""
    """What the paper takes and this client does not have."""
    never: str = ""
    """Why the answer may be never."""


def cases() -> tuple[PublishedCase, ...]:
    """Every published case."""
    return catalogue.table("tco_cases", PublishedCase)


def payback_periods(outlay: float, rival: float, own: float) -> float:
    """Periods of use until an outlay is back: the saving is the difference of two prices."""
    found = money.payback(money.constant_saving(outlay, rival - own, LONGEST))
    return math.inf if found is None else found


# --- the same questions for this client -------------------------------------------------------

ONE_OFF = ("migration", "exit", "residual", BEFORE, FORGONE, TAX)


@dataclass(frozen=True)
class Claim:
    """A published claim beside the same question with this client's numbers."""

    case: PublishedCase
    yours: float | None
    """None: never, or not estimated, as the case says."""
    sources: tuple[Source, ...]


def for_client(comparison: Comparison, scenario: Scenario) -> Iterator[Claim]:
    """Published claims with this client's use and today's prices; none without own servers."""
    owned = next((o for o in comparison.options.values() if o.kind in OWNED), None)
    machine = comparison.plan.options[owned.name].machine if owned else None
    if owned is None or machine is None or comparison.plan.options[owned.name].existing:
        return  # a published claim is of one kind of server
    elsewhere = scenario.options[owned.name].model_copy(
        update={"provider": "aws", "region": "us-east-1", "country": "US"}
    )  # the rival of the Lenovo paper: the same GPUs at AWS on demand
    day = scenario.client.report_date
    asked = {case.asked: case for case in cases()}
    cloud = prices.gpu_hour(elsewhere, machine.gpu_id, day)
    hour = cloud.usd * prices.exchange_rate("USD", comparison.currency, day).rate
    for question, yours in _answers(comparison, owned, machine, hour).items():
        case = asked[question]
        yield Claim(case, yours if math.isfinite(yours) else None, (source_of(case), cloud.source))


def _answers(
    comparison: Comparison, owned: OptionCost, machine: Server, cloud_gpu_hour: float
) -> dict[Question, float]:
    """What is asked of owned servers, central case; infinite: never."""
    plan = comparison.plan
    months = comparison.plan.months
    gpus = machine.gpu_count
    servers = sum(owned.servers) / len(owned.servers)
    bought = next(f for f in owned.flows if f.item in ("hardware", "redundancy"))
    price = math.prod(plan.factors[name].value.central for name in bought.factors)
    paid = [f.amounts for f in owned.flows if not f.capital and f.category not in ONE_OFF]
    running = float(np.sum(paid, axis=0)[-MONTHS:].mean())
    hours = plan.factors["hours_per_month"].value.central
    per_gpu_hour = owned.total / months / (servers * gpus * hours)
    use = owned.break_even.used or math.nan
    rented = cloud_gpu_hour * gpus * hours * use
    tokens = float(comparison.tokens.sum()) / months / money.MILLION
    apis = [o.lcot for o in comparison.options.values() if o.kind in BY_REQUEST and o.lcot]
    lengths = next(iter(plan.loads.values())).lengths
    answers = tokens * lengths.output.mean / (lengths.input.mean + lengths.output.mean)
    bill = tokens * min(apis, default=math.nan)
    return {
        "rent_payback": payback_periods(price, rented, running / servers),
        "api_payback": payback_periods(price * servers, bill, running),
        "even_use": 100 * money.break_even_utilisation(per_gpu_hour, cloud_gpu_hour),
        "server_year": owned.total / months * MONTHS / servers,
        "used_gpu_hour": money.cost_per_used_hour(per_gpu_hour, use),
        "million_answers": owned.total / months / answers,
    }
