"""Law cases that a lawyer would try: nothing passes by silence.

The first thirteen are those of an audit, the others were made up for countries and topics that it
did not try. Each says what must be told: the state of a rule, what it waits for, a topic for
counsel, or the acts of a topic at which no rule looks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain, product
from typing import Any, get_args

import pytest
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
    abroad: tuple[str, ...] = ()
    """Rules of acts that are not seen in force there, which is told."""
    counsel: Mapping[str, str] = field(default_factory=dict)
    """By topic: a word of what is known to be missing."""
    acts: Mapping[str, str] = field(default_factory=dict)
    """By topic at which no rule looks: an act that is named."""


CASES = {
    "c02 Spanish school, grading": Case(
        country="ES", sector="other", use="grading of pupils",
        said={"ENS-1": "public_body", "AIA-HR-1": "annex_iii"},
        counsel={"Employment law": ""},
        acts={"children": "Ley Orgánica 3/2018 art. 7", "education": "Ley Orgánica 2/2006"},
    ),
    "c03 Swedish regional hospital": Case(
        country="SE", sector="health", data={"secrecy": ["medical"], "special_category": True},
        said={"SE-OSL-1": "public_body"},
        counsel={"Secrecy of care": "patient data act"},
    ),
    "c04 Irish payment institution, filed as other": Case(
        country="IE", sector="other", data={"critical_function": True},
        said={"DORA-28-2": "dora_entity", "DORA-30-1": "dora_entity", "DORA-29-1": "dora_entity"},
        counsel={"Financial supervision": "subcontracting"},
        acts={"payments": "Directive (EU) 2015/2366 (PSD2)"},
    ),
    "c05 Norwegian pharmaceutical trial": Case(
        country="NO", sector="industry", use="clinical trial documents",
        data={"special_category": True}, answers={"nis2_declared": True},
        said={"GDPR-9-1": "review"},
        abroad=("NIS2-21-1", "AIA-4-2", "AIA-5-1", "DATA-25-1", "DATA-32-1"),
        counsel={"AI law": "not seen in force"},
        acts={"clinical trials": "helseforskningsloven"},
    ),
    "c08 employer in Quebec": Case(
        country="CA", sector="industry", use="monitoring of staff", answers={"staff_use": True},
        said={"CA-PIPEDA-1": "pipeda_binds", "CA-QC-17": "quebec_binds"},
        counsel={"Data protection": "Quebec Law 25", "Employment law": ""},
    ),
    "c11 German listed company, insider information": Case(
        country="DE", sector="industry", data={"secrecy": ["trade"]},
        said={"TRADE-2-1": "review"},
        acts={"capital markets": "Regulation (EU) 596/2014 (MAR)"},
    ),
    # --- ten and more that nobody had tried -----------------------------------------------------
    "d01 Icelandic insurer": Case(
        country="IS", sector="insurance", answers={"dora_clauses": "missing"},
        said={"DORA-30-1": "fail", "DORA-28-2": "review"},
        abroad=("AIA-4-2", "DATA-25-1"), counsel={"AI law": "not seen in force"},
    ),
    "d04 German hospital, without an attestation": Case(
        country="DE", sector="health", data={"special_category": True},
        answers={"c5_type2": False, "c5_type1": False, "c5_equivalent": False},
        said={"C5-1": "fail"}, counsel={"Public sector": "SGB X"},
    ),
    "d05 British bank": Case(
        country="GB", sector="banking", data={"critical_function": True, "secrecy": ["banking"]},
        said={"UK-OUT-1": "review"}, acts={"capital markets": "UK MAR"},
        counsel={"Banking secrecy": "", "AI law": ""},
    ),
    "d06 Swiss broadcaster": Case(
        country="CH", sector="other", said={"CH-FADP-62": "review"},
        counsel={"Public sector": "cantonal"}, acts={"broadcasting": "RTVG"},
    ),
    "d07 US maker of parts for the services": Case(
        country="US", sector="industry", said={"CMMC-1": "cui_declared"},
        acts={"defence beyond DFARS and CMMC": "ITAR"},
    ),
    "d08 Dutch grid operator": Case(
        country="NL", sector="industry", said={"NIS2-21-1": "nis2_declared"},
        acts={"sector licences": "Energiewet"},
    ),
    "d09 Italian call centre that knows voices": Case(
        country="IT", sector="other", use="voice login of callers",
        said={"GDPR-9-1": "people_identified", "ACN-1": "public_body"},
    ),
    "d10 Japanese shop with customers in the Union": Case(
        country="JP", sector="other", answers={"eu_data_subjects": True},
        said={"GDPR-28-1": "review", "GDPR-27-1": "review"},
        acts={"children": "GDPR Art. 8", "payments": "Payment Services Act"},
    ),
    "d11 US firm whose texts are used in the Union": Case(
        country="US", sector="software", answers={"output_in_eu": True}, said={"AIA-5-1": "review"},
        acts={"broadcasting": "Directive 2010/13/EU"},
    ),
    # --- countries with little or no law on file ----------------------------------------------
    "e04 Swiss bank": Case(
        country="CH", sector="banking", data={"critical_function": True, "secrecy": ["banking"]},
        said={"CH-47-1": "secrecy_undertaking", "FINMA-18-3": "resolution_data_in_ch",
              "CH-1": "place"},
        acts={"payments": "no PSD2"},
    ),
    "e05 Norwegian bank without the clauses of DORA": Case(
        country="NO", sector="banking", data={"critical_function": True, "secrecy": ["banking"]},
        answers={"dora_clauses": "missing"},
        said={"DORA-30-1": "fail", "DORA-28-3": "supervisor_notified", "GDPR-44-1": "place"},
        abroad=("AIA-4-2", "DATA-25-1"), counsel={"Banking secrecy": ""},
    ),
    "e08 British learning app": Case(
        country="GB", sector="software", use="learning app for children",
        said={"UK-35-1": "dpia_done", "UK-1": "place"}, counsel={"AI law": ""},
        acts={"children": "Children’s Code"},
    ),
    "e09 US hospital": Case(
        country="US", sector="health", data={"secrecy": ["medical"], "special_category": True},
        said={"HIPAA-1": "baa_signed", "HIPAA-2": "hipaa_risk_analysis"},
        counsel={"Secrecy of care": "42 CFR part 2"},
    ),
    "e10 US stories for children under thirteen": Case(
        country="US", sector="software", use="stories for children",
        said={"US-COPPA-1": "children_directed"}, acts={"children beyond COPPA": "state acts"},
    ),
    "e12 Korean employer": Case(
        country="KR", sector="industry", answers={"staff_use": True},
        counsel={"Data protection": "Personal Information Protection Act",
                 "AI law": "AI Basic Act", "Employment law": ""},
    ),
    "f01 Slovak police": Case(
        country="SK", sector="public", use="transcripts of interrogations by the police",
        said={"GDPR-9-1": "special_category"},
        counsel={"Data protection": "Directive (EU) 2016/680", "Public sector": ""},
    ),
    "f04 Turkish shop": Case(
        country="TR", sector="other",
        counsel={"Data protection": "no act of this country", "AI law": ""},
    ),
    "h01 Swiss insurer": Case(
        country="CH", sector="insurance", data={"critical_function": True},
        said={"VAG-1": "finma_plan_notified", "FINMA-18-3": "outsourcing_inventory"},
        counsel={"Secrecy of care": "ATSG Art. 33", "AI law": ""},
    ),
    "h02 Japanese software house": Case(
        country="JP", sector="software", said={"JP-APPI-28": "place"},
        counsel={"Data protection": "Art. 27", "AI law": "", "Employment law": ""},
    ),
    "h04 Brazilian recruiter": Case(
        country="BR", sector="other", use="recruitment",
        said={"BR-LGPD-33": "place"},
        counsel={"Data protection": "Art. 7 and 11", "Employment law": "", "AI law": ""},
        acts={"children": "Lei 8.069/1990"},
    ),
    "h05 Indian bank": Case(
        country="IN", sector="banking", data={"secrecy": ["banking"], "critical_function": True},
        counsel={"Data protection": "s. 16", "Financial supervision": "RBI Master Direction",
                 "Banking secrecy": ""},
    ),
    "h06 insurer of Québec": Case(
        country="CA", sector="insurance", data={"critical_function": True},
        said={"CA-OSFI-B10": "exit_plan", "CA-PIPEDA-1": "pipeda_binds"},
        counsel={"Data protection": "Quebec Law 25", "Financial supervision": "Quebec AMF"},
    ),
    "h07 British hospital": Case(
        country="GB", sector="health", data={"secrecy": ["medical"], "special_category": True},
        said={"UK-DSPT-1": "dspt_done", "UK-9-1": "art9_condition"},
        counsel={"Secrecy of care": "common-law confidentiality"},
    ),
    "h10 Polish bank": Case(
        country="PL", sector="banking", data={"secrecy": ["banking"], "critical_function": True},
        said={"DORA-30-1": "dora_clauses", "DORA-28-3": "supervisor_notified"},
        counsel={"Banking secrecy": "Prawo bankowe"},
    ),
    "h11 French clinic": Case(
        country="FR", sector="health", data={"secrecy": ["medical"], "special_category": True},
        said={"HDS-1": "hds_certified", "FR-226-13-1": "review"},
        counsel={"Secrecy of care": "L. 1110-4"},
    ),
    "h12 German law firm": Case(
        country="DE", sector="other", data={"secrecy": ["professional"]},
        said={"DE-203-1": "review", "DE-203-2": "clear_text", "DE-BETRVG-87": "works_council"},
        counsel={"Professional secrecy": "§ 43e BRAO"},
    ),
    "h13 US sheriff": Case(
        country="US", sector="public", use="police reports", said={"FEDRAMP-1": "federal_agency"},
        counsel={"Public sector": "CJIS Security Policy"},
    ),
    # --- who may reach the data, and law that lies beside the usual acts ------------------------
    "j01 Swiss insurer, French provider": Case(
        country="CH", sector="insurance", data={"special_category": True},
        answers={"operator_country": "FR", "parent_country": "FR", "place": "CH"},
        said={"CH-FADP-16": "group_entity_abroad", "CH-FADP-62": "secrecy_undertaking"},
    ),
    "j02 British charity, French provider with a US company": Case(
        country="GB", sector="other",
        answers={"operator_country": "FR", "parent_country": "FR", "group_entity_abroad": True},
        said={"UK-28-2": "key_control", "UK-1": "place"},
    ),
    "j03 Swiss canton, US parent": Case(
        country="CH", sector="public", data={"special_category": True},
        said={"CH-FADP-16": "key_control"}, counsel={"Public sector": "privatim"},
    ),
    "j04 Icelandic firm, Swiss provider": Case(
        country="IS", sector="software",
        answers={"operator_country": "CH", "parent_country": "CH"},
        said={"FOR-SUB-1": "key_control", "GDPR-48-1": "foreign_order_policy"},
    ),
    "j05 hospital of Québec": Case(
        country="CA", sector="health", data={"secrecy": ["medical"]},
        answers={"quebec_binds": True}, said={"CA-QC-17": "quebec_assessed"},
        counsel={"Secrecy of care": ""},
    ),
    "j06 Austrian health insurer": Case(
        country="AT", sector="insurance",
        data={"special_category": True, "critical_function": True},
        said={"AT-121-1": "secrecy_undertaking", "SII-49-1": "supervisor_notified"},
        counsel={"Secrecy of care": "GTelG", "Professional secrecy": "§ 9 RAO"},
    ),
    "j07 Finnish hospital": Case(
        country="FI", sector="health", data={"secrecy": ["medical"], "special_category": True},
        said={"NIS2-21-1": "supplier_assessed", "MDR-11-1": "clinical_use"},
        counsel={"Secrecy of care": "national law"},
    ),
    "j09 investment firm of Cyprus, filed as other": Case(
        country="CY", sector="other", data={"critical_function": True},
        said={"DORA-28-1": "dora_entity", "DORA-28-3": "dora_entity"},
        acts={"capital markets": "MiFID II"},
    ),
    "j10 Belgian law firm": Case(
        country="BE", sector="other", data={"secrecy": ["professional"]},
        said={"BE-458-1": "secrecy_undertaking"}, counsel={"Employment law": ""},
    ),
    "j11 Hungarian ministry, state secrets that are read": Case(
        country="HU", sector="public", data={"secrecy": ["state"]},
        answers={"clear_text": True, "key_control": "provider"},
        said={"FOR-SUB-1": "fail", "US-CLOUD-1": "fail"}, counsel={"State secrecy": ""},
    ),
    "j14 US hospital, Chinese provider": Case(
        country="US", sector="health", data={"special_category": True},
        answers={"operator_country": "CN", "parent_country": "CN"},
        said={"CN-1": "key_control", "HIPAA-1": "baa_signed"},
        counsel={"Data protection": "28 CFR part 202"},
    ),
    "j15 Chinese maker, US provider": Case(
        country="CN", sector="industry", answers={"staff_use": True},
        said={"US-CLOUD-1": "key_control"},
        counsel={"Data protection": "Art. 38 to 40", "AI law": "", "Employment law": ""},
    ),
    "j16 South African insurer": Case(
        country="ZA", sector="insurance", data={"critical_function": True},
        counsel={"Data protection": "s. 72", "Financial supervision": "", "Secrecy of care": ""},
    ),
    "j18 Swiss maker, trade secrets": Case(
        country="CH", sector="industry", data={"personal": False, "secrecy": ["trade"]},
        said={"US-CLOUD-1": "key_control"}, counsel={"Trade secrets": "Art. 162 and 273"},
    ),
    "j19 German hospital of a church": Case(
        country="DE", sector="health", data={"secrecy": ["medical"], "special_category": True},
        said={"C5-1": "c5_type2", "DE-203-1": "secrecy_undertaking"},
        counsel={"Data protection": "churches", "Employment law": "church employers"},
    ),
    "j22 Estonian software that holds its customers’ data": Case(
        country="EE", sector="software", said={"GDPR-28-4": "processes_for_customers"},
    ),
    "j23 Slovenian payroll house, customers not told": Case(
        country="SI", sector="other",
        answers={"processes_for_customers": True, "customers_authorised": False},
        said={"GDPR-28-4": "fail"},
    ),
    "j20 Greek bank that scores credit": Case(
        country="GR", sector="banking", use="credit scoring", data={"critical_function": True},
        said={"GDPR-22-1": "decides_on_people", "AIA-HR-1": "annex_iii"},
    ),
}  # fmt: skip


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
def test_a_law_case_is_told(name: str, assessed: Mapping[str, Sovereignty]) -> None:
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
def test_no_topic_passes_by_silence(name: str, assessed: Mapping[str, Sovereignty]) -> None:
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


def test_the_law_that_binds_is_no_line_of_policy() -> None:
    """Section 393 SGB V asks a German hospital for the attestation whatever its policy says."""
    case = CASES["d04 German hospital, without an attestation"]
    there = put(client(case), {"rules.policies": ["c5_type2"]})
    (failed, *_) = sovereignty.judged(there, "api").failing("C5-1")
    assert failed.lines_behind(["c5_type2"]) == ()
    other = put(there, {"client.sector": "other"})
    (failed, *_) = sovereignty.judged(other, "api").failing("C5-1")
    assert failed.lines_behind(["c5_type2"]) == ("c5_type2",)


def test_data_of_the_department_of_defense_is_no_first_question_of_a_writing_app() -> None:
    found = sovereignty.assess(scenario.load("tidewater-apps"))
    for option in found.options.values():
        asked = [f.rule.rule_id for p in option.open_points[:3] for f in p.findings]
        assert "CMMC-1" not in asked


# --- a weak fact, or a vague word, strikes nothing and un-strikes nothing ------------------------


@pytest.mark.parametrize(
    ("kind", "is_said"), [("open_api", True), ("api", True), ("sovereign_cloud", False)]
)
def test_a_strangers_remark_on_one_product_strikes_neither_it_nor_another(
    kind: str, is_said: bool
) -> None:
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


def test_no_weak_row_of_facts_fails_an_option_of_any_vendor() -> None:
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
def test_nothing_fails_by_a_weak_fact_alone(name: str) -> None:
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
        {"endpoint_scope": "cross_region"},
        {"endpoint_scope": "global"},
        {"endpoint_scope": None},
        {"place": None},
        {"place": "EEA"},
        {"place": "EU"},
        {"endpoint_scope": "cross_region", "place": "EEA"},
    ],
)
def test_a_known_place_outside_stays_one_of_the_places(vaguer: Mapping[str, Any]) -> None:
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
def test_to_say_that_one_does_not_know_unstrikes_nothing_that_is_published(name: str) -> None:
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


def test_an_area_passes_no_rule_that_a_country_in_it_fails() -> None:
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
