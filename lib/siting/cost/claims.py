"""Published cost comparisons: what they say with this client's load and prices.

facts/tco_cases.csv holds what was printed and what follows from the inputs printed beside it
(recomputed by `siting_validation.claims`). `for_client` asks the published question again with
today's prices and the client's use.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from siting import catalogue
from siting.catalogue import Fact, Source, source_of
from siting.cost import cashflow, money, prices
from siting.cost.cashflow import BY_REQUEST, MONTHS
from siting.cost.tco import Comparison
from siting.inputs.scenario import OWNED, Option, Scenario

LONGEST = 200_000
"""Periods within which a published payback is looked for (hours or months)."""


class Case(Fact):
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
    unit: str


def cases() -> tuple[Case, ...]:
    """Every published case."""
    return catalogue.table("tco_cases", Case)


def payback_periods(outlay: float, rival: float, own: float) -> float:
    """Periods of use until an outlay is back: the saving is the difference of two prices."""
    found = money.payback(money.constant_saving(outlay, rival - own, LONGEST))
    return math.inf if found is None else found


# --- the same questions for this client -------------------------------------------------------


@dataclass(frozen=True)
class Claim:
    """A published claim beside the same question with this client's numbers."""

    case_id: str
    claim: str
    printed: str
    recomputed: float
    yours: float | None
    """None: never, or not estimated, as `why` says."""
    unit: str
    assumption: str
    """What the paper takes and this client does not have."""
    why: str
    sources: tuple[Source, ...]


@dataclass(frozen=True)
class Situation:
    """What the claims ask of this client, from the comparison. Client's currency, central case."""

    gpus: int
    """GPUs of a server."""
    server: float
    """Price of a server."""
    servers: float
    """Servers owned, mean of the horizon."""
    monthly: float
    """Running costs by month, without investments, all servers, in production."""
    whole: float
    """All costs by month, investments and resale included, mean of the horizon."""
    use: float
    """Share of capacity that is used."""
    tokens: float
    """Million tokens by month, mean of the horizon."""
    output_share: float
    api_million: float
    """What the cheapest API costs for a million of these tokens; nan without one."""
    cloud_gpu_hour: float
    cloud: Source


def situation(comparison: Comparison, scenario: Scenario) -> Situation | None:
    """The numbers of the first option of owned servers; None without one that is estimated."""
    owned = next((o for o in comparison.options.values() if o.kind in OWNED), None)
    if owned is None:
        return None
    plan = comparison.plan
    draws = plan.central()
    machine = plan.options[owned.name].machine
    assert machine is not None
    price = next(f for f in owned.flows if f.item in ("hardware", "redundancy"))
    unit = float(cashflow.unit_price(_line(comparison, owned.name, price.item), draws)[0])
    running = np.zeros(comparison.months + 1)
    for f in owned.flows:
        if not f.capital and f.category not in ONE_OFF:
            running += f.amounts
    apis = [o for o in comparison.options.values() if o.kind in BY_REQUEST and o.lcot]
    load = next(iter(plan.loads.values())).lengths
    day = scenario.client.report_date
    hour, source, _ = prices.gpu_hour(_elsewhere(scenario, owned.name), machine.gpu_id, day)
    rate = prices.exchange_rate("USD", comparison.currency, day)[0]
    return Situation(
        machine.gpu_count,
        unit,
        sum(owned.servers) / len(owned.servers),
        float(running[-MONTHS:].mean()),
        owned.total / comparison.months,
        owned.break_even.used or math.nan,
        float(owned.tokens.sum()) / comparison.months / money.MILLION,
        load.output_mean / (load.input_mean + load.output_mean),
        min((o.lcot or math.inf for o in apis), default=math.nan),
        hour * rate,
        source,
    )


ONE_OFF = ("migration", "exit", "residual", cashflow.BEFORE, "tax")


def _line(comparison: Comparison, option: str, item: str) -> cashflow.Line:
    lines = comparison.plan.options[option].lines
    return next(line for line in lines if line.item.id == item)


def _elsewhere(scenario: Scenario, option: str) -> Option:
    """The rival of the Lenovo paper: the same GPUs at AWS on demand."""
    return scenario.options[option].model_copy(
        update={"provider": "aws", "region": "us-east-1", "country": "US"}
    )


def for_client(comparison: Comparison, scenario: Scenario) -> tuple[Claim, ...]:
    """Published claims with this client's use and today's prices; empty without own servers."""
    s = situation(comparison, scenario)
    if s is None:
        return ()
    unit = comparison.currency
    hours = float(comparison.plan.central()["hours_per_month"][0])
    each = s.monthly / s.servers
    rented = s.cloud_gpu_hour * s.gpus * hours
    per_gpu_hour = s.whole / (s.servers * s.gpus * hours)
    back = payback_periods(s.server * s.servers, s.tokens * s.api_million, s.monthly)
    at = 100 * money.break_even_utilisation(per_gpu_hour, s.cloud_gpu_hour)
    return (
        _claim("LEN25", "break-even months", "on-demand",
               "An 8-GPU server pays back against the same GPUs rented on demand",
               "every hour used, electricity the only running cost, price before the cut of 2025",
               _or_never(payback_periods(s.server, rented * s.use, each)), "months",
               "the rent of the hours used is below the running cost", s.cloud),
        _claim("PAN25", "break-even", "Llama-3.3-70B on 1x A100-80GB vs GPT-5",
               "Own GPUs pay back against an API",
               "GPUs without server, staff or network; always full; API price fixed",
               _or_never(back),
               "months", "the API bill saved is below the running cost", s.cloud),
        _claim("UPT25", "break-even utilisation", "break-even",
               "A dedicated cluster beats the cloud above this use",
               "unit costs of one table, other ones in the text",
               at, "%", "", s.cloud),
        _claim("NVTCO", "yearly server cost", "",
               "A server costs this much a year",
               "no staff, hosting an eighth of colocation, one licence a server",
               s.whole * MONTHS / s.servers, f"{unit}/server-year", "", s.cloud),
        _claim("SPHERON26", "on-prem cost at 100%", "low",
               "A GPU-hour on own servers costs this much",
               "all hours used",
               money.cost_per_used_hour(per_gpu_hour, s.use), f"{unit}/used GPU-h", "", s.cloud),
        _claim("PATIL26", "lowest effective cost", "",
               "A million output tokens on own GPUs cost this much",
               "GPU rent only, at the load of highest throughput",
               s.whole / (s.tokens * s.output_share), f"{unit}/M output", "", s.cloud),
    )  # fmt: skip


def _or_never(periods: float) -> float | None:
    return periods if math.isfinite(periods) else None


def _claim(
    identifier: str, output: str, words: str, claim: str, assumption: str, yours: float | None,
    unit: str, why: str, cloud: Source,
) -> Claim:  # fmt: skip
    case = next(
        c for c in cases()
        if c.case_id == identifier and c.output == output and words in c.scenario
    )  # fmt: skip
    known = yours is not None and math.isfinite(yours)
    return Claim(
        identifier, claim, f"{case.published} {case.unit}", case.recomputed,
        yours if known else None, unit, assumption, "" if known else why,
        (source_of(case), cloud),
    )  # fmt: skip
