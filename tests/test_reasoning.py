"""Hidden reasoning tokens: the same evidence for every option, and never nothing where a model
thinks."""

import pytest
from cost_fixtures import with_changes
from siting import quality, reasoning
from siting.inputs import scenario
from siting.inputs.scenario import DocumentError
from studies import WORKLOADS


def workload(**changes: object) -> scenario.model.Workload:
    return scenario.load("base").workloads["assistant"].model_copy(update=changes)


def test_an_open_and_a_closed_model_think_alike_at_one_effort():
    closed = quality.reasoning_tokens(workload(), "medium", "gpt-5.4-mini")
    opened = quality.reasoning_tokens(workload(), "medium", "Qwen/Qwen3.6-27B")
    assert closed == opened
    assert (closed.low, closed.central, closed.high) == (400, 1100, 2500)


@pytest.mark.parametrize(
    ("model", "effort", "central"),
    [
        ("gpt-4.1", "", 0),  # has no reasoning
        ("gpt-4.1", "high", 0),
        ("claude-sonnet-4-6", "", 0),  # off unless asked
        ("claude-sonnet-4-6", "low", 550),
        ("gpt-5.4-mini", "none", 0),
        ("Qwen/Qwen3.6-27B", "default", 1100),  # unknown is the usual default, not zero
        ("openai/gpt-oss-120b", "", 1100),
    ],
)
def test_effort_and_model_decide(model, effort, central):
    assert quality.reasoning_tokens(workload(), effort, model).central == central


def test_a_kind_of_work_scales_the_estimate():
    # agents, one call: 0.05, 0.2 and 0.5 of 400, 1,100 and 2,500
    found = quality.reasoning_tokens(workload(task="agent"), "medium", "gpt-5.4-mini")
    assert (found.low, found.central, found.high) == pytest.approx((20, 220, 1250))


def test_a_measured_zero_is_zero_and_a_count_holds_for_all_that_think():
    assert quality.reasoning_tokens(workload(reasoning_tokens=0), "high", "gpt-5.4-mini").high == 0
    counted = workload(reasoning_tokens=730)
    assert quality.reasoning_tokens(counted, "high", "gpt-5.4-mini").central == 730
    assert quality.reasoning_tokens(counted, "", "gpt-4.1").central == 0


def test_a_reasoning_model_without_effort_is_a_mistake(tmp_path):
    file = tmp_path / "client.yaml"
    file.write_text(
        f"{WORKLOADS}options:\n  api:\n    effort: null\n"
        'evidence: [{fields: ["*"], source: x, locator: x, date: 2026-11-01}]\n'
    )
    with pytest.raises(DocumentError, match=r"gpt-5.4-mini reasons, and its effort is not said"):
        scenario.load(str(file))


def test_every_pattern_is_reached_by_its_own_name():
    # a row that an earlier, wider pattern hides could never hold
    for row in reasoning.table("model_reasoning", reasoning.Reasoning):
        name = row.pattern.replace("*", "x").strip("x") or row.pattern
        assert reasoning.thinks(name) == row.thinks, row.pattern


def test_hidden_tokens_raise_the_bill_by_what_they_cost_to_write():
    from siting import study

    def price(count: int) -> float:
        load = scenario.load("base").workloads["assistant"].model_dump()
        chosen = with_changes(workloads={"assistant": {**load, "reasoning_tokens": count}})
        factors = study.Study(chosen).results.cost.plan.factors
        return factors["api_request.api.assistant"].value.central

    # gpt-5.4-mini: 4.50 USD per million tokens written; 95 of 100 requests at full price, the
    # others at the half of the batch price
    assert price(1000) - price(0) == pytest.approx(1000 * 4.5e-6 * (0.95 + 0.05 / 2), rel=1e-3)
