"""What a service of this size usually costs: the scale that money is scored on.

It follows from the load alone. Were it the cost of one of the options, then to add an option, to
strike one or to name another as today's would change what a unit of money is worth.
"""

from __future__ import annotations

import math

from siting import pictures
from siting.catalogue import Setting, settings
from siting.cost import prices
from siting.cost.money import MILLION, MONTHS
from siting.inputs.scenario.model import Client, Scenario, Workload
from siting.serving.load import workload_load

SECONDS_PER_HOUR = 3600


def usual_cost(scenario: Scenario) -> float:
    """Cost over the horizon of a service that serves this load as it usually is served: so many
    tokens at a usual price, and part of an engineer. [client's currency]

    The client's own `decision.usual_cost_per_year` comes first.
    """
    years = scenario.finance.horizon_months / MONTHS
    if stated := scenario.decision.usual_cost_per_year:
        return stated * years
    client = scenario.client
    given = settings("decision_settings")
    wage = _staff_cost(scenario)
    dollars = prices.exchange_rate("USD", client.currency, client.report_date).rate
    tokens = sum(fresh_tokens(name, w, scenario) for name, w in scenario.workloads.items())
    by_load = tokens / MILLION * _central(given["reference_price"]) * dollars
    return by_load + _central(given["reference_staff"]) * wage * years


def _central(setting: Setting) -> float:
    return setting.range.central


def _staff_cost(scenario: Scenario) -> float:
    """One engineer for a year. [client's currency]"""
    client: Client = scenario.client
    if stated := scenario.finance.staff_cost_per_year:
        return stated.central
    usual = prices.parameter("staff_cost", "", client.country)
    rate = prices.exchange_rate(usual.currency, client.currency, client.report_date).rate
    return usual.range.central * rate


def fresh_tokens(name: str, workload: Workload, scenario: Scenario) -> float:
    """Tokens of a workload over the horizon, as planned, without input that repeats an earlier one
    and without hidden ones, which depend on the model; pictures count as usual. [tokens]"""
    client = scenario.client
    workload = pictures.read_by_any(workload)
    months = scenario.finance.horizon_months
    load = workload_load(name, workload, client.country, client.report_date)
    read = workload.input_tokens.mean * (1 - workload.cached_input_share)
    each = read + workload.output_tokens.mean
    hours = prices.parameter("hours_per_month").range.central
    first_month = load.mean_rate * SECONDS_PER_HOUR * hours * each
    ratio = 1.0
    total = 0.0
    for year in range(math.ceil(months / MONTHS)):
        if year:
            ratio *= 1 + load.growth[min(year, len(load.growth)) - 1].central
        total += ratio * min(MONTHS, months - year * MONTHS)
    return first_month * total
