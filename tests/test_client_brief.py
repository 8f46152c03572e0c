"""The brief of a Polish retailer as its file has it: what was worked out by hand from it."""

import datetime as dt
from functools import cache

import pytest
from siting import catalogue
from siting.cost import costing, dates
from siting.dtypes import kv_format
from siting.inputs import scenario
from siting.inputs.scenario import Scenario
from siting.memory import attention
from siting.serving.load import Load, workload_load

CLIENT = "bursztyn-dom"
ABOUT = 0.005
"""The brief's sums are rounded."""


@cache
def brief() -> Scenario:
    return scenario.load(CLIENT)


def load(name: str, *, seasons: bool = True) -> Load:
    said = brief().workloads[name]
    client = brief().client
    stated = said if seasons else said.model_copy(update={"seasons": []})
    return workload_load(name, stated, client.country, client.report_date)


def test_the_busiest_hour_of_a_saturday_in_december():
    # 366,000 turns on a usual weekday, 1.3 on Saturday, 3.2 before Christmas; 8 of 115 in the hour
    assistant = load("customer-assistant")
    busiest = assistant.hourly.max() * assistant.peak_factor
    assert busiest == pytest.approx(366_000 * 1.3 * 3.2 * 8 / 115 / 3600)
    assert busiest == pytest.approx(29.42, abs=0.005)


def test_christmas_adds_nine_weeks():
    usual, year = (load("customer-assistant", seasons=on) for on in (False, True))
    assert year.mean_rate / usual.mean_rate - 1 == pytest.approx(0.169, abs=0.0005)


def test_a_usual_month_at_the_list_price():
    listed = {}
    for name in brief().workloads:
        finder = costing._Finder(scenario=brief(), name="azure", workload=name)
        price = finder.product(finder.request_price()).central
        listed[name] = price * load(name, seasons=False).requests(1).central / 12
    assert listed["customer-assistant"] == pytest.approx(119_787, rel=ABOUT)
    # 4.2 million queries of 38 tokens a day at USD 0.13 a million, at 3.9418 a dollar
    search = 4.2e6 * 38 * 0.13e-6 * 3.9418 * 365.25 / 12
    assert sum(listed.values()) + search == pytest.approx(128_600, rel=ABOUT)
    for quote in brief().finance.quotes:
        (name,) = quote.workloads
        paid = quote.value.central * load(name, seasons=False).requests(1).central / 12
        assert paid / listed[name] == pytest.approx(1.33, rel=ABOUT)


def test_days_and_commitment():
    (contract,) = dates.renewals(brief())
    assert contract.notice == dt.date(2027, 1, 30)
    assert contract.renewed_to == dt.date(2028, 3, 31)
    assert contract.minimum == pytest.approx(1_900_000 / 12, abs=0.5)


@pytest.mark.parametrize(
    ("model", "bytes_a_token"),
    [("Qwen/Qwen3.6-27B", 65_536), ("mistralai/Mistral-Small-3.2-24B-Instruct-2506", 163_840)],
)
def test_the_cache_of_a_token(model, bytes_a_token):
    groups = attention.layer_groups(catalogue.model(model))
    found = sum(g.count * g.bytes_per_token(kv_format("bf16")) for g in groups)
    assert found == bytes_a_token
