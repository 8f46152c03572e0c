"""Law cases that a lawyer would try: nothing passes by silence."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, product
from pathlib import Path
from typing import Any, get_args

import pytest
from ruamel.yaml import YAML
from siting import catalogue
from siting.inputs import scenario
from siting.inputs.attributes import Value
from siting.inputs.scenario.changes import put
from siting.inputs.scenario.model import Data, Policy
from siting.rules import findings, rulebook, sovereignty
from siting.rules.sovereignty import Sovereignty
from siting.vendors import vendor_record

BOOK = rulebook.rule_book()


@dataclass(frozen=True, kw_only=True)
class Case:
    """A client, and what must be told of an API that it would use."""

    country: str
    sector: str
    use: str = "assistant"
    data: Mapping[str, Any] = field(default_factory=dict)
    answers: Mapping[str, Any] = field(default_factory=dict)
    said: Mapping[str, str] = field(default_factory=dict)
    """By rule: its state, or the answer that it waits for."""
    abroad: Sequence[str] = ()
    """Rules of acts that are not seen in force there, which is told."""
    counsel: Mapping[str, str] = field(default_factory=dict)
    """By topic: a word of what is known to be missing."""
    acts: Mapping[str, str] = field(default_factory=dict)
    """By topic at which no rule looks: an act that is named."""


TABLE = Path(__file__).parent / "data" / "law_cases.yaml"
CASES = {name: Case(**said) for name, said in YAML(typ="safe").load(TABLE).items()}


def client(case: Case) -> scenario.Scenario:
    """The base scenario as that client's; what is not written stays unwritten."""
    base = scenario.load("base")
    fields = {"personal": True, "use_case": case.use, **case.data}
    load = base.workloads["assistant"].model_copy(update={"data": Data(**fields)})
    home = {"country": case.country, "sector": case.sector}
    return base.model_copy(
        update={
            "client": base.client.model_copy(update=home),
            "workloads": {"assistant": load},
            "rules": base.rules.model_copy(update={"attributes": dict(case.answers)}),
        }
    )


@pytest.fixture(scope="module")
def assessed() -> Mapping[str, Sovereignty]:
    return {name: sovereignty.assess(client(case)) for name, case in CASES.items()}


@pytest.mark.parametrize("name", CASES)
def test_a_law_case_is_told(name, assessed):
    case = CASES[name]
    found = assessed[name]
    verdicts = found.options["api"].verdicts
    for rule, expected in case.said.items():
        state, waits_for = verdicts[rule].verdict, verdicts[rule].missing
        assert expected == state or (state == "review" and expected in waits_for), rule
    for rule in case.abroad:
        state, why = verdicts[rule].verdict, verdicts[rule].reason
        assert state == "n.a." and f"not seen in force in {case.country}" in why, rule
    for_counsel = {topic.found.rule.title: topic.law.gap for topic in found.for_counsel}
    for topic, gap in case.counsel.items():
        assert gap in for_counsel[topic]
    for topic, act in case.acts.items():
        assert act in "; ".join(row.acts for row in found.not_looked_at[topic])


@pytest.mark.parametrize("name", CASES)
def test_no_topic_passes_by_silence(name, assessed):
    found = assessed[name]
    assert len(found.not_looked_at) == 8
    told = {topic.law.topic for topic in found.for_counsel}
    whole = {topic.law.topic for topic in found.touched if topic.law.on_file and not topic.law.gap}
    assert told | whole == {topic.law.topic for topic in found.touched}
    # No act is named as not looked at under which a rule asks.
    acts = "; ".join(row.acts for of_topic in found.not_looked_at.values() for row in of_topic)
    assert not [act for act in ("AI Act Art.", "DORA", "COPPA", "CMMC") if act in acts]
    # Every row is of a country whose law reaches the client, and says that nobody opened it.
    rows = [row for of_topic in found.not_looked_at.values() for row in of_topic]
    assert all("not opened" in row.note for row in rows)


def test_the_law_that_binds_is_no_line_of_policy():
    """Section 393 SGB V asks a German hospital for the attestation whatever its policy says."""
    case = CASES["German hospital, without an attestation"]
    there = put(client(case), {"rules.policies": ["c5_type2"]})
    (failed, *_) = sovereignty.judged(there, "api").failing("C5-1")
    assert failed.lines_behind(["c5_type2"]) == ()
    other = put(there, {"client.sector": "other"})
    (failed, *_) = sovereignty.judged(other, "api").failing("C5-1")
    assert failed.lines_behind(["c5_type2"]) == ("c5_type2",)


def test_data_of_the_department_of_defense_is_no_first_question_of_a_writing_app():
    found = sovereignty.assess(scenario.load("tidewater-apps"))
    for option in found.options.values():
        asked = [f.rule.rule_id for p in option.open_points[:3] for f in p.findings]
        assert "CMMC-1" not in asked


# --- a weak fact, or a vague word, strikes nothing and un-strikes nothing ------------------------


@pytest.mark.parametrize(
    ("kind", "is_said"), [("open_api", True), ("api", True), ("sovereign_cloud", False)]
)
def test_a_strangers_remark_on_one_product_strikes_neither_it_nor_another(kind, is_said):
    """A catalogue without a day says that IONOS's API has no C5 attestation."""
    base = put(scenario.load("base"), {"rules.policies": ["c5_type2"]})
    option = base.options["api"].model_copy(update={"vendor": "IONOS", "kind": kind})
    there = base.model_copy(update={"options": {"it": option}})
    found = sovereignty.judged(there, "it")
    state, waits_for = found.verdicts["C5-1"].verdict, found.verdicts["C5-1"].missing
    assert state == "review" and "c5_type2" in waits_for
    assert any("c5_type2" in f.known for f in found.flows) == is_said


