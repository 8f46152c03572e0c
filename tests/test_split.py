"""One workload here, another there: a split is what its parts are for their own workloads."""

from functools import cache
from typing import Any

import numpy as np
import pytest
from siting.inputs import scenario
from siting.inputs.document import DocumentError
from siting.inputs.scenario.changes import changed
from siting.inputs.scenario.model import Scenario
from siting.rules import sovereignty
from siting.rules.flows import flows_of
from siting.verdict import plausible, variants
from siting.verdict.chain import Chain

CLIENT = "assekuranz-saentis"  # two workloads, nothing runs today: nothing is paid until one serves


def split(**parts: str) -> dict[str, Any]:
    label = " and ".join(f"{work} at {part}" for work, part in parts.items())
    return {"label": label, "kind": "split", "parts": parts}


@cache
def divided() -> Scenario:
    return Chain().built(
        changed(
            scenario.load(CLIENT),
            {
                "options.same": split(claims="azure", letters="azure"),
                "options.apis": split(claims="azure", letters="mistral"),
                "options.own": split(claims="small", letters="azure"),
                "options.machines": split(claims="small", letters="large"),
            },
        )
    )


@cache
def chain() -> Chain:
    return Chain()


def paid(s: Scenario, name: str) -> dict[str, float]:
    found = chain().option(s, name)
    assert found is not None
    return {flow.label: float(flow.amounts.sum()) for flow in found.flows}


def test_a_split_with_all_workloads_at_one_option_is_that_option():
    s = divided()
    same, azure = (chain().totals(s, name)["hold"] for name in ("same", "azure"))
    np.testing.assert_allclose(same.present, azure.present, rtol=1e-12)
    np.testing.assert_allclose(same.yearly, azure.yearly, rtol=1e-12)
    assert paid(s, "same") == pytest.approx(paid(s, "azure"))
    found = chain().decided(s)
    assert found.means["same"] == pytest.approx(found.means["azure"])
    law = chain().rules(s).options
    told = [{key: v.verdict for key, v in law[n].verdicts.items()} for n in ("same", "azure")]
    assert told[0] == told[1]


@pytest.mark.parametrize(
    ("name", "parts"),
    [("apis", {"claims": "azure", "letters": "mistral"}),
     ("machines", {"claims": "small", "letters": "large"})],
)  # fmt: skip
def test_a_split_costs_the_sum_of_its_parts_each_for_its_workload_alone(name, parts):
    # Both serve after the same months, as planned and in each draw: no cent is counted twice.
    s = divided()
    whole = chain().totals(s, name)["hold"]
    alone = [chain().totals(s.of([work]), part)["hold"] for work, part in parts.items()]
    np.testing.assert_allclose(whole.present, sum(t.present for t in alone), rtol=1e-9)


def test_each_request_of_a_split_is_billed_once_where_it_goes():
    s = divided()
    azure, mistral, apis = (paid(s, name) for name in ("azure", "mistral", "apis"))
    used = {label: amount for label, amount in apis.items() if label.startswith("API usage")}
    assert used == pytest.approx(
        {"API usage, claims": azure["API usage, claims"],
         "API usage, letters": mistral["API usage, letters"]}
    )  # fmt: skip


def test_machines_of_a_split_are_those_of_its_parts():
    s = divided()
    for name in ("own", "machines"):
        sized = chain().sized(s, name)
        each = [chain().sized(s.of([work]), part) for work, part in s.options[name].parts.items()]
        for year in (1, 5):
            assert sized.paid_gpus(year) == sum(one.paid_gpus(year) for one in each)
            assert sized.gpus(year).central == sum(one.gpus(year).central for one in each)
    # What a part lacks, the whole lacks: an API's latency is not known, and a room is too small.
    assert chain().sized(s, "own").keeps_limits is None
    assert chain().sized(s, "machines").beyond_room
    barriers = chain().decided(s).candidate("machines").barriers
    assert any(barrier.by == "room" for barrier in barriers)


def test_law_looks_at_each_part_with_its_workloads_alone():
    s = divided()
    law = sovereignty.law_of(s)
    flows = {(f.carrier, f.label.partition(": ")[2]) for f in flows_of(s, "apis", law)
             if f.kind == "inference"}  # fmt: skip
    assert {carrier: label.split()[-1] for carrier, label in flows} == {
        "azure": "claims", "mistral": "letters",
    }  # fmt: skip
    worst = {"fail": 3, "review": 2, "pass": 1, "n.a.": 0}
    judged = chain().rules(s).options
    parts = [chain().rules(s.of([w])).options[p] for w, p in s.options["apis"].parts.items()]
    for key, verdict in judged["apis"].verdicts.items():
        each = [part.verdicts[key].verdict for part in parts if key in part.verdicts]
        assert worst[verdict.verdict] == max(worst[one] for one in each), key


def test_a_split_serves_with_its_slowest_part():
    s = divided()
    assert s.options["own"].months_to_production == s.options["small"].months_to_production


@pytest.mark.parametrize(
    ("option", "path", "wrong"),
    [
        (split(claims="azure"), "parts", "no option for workload letters"),
        (split(claims="azure", letters="azure", mail="azure"), "parts.mail", "is no workload"),
        (split(claims="azure", letters="divided"), "parts.letters", "'divided' is no option"),
        (split(claims="azure", letters="azure") | {"discount": 0.1}, "discount", "no use of it"),
        ({"label": "A", "kind": "api", "models": {"all": "gpt-5.4-mini"}, "provider": "openai",
          "effort": "low", "parts": {"claims": "azure"}}, "parts", "no use of it"),
    ],
)  # fmt: skip
def test_what_is_no_split_is_refused(option, path, wrong):
    with pytest.raises(DocumentError) as refused:
        changed(scenario.load(CLIENT), {"options.divided": option})
    (problem,) = refused.value.problems
    assert problem.field == f"options.divided.{path}"
    assert wrong in problem.wrong
    assert problem.write


def test_what_runs_today_is_no_split():
    said = {"options.apis": split(claims="azure", letters="mistral"), "finance.baseline": "apis"}
    with pytest.raises(DocumentError, match="a split is not understood as what runs today"):
        changed(scenario.load(CLIENT), said)


def test_the_cheapest_split_is_tried_and_its_words_make_it_again():
    s = scenario.load(CLIENT)
    own = Chain()
    (tried,) = plausible.splits(s, own)
    said = tried.changes[f"options.{plausible.SPLIT}"]
    whole = own.designed(s)
    for workload, part in said["parts"].items():
        means = own.decided(whole.of([workload])).means
        assert part == min(means, key=lambda name: means[name])
    ((_, outcome),) = variants.tried(own, s, [tried])
    again = own.decide(changed(s, tried.changes))
    assert again.recommended == outcome.option
    assert again.means[plausible.SPLIT] > 0
    one = s.model_copy(update={"workloads": {"claims": s.workloads["claims"]}})
    assert not [*plausible.splits(one, own)]