VENDORS = sorted(
    {row.subject.split(":")[1].split("/")[0]
     for row in catalogue.table("provider_attributes", rulebook.ProviderAttribute)
     if row.subject.startswith("vendor:")}
    | {row.vendor for row in catalogue.table("vendor_home", vendor_record.VendorHome)}
    | {row.vendor for row in catalogue.table("vendor_facts", vendor_record.VendorFact)}
)  # fmt: skip


def of_all_vendors() -> Iterator[findings.Finding]:
    """Each vendor on file as an API and as a rented machine, under every policy."""
    every = [*get_args(get_args(Policy)[0]), {"parent_in": ["EEA"]}]
    base = put(scenario.load("base"), {"rules.policies": every})
    for vendor, kind in product(VENDORS, ("api", "rented")):
        option = base.options[kind].model_copy(update={"vendor": vendor})
        there = base.model_copy(update={"options": {"it": option}})
        yield from chain.from_iterable(sovereignty.judged(there, "it").findings.values())


def test_no_weak_row_of_facts_fails_an_option_of_any_vendor():
    spared = 0
    for finding in of_all_vendors():
        weak = {k.attribute.name: None for k in finding.flow.known.values() if k.weak}
        if finding.verdict == "fail":
            assert finding.supposing(weak).verdict == "fail", finding.rule.rule_id
        elif weak:
            whole = findings.decide(finding.rule, finding.flow.values, finding.law)
            spared += whole.verdict == "fail"
    assert spared  # a weak row would fail some, were it taken like another


@pytest.mark.parametrize("name", ["base", "agence-lumiere", "klinikverbund-nordheide"])
def test_nothing_fails_by_a_weak_fact_alone(name):
    found = sovereignty.assess(scenario.load(name))
    for _, failed in found.findings:
        if failed.verdict == "fail":
            weak = {k.attribute.name: None for k in failed.flow.known.values() if k.weak}
            assert failed.supposing(weak).verdict == "fail"


OUTSIDE = {
    "options.api.country": "US",
    "workloads.assistant.data.residency": ["GB", "EU", "EEA"],
    "client.country": "GB",
}


@pytest.mark.parametrize(
    "vaguer",
    [
        {"endpoint_scope": "cross_region"}, {"endpoint_scope": "global"}, {"endpoint_scope": None},
        {"place": None}, {"place": "EEA"}, {"place": "EU"},
        {"endpoint_scope": "cross_region", "place": "EEA"},
    ],
)  # fmt: skip
def test_a_known_place_outside_stays_one_of_the_places(vaguer):
    there = put(scenario.load("base"), OUTSIDE)
    assert sovereignty.judged(there, "api").verdicts["RES-1"].verdict == "fail"
    said = {**there.options["api"].attributes, **vaguer}
    vague = put(there, {"options.api.attributes": said})
    assert sovereignty.judged(vague, "api").verdicts["RES-1"].verdict == "fail"


def published(s: scenario.Scenario, option: str) -> set[str]:
    """What is known of an option that the scenario does not say."""
    flows = sovereignty.judged(s, option).flows
    return {
        n for f in flows for n, k in f.known.items()
        if k.source.kind != "client" and not k.assumed and not k.weak
        and k.attribute.level in findings.ASKED_LEVELS
    }  # fmt: skip


@pytest.mark.parametrize("name", ["agence-lumiere", "banca-valdora", "tidewater-apps"])
def test_to_say_that_one_does_not_know_unstrikes_nothing_that_is_published(name):
    """Over all attributes of all options: a fail stays a fail."""
    there = scenario.load(name)
    for option in there.options:
        struck = sovereignty.judged(there, option)
        fails = {r for r, f in struck.verdicts.items() if f.verdict == "fail"}
        for attribute in published(there, option):
            said = {**there.options[option].attributes, attribute: None}
            vague = put(there, {f"options.{option}.attributes": said})
            now = sovereignty.judged(vague, option).verdicts
            assert not {r for r in fails if now[r].verdict != "fail"}, (option, attribute)


AREAS: Mapping[str, tuple[str, ...]] = {"EU": ("DE", "IE", "FR"), "EEA": ("DE", "NO", "IS", "EU")}
COUNTRIES = ("place", "operator_country", "parent_country")


def test_an_area_passes_no_rule_that_a_country_in_it_fails():
    """For each attribute that is a country, of flows of three clients."""
    for name in ("base", "agence-lumiere", "klinikverbund-nordheide"):
        found = sovereignty.assess(scenario.load(name))
        for flow in (flow for option in found.options.values() for flow in option.flows):
            for rule in BOOK.rules.values():
                if rule.fail_when and rule.looks_at(flow.kind):
                    check_areas(rule, found.law, flow.values)


def check_areas(
    rule: rulebook.Rule, law: rulebook.RuleBook, values: Mapping[str, Value | None]
) -> None:
    for name in set(COUNTRIES) & set(law.tested[rule.rule_id]):
        for area, inside in AREAS.items():
            vague = verdict(rule, law, {**values, name: area})
            sharp = [verdict(rule, law, {**values, name: country}) for country in inside]
            assert vague != "pass" or "fail" not in sharp, (rule.rule_id, name, area)


def verdict(rule: rulebook.Rule, law: rulebook.RuleBook, values: Mapping[str, Value | None]) -> str:
    return findings.decide(rule, values, law).verdict
