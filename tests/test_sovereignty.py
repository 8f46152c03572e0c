"""Rules, flows and verdicts of data sovereignty."""

import datetime as dt
import itertools
from pathlib import Path
from typing import get_args

import pytest
import studies
from genai_prices.data import providers as price_list
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML
from siting import catalogue
from siting.inputs import attributes, scenario
from siting.inputs.scenario.changes import put
from siting.inputs.scenario.model import Flow, Sector
from siting.rules import flows, openness, properties, rulebook, sovereignty
from siting.rules.findings import SEVERITY, decide, worst
from siting.rules.flows import flows_of
from siting.rules.rulebook import ProviderAttribute
from siting.verdict import plausible
from siting.verdict.chain import Chain

BOOK = rulebook.rule_book()
RULES = BOOK.rules
CASES = YAML(typ="safe").load(Path(__file__).parent / "data" / "rule_cases.yaml")
TODAY = dt.date(2026, 11, 24)


def background():
    """Thresholds and the law as it stands: what holds unless a case says otherwise."""
    values = {}
    for row in catalogue.table("provider_attributes", ProviderAttribute):
        if row.subject in ("law", "threshold") and (row.valid_to or TODAY) >= TODAY:
            values[row.attribute] = attributes.meaning(BOOK.attributes[row.attribute])(row.value)
    return values


LAW = background()


VERDICTS = ("pass", "fail", "review", "n.a.")


def cases(rule_id, verdict):
    """Values and date of each case of the table; there may be several, or none."""
    own = CASES[rule_id].get(verdict, [])
    for one in own if isinstance(own, list) else [own]:
        values = {**LAW, **CASES[rule_id]["base"], **one}
        day = values.pop("as_of", TODAY)
        yield {k: float(v) if type(v) is int else v for k, v in values.items()}, day


def test_every_rule_has_its_cases():
    lacking = sorted(set(RULES) - set(CASES))
    assert not lacking, "write cases in tests/data/rule_cases.yaml, as the rules there have them"
    assert set(CASES) <= set(RULES)
    assert all(set(c) <= {"base", *VERDICTS} for c in CASES.values())


LIMITS = [r for r, rule in RULES.items() if rule.is_limit]


@pytest.mark.parametrize("rule_id", CASES)
def test_each_rule_gives_each_verdict_that_its_citation_allows(rule_id):
    rule = RULES[rule_id]
    for verdict in VERDICTS:
        found = list(cases(rule_id, verdict))
        assert bool(found) != (verdict in rule.cannot.split(";")), f"cases for {verdict}"
        for values, day in found:
            assert set(values) <= set(BOOK.attributes)  # a misspelt one would be unknown unnoticed
            assert decide(rule, values, BOOK.on(day)).verdict == verdict, values


def test_a_rule_about_which_nothing_is_known_never_passes():
    for day, rule in itertools.product((TODAY, dt.date(2029, 1, 1)), RULES.values()):
        assert decide(rule, LAW, BOOK.on(day)).verdict != "pass", rule.rule_id


def test_forgetting_one_answer_never_turns_a_verdict_into_pass():
    for rule_id, verdict in itertools.product(CASES, ("fail", "review")):
        for values, day in cases(rule_id, verdict):
            for name in values.keys() - LAW.keys():
                fewer = {k: v for k, v in values.items() if k != name}
                said = decide(RULES[rule_id], fewer, BOOK.on(day)).verdict
                assert said != "pass", (rule_id, name)


def test_a_pass_stays_a_pass_whatever_the_unknown_turns_out_to_be():
    passing = ((r, values, day) for r in CASES for values, day in cases(r, "pass"))
    for rule_id, values, day in passing:
        for name in BOOK.tested[rule_id]:
            if values.get(name) is not None or name == "as_of":
                continue
            for value in alternatives(name):
                said = decide(RULES[rule_id], {**values, name: value}, BOOK.on(day)).verdict
                assert said in ("pass", "n.a."), (rule_id, name, value)


def alternatives(name):
    a = BOOK.attributes[name]
    return {
        "yes/no": [True, False],
        "word": list(a.words),
        "number": [0.0, 1e30],
        "country": ["DE", "US", "CN", "JP"],
        "date": [dt.date(2020, 1, 1), dt.date(2030, 1, 1)],
    }[a.type]


def test_worst_is_ordered_and_commutes():
    assert worst([]) == "n.a."
    assert worst(["n.a.", "pass"]) == "pass"
    assert worst(["review", "fail", "pass"]) == worst(["pass", "fail", "review"]) == "fail"
    assert SEVERITY == ("n.a.", "pass", "review", "fail")


# --- Whole scenarios -----------------------------------------------------------------------------

CLIENTS = studies.FEW


@pytest.fixture(scope="module")
def base():
    return scenario.load("base")


def changed(base, option, flow=None, **answers):
    """The scenario with some answers of one option, or of one of its flows, replaced."""
    old = base.options[option]
    if flow is None:
        new = old.model_copy(update={"attributes": {**old.attributes, **answers}})
    else:
        said = old.flows.get(flow, Flow())
        said = said.model_copy(update={"attributes": {**said.attributes, **answers}})
        new = old.model_copy(update={"flows": {**old.flows, flow: said}})
    return base.model_copy(update={"options": {**base.options, option: new}})


def verdicts(assessment, option):
    return {r: v.verdict for r, v in assessment.options[option].verdicts.items()}


FLOW_ATTRIBUTES = [a for a in BOOK.attributes.values() if a.level == "flow"]


def own_verdicts(said, option):
    """Verdicts alone, without what would change them: much quicker."""
    law = BOOK.on(said.client.report_date)
    flows = flows_of(said, option, law)
    return {
        r: worst(decide(rule, f.values, law).verdict for f in flows if rule.looks_at(f.kind))
        for r, rule in RULES.items()
    }


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_flipping_one_attribute_of_one_flow_changes_only_rules_that_test_it(data):
    base = scenario.load("base")
    flow = data.draw(st.sampled_from(["inference", "logs", "support_access", "backups"]))
    attribute = data.draw(st.sampled_from(FLOW_ATTRIBUTES)).name
    value = data.draw(st.sampled_from(alternatives(attribute)))
    flipped = changed(base, "api", flow, **{attribute: value})
    before = own_verdicts(base, "api")
    after = own_verdicts(flipped, "api")
    for rule_id, rule in RULES.items():
        tested = attribute in BOOK.tested[rule_id] and rule.looks_at(flow)
        if not tested:
            assert after[rule_id] == before[rule_id], rule_id
    assert own_verdicts(flipped, "owned") == own_verdicts(base, "owned")


@pytest.mark.parametrize(
    ("flow", "attribute", "values", "flips"),
    [
        # Each pair of values changes exactly these rules; derived by hand from the columns
        # applies_when, fail_when and review_when of the rules that look at that flow.
        ("logs", "place", ("IE", "US"), {"RES-1", "GDPR-44-1"}),
        ("logs", "retention_days", (20, 45), {"GDPR-5-2"}),
        ("inference", "trains_on_data", (False, True), {"GDPR-5-1"}),
        ("inference", "encryption_at_rest", (True, False), {"GDPR-32-1"}),
        ("support_access", "place", ("IE", "US"), {"RES-3", "GDPR-44-1"}),
    ],
)
def test_a_flip_changes_exactly_the_rules_that_test_it(base, flow, attribute, values, flips):
    settled = {
        "place": "IE", "retention_days": 20, "trains_on_data": False, "clear_text": False,
        "transfer_tool": "none", "retention_needed": False, "training_legal_basis": False,
        "zdr": True, "cert_iso27001": True,
    }  # fmt: skip
    at_home = changed(changed(base, "api", **settled), "api", "subprocessors", place="IE")
    first, second = (
        sovereignty.assess(changed(at_home, "api", flow, **{attribute: v})) for v in values
    )
    before = verdicts(first, "api")
    after = verdicts(second, "api")
    assert {r for r in before if r in CASES and before[r] != after[r]} == flips


def test_a_hybrid_takes_the_worst_verdict_of_its_parts_for_each_rule(base):
    found = sovereignty.assess(base)
    for rule_id in RULES.keys() - set(LIMITS):
        parts = [verdicts(found, part)[rule_id] for part in ("owned", "api")]
        assert verdicts(found, "hybrid")[rule_id] == worst(parts)


@pytest.mark.parametrize("client", CLIENTS)
def test_every_verdict_shows_citation_evidence_with_date_and_what_would_change_it(client):
    found = sovereignty.assess(scenario.load(client))
    for option in found.options.values():
        for verdict in option.verdicts.values():
            assert verdict.rule.provision and verdict.rule.date and verdict.reason
            if verdict.verdict == "n.a.":
                continue
            assert verdict.grounds or verdict.missing, verdict.rule.rule_id
            assert set(verdict.grounds) <= set(verdict.evidence)
            assert all(e.source.date for e in verdict.grounds)
            assert verdict.rule.remedy or verdict.verdict == "pass"


@pytest.mark.parametrize(
    ("client", "option", "rule_id", "verdict"),
    [
        # SREN Art. 31 and the body's policy: qualified cloud or own premises only.
        ("agence-lumiere", "managed", "SNC-1", "fail"),
        ("agence-lumiere", "rented", "SNC-1", "fail"),
        ("agence-lumiere", "sovereign", "SNC-1", "pass"),
        ("agence-lumiere", "owned", "SNC-1", "n.a."),
        # Section 393(4) SGB V: no Type 2 attestation, no health data.
        ("klinikverbund-nordheide", "rented", "C5-1", "fail"),
        ("klinikverbund-nordheide", "owned", "C5-1", "n.a."),
        # DORA Art. 28(8): an exit plan that was never tested.
        ("banca-valdora", "bedrock", "DORA-28-1", "review"),
        ("banca-valdora", "owned", "DORA-28-1", "n.a."),
    ],
)
def test_the_clients_get_the_verdicts_that_their_law_demands(client, option, rule_id, verdict):
    assert own_verdicts(scenario.load(client), option)[rule_id] == verdict


def test_concentration_is_judged_as_it_will_be_after_the_move():
    """DORA Art. 29(1) asks what the envisaged contract would lead to: that no critical work lies
    with a provider today clears nothing, as the work of today's service would move there."""
    said = scenario.load("banca-valdora")
    found = sovereignty.assess(said)
    planned = found.options["sovereign"].verdicts["DORA-29-1"]
    assert planned.verdict == "review"
    assert planned.missing == ("provider_share_after_move",)
    later = changed(said, "sovereign", provider_share_after_move=0.5)
    assert own_verdicts(later, "sovereign")["DORA-29-1"] == "pass"
    later = changed(said, "sovereign", provider_share_after_move=0.6)
    assert own_verdicts(later, "sovereign")["DORA-29-1"] == "review"


def answered(base, day, **answers):
    return put(base, {"rules.attributes": answers, "client.report_date": day})


def test_annex_iii_duties_apply_from_2_december_2027(base):
    answers = {"high_risk_plan": True, "conformity_done": False}
    annexed = put(base, {"workloads.assistant.data.annex_iii": True})
    before = sovereignty.assess(answered(annexed, TODAY, **answers))
    after = sovereignty.assess(answered(annexed, dt.date(2027, 12, 3), **answers))
    assert verdicts(before, "owned")["AIA-HR-1"] == "pass"
    assert verdicts(before, "owned")["AIA-HR-2"] == "n.a."
    assert verdicts(after, "owned")["AIA-HR-1"] == "n.a."
    assert verdicts(after, "owned")["AIA-HR-2"] == "fail"


def flips(said, event):
    named = (v for v in plausible.law_events(said) if v.changes["suppose.law"] == [event])
    then = Chain().rules(put(said, next(named).changes)).options
    before = sovereignty.assess(said)
    after = {(name, r, f.verdict) for name, o in then.items() for r, f in o.verdicts.items()}
    return {flip for flip in after if verdicts(before, flip[0])[flip[1]] != flip[2]}


def test_if_the_framework_falls_what_rests_on_it_flips(base):
    answers = {"transfer_tool": "adequacy", "dpf_certified": True, "dpf_covers_data": True}
    on_dpf = changed(base, "api", "support_access", place="US", **answers)
    found = changed(on_dpf, "api", place="IE", zdr=True)
    assert ("api", "GDPR-45-1", "fail") in flips(found, "dpf_falls")
    assert not {f for f in flips(found, "dpf_falls") if f[0] in ("owned", "rented")}


@pytest.mark.parametrize(
    ("event", "rule"), [("us_model_blocked", "US-EXP-1"), ("model_retired", "NIST-62")]
)
def test_a_model_that_is_taken_away_stops_only_options_that_hold_no_weights(base, event, rule):
    assert flips(base, event) == {("api", rule, "fail"), ("hybrid", rule, "fail")}


def test_where_a_rule_has_several_reasons_each_belongs_to_a_part_of_its_condition():
    for rule_id, rule in RULES.items():
        when = BOOK.parsed[rule_id]
        told = ((rule.fail_reason, when.fails), (rule.review_reason, when.reviews))
        for reason, condition in told:
            if " | " in reason:
                assert condition.sign == "or", rule_id
                assert len(condition.parts) == len(reason.split(" | ")), rule_id


def test_of_several_reasons_only_those_that_hold_are_told():
    # Art. 50(2): who relies on the exception is not in the grace period, and the other way round.
    told = {"eu_client": True, "controller_country": "FR", "generates_content": True}
    for answers, part, other in (
        ({"output_marking": "assistive", "on_market_before_aug_2026": False}, "exception", "2026"),
        ({"output_marking": "none", "on_market_before_aug_2026": True}, "2 December", "exception"),
    ):
        said = decide(RULES["AIA-50-2"], {**told, **answers}, BOOK.on(TODAY))
        assert said.verdict == "review" and part in said.reason and other not in said.reason


def test_people_of_another_country_bring_its_law_along(base):
    """GDPR Art. 3(2), Swiss and British law, PIPEDA: by where the people are, whoever asks."""
    reach = {"GDPR-28-1": "DE", "CH-1": "CH", "UK-1": "GB", "CA-PIPEDA-1": "CA"}
    for people in ([], ["US"], ["US", "CZ"], ["CH"], ["GB", "NO"], ["CA"]):
        said = put(base, {"client.country": "US", "client.people": people})
        found = verdicts(sovereignty.assess(said), "api")
        binds = {law for law in reach if found[law] != "n.a."}
        named = {"CZ": "DE", "NO": "DE"}
        asked = {rule for rule, home in reach.items() for p in people if named.get(p, p) == home}
        assert binds == asked


def test_a_parent_lies_in_the_zones_that_the_policy_names(base):
    """Nebius is Dutch, OpenAI's parent American, in siting_facts/vendor_home.csv. The row of Nebius
    is weak evidence, by which no rule fails: it stays open."""
    for zones, rented, api in ((["EEA"], "pass", "fail"), (["US"], "review", "pass")):
        said = put(base, {"rules.policies": [{"parent_in": zones}]})
        found = sovereignty.assess(said)
        assert verdicts(found, "rented")["POL-PARENT-IN"] == rented
        assert verdicts(found, "api")["POL-PARENT-IN"] == api
    assert verdicts(sovereignty.assess(base), "api")["POL-PARENT-IN"] == "n.a."


def test_null_says_asked_and_not_known(base):
    known = changed(base, "api", trains_on_data=False)
    assert verdicts(sovereignty.assess(known), "api")["GDPR-5-1"] == "pass"
    asked = changed(known, "api", trains_on_data=None)
    assert verdicts(sovereignty.assess(asked), "api")["GDPR-5-1"] == "review"


def test_the_flow_beats_the_option_and_the_option_beats_the_client(base):
    said = answered(base, TODAY, trains_on_data=True, training_legal_basis=False)
    assert verdicts(sovereignty.assess(said), "api")["GDPR-5-1"] == "fail"
    said = changed(said, "api", trains_on_data=False)
    assert verdicts(sovereignty.assess(said), "api")["GDPR-5-1"] == "pass"
    said = changed(said, "api", "logs", trains_on_data=True)
    assert verdicts(sovereignty.assess(said), "api")["GDPR-5-1"] == "fail"


def test_nothing_published_later_than_the_report_enters(base):
    """The data-processing agreement of Anthropic is known from a page of 29 April 2026."""

    def known(day):
        said = put(base, {"options.api.vendor": "Anthropic", "client.report_date": day})
        return flows_of(said, "api", BOOK.on(day))[0].values.get("dpa_signed")

    assert known(dt.date(2026, 4, 28)) is None
    assert known(dt.date(2026, 4, 29)) is True


def test_on_a_day_of_the_us_block_served_us_models_fail(base):
    """The directive of 12 June 2026 was lifted on 30 June."""
    for day, verdict in ((11, "review"), (12, "fail"), (29, "fail"), (30, "review")):
        said = put(base, {"client.report_date": dt.date(2026, 6, day)})
        assert own_verdicts(said, "api")["US-EXP-1"] == verdict


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("dpa_sined", True, "did you mean dpa_signed"),
        ("exit_plan", "maybe", "one of none, untested, tested"),
        ("dpa_signed", "yes", "write true or false"),
        ("retention_days", True, "is a number"),
        ("place", "Ireland", "ISO 3166 code such as IT"),
        ("gdpr", True, "follows from other attributes"),
        ("dpf_valid", False, "is a stress, not an answer"),
    ],
)
def test_a_wrong_answer_is_refused_with_what_to_write(name, value, message):
    assert message in (attributes.value_problem(name, value, BOOK.attributes) or "")


# --- Tables --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("not dpa_signed,", "not dpa_sigend,",
         r"^sovereignty_rules.csv, line \d+, fail_when: 'dpa_sigend'.*signed"),
        ("trains_on_data and not", "trains_on_data > 3 and not", "is a yes/no, 3.0 is not"),
        ("[key_control == 'cus", "[key_control == 'kus", "remedy: 'kustomer' is no value"),
        ("[audit_rights]", "[audit_rights",
         r"sovereignty_rules.csv, line \d+, remedy: .*: write one condition"),
        ("place not in adequate", "place not in adequat",
         "'adequat' is no group of countries; did you mean adequate"),
    ],
)  # fmt: skip
def test_a_misspelt_rule_is_refused_by_line_and_column(facts, old, new, message):
    path = facts / "sovereignty_rules.csv"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(catalogue.FactError, match=message):
        rulebook.rule_book()


def test_a_remedy_is_listed_again_where_what_it_buys_is_taken_away():
    # The hospitals hold the keys of their own servers, and have assessed the transfer.
    there = scenario.load("klinikverbund-nordheide")
    without = {
        "options.owned.attributes.key_control": "provider",
        "rules.attributes.tia_done": False,
        "rules.attributes.tia_finds_excess": None,  # an assessment that was not made finds nothing
    }
    held = sovereignty.assess(there).remedies("owned")
    asked = sovereignty.assess(scenario.changed(there, without)).remedies("owned")
    assert held == ("second_provider",)
    # Whose machines they are holds the keys, or need not: none are bought for them.
    assert set(asked) == {"second_provider", "impact_assessment"}
    # Her own machines have no endpoint that is bought; at a service it depends on the routing.
    routed = {"options.azure.attributes.endpoint_scope": "global"}
    open_ = sovereignty.assess(scenario.changed(there, routed))
    assert "regional_endpoint" in open_.remedies("azure")
    assert "regional_endpoint" not in open_.remedies("owned")


@pytest.mark.parametrize(
    ("model", "country"),
    [
        ("Qwen/Qwen3.6-27B", "CN"),
        ("deepseek-ai/DeepSeek-R1-Distill-Llama-8B", "CN"),  # the owner counts, not the base
        ("eu.anthropic.claude-sonnet-4-6", "US"),
    ],
)
def test_the_maker_of_a_model_is_known_by_its_name(model, country):
    assert openness.maker(model).country == country
    assert openness.maker("somebody/llama-clone") is None


def test_llama_4_is_not_licensed_in_the_eu(base):
    """Acceptable-use policy of Llama 4: no rights for persons and companies of the EU."""
    for country, verdict in (("DE", "fail"), ("US", "review")):
        model = {"all": "meta-llama/Llama-4-Scout-17B-16E-Instruct"}
        said = put(base, {"options.owned.models": model, "client.country": country})
        assert own_verdicts(said, "owned")["LIC-1"] == verdict


def test_a_year_of_fine_tuning_is_compared_with_a_third_of_the_threshold():
    """27e9 parameters × 6 × 40,000 × 2,000 tokens × 2 epochs × 12 runs = 3.1e20 FLOP,
    a hundredth of 3.3e22."""
    found = flows_of(scenario.load("polderwerk"), "owned", BOOK.on(TODAY))
    flop = {f.values["fine_tuning_flop"] for f in found}.pop()
    assert flop == pytest.approx(6 * 27e9 * 40_000 * 2_000 * 2 * 12, rel=0.05)
    assert own_verdicts(scenario.load("polderwerk"), "owned")["AIA-MOD-1"] == "pass"


# What was once wrong, each with the text that decides it


GERMAN = {"controller_country": "DE", "personal_data": True, "external": True}


FOREIGN_LAW = ("GDPR-48-1", "FOR-SUB-1", "US-CLOUD-1", "US-702-1", "CN-1")


@pytest.mark.parametrize("policy", ["challenges", "complies"])
@pytest.mark.parametrize("secret", [False, True])
@pytest.mark.parametrize("readable", [False, True])
def test_foreign_law_counts_the_same_whoever_the_provider_belongs_to(readable, secret, policy):
    """GDPR Art. 28(1) and 48 name no country: operator, parent and company of the group alike."""
    home = GERMAN | {"parent_country": "DE", "operator_country": "DE", "place": "DE"}
    home |= {"group_entity_outside_eea": False, "secrecy_state": secret, "clear_text": readable}
    home |= {"confidential_computing": False, "foreign_order_policy": policy}
    home |= {"policy_no_us_parent": False}
    reaches = [{"group_entity_outside_eea": True}]
    for country in ("US", "CN", "GB", "CH", "CA", "IN"):
        reaches += [{"parent_country": country}, {"operator_country": country}]
    law = BOOK.on(TODAY)
    found = {
        worst(decide(RULES[r], LAW | home | reach, law).verdict for r in FOREIGN_LAW)
        for reach in reaches
    }
    assert len(found) == 1
    assert found == {"fail" if readable and (secret or policy == "complies") else "review"
                     if readable else "pass"}  # fmt: skip


@pytest.mark.parametrize("readable", [False, True])
@pytest.mark.parametrize(("home", "rule"), [("CH", "CH-FADP-16"), ("GB", "UK-28-2")])
def test_reach_is_asked_alike_of_swiss_and_british_clients(home, rule, readable):
    """FADP Art. 9 and 16 and UK GDPR Art. 28(1) name no country: every link counts the same."""
    there = {"controller_country": home, "personal_data": True, "external": True, "place": home}
    there |= {"parent_country": home, "operator_country": home, "group_entity_abroad": False}
    there |= {"clear_text": readable, "confidential_computing": False}
    law = BOOK.on(TODAY)
    reaches = [{"group_entity_abroad": True}]
    for country in {"US", "CN", "CA", "IN", "CH", "GB"} - {home}:
        reaches += [{"parent_country": country}, {"operator_country": country}]
    found = {decide(RULES[rule], LAW | there | reach, law).verdict for reach in reaches}
    assert found == {"review" if readable else "pass"}
    assert decide(RULES[rule], LAW | there, law).verdict == "n.a."
    silent = {name: said for name, said in there.items() if name != "group_entity_abroad"}
    asked = decide(RULES[rule], LAW | silent, law)
    assert asked.verdict == ("review" if readable else "pass")
    assert asked.missing == (("group_entity_abroad",) if readable else ())


@pytest.mark.parametrize(
    ("residency", "place", "verdict"),
    [
        (["CH", "EEA"], "CH", "pass"),
        (["CH", "EEA"], "NO", "pass"),
        (["CH", "EEA"], "US", "fail"),
        ("EEA", "CH", "fail"),
        ("any", "US", "n.a."),
    ],
)
def test_residency_is_a_list_of_places(base, residency, place, verdict):
    listed = put(base, {"workloads.assistant.data.residency": residency})
    listed = changed(listed, "api", place=place)
    assert verdicts(sovereignty.assess(listed), "api")["RES-1"] == verdict


def test_a_line_of_models_with_mandatory_retention_overrides_zero_retention(base):
    held = {"options.api.models": {"all": "claude-fable-5"}, "options.api.vendor": "Anthropic"}
    found = sovereignty.judged(put(base, held), "api")
    logs = next(f for f in found.flows if f.kind == "logs")
    assert logs.values["retention_days"] == 30 and logs.values["zdr"] is False


# Nothing is cleared by silence


def client_of(country, sector, data=None, answers=None, options=None):
    """The base scenario as that of another client; what is not written stays unwritten."""
    fields = {"personal": True, "use_case": "assistant", **(data or {})}
    asked = {
        "client.country": country, "client.sector": sector, "workloads.assistant.data": fields,
        "rules.attributes": answers or {},
    }  # fmt: skip
    said = put(scenario.load("base"), asked)
    for name, own in (options or {}).items():
        said = changed(said, name, **own)
    return said


def not_on_file(found):
    """Rules of coverage of topics that concern the client and are not on file."""
    return {t.found.rule.rule_id for t in found.for_counsel if not t.law.on_file}


def read_off(said):
    """The assessment, and the verdicts of each option by rule."""
    found = sovereignty.assess(said)
    return found, {o: verdicts(found, o) for o in found.options}


def test_several_workloads_in_one_flow_are_bound_by_every_secrecy_that_one_of_them_has():
    def together(*stated: list[str] | None) -> list[str] | None:
        base = scenario.load("base").workloads["assistant"]
        loads = {
            str(n): base.model_copy(update={"data": base.data.model_copy(update={"secrecy": s})})
            for n, s in enumerate(stated)
        }
        return flows._data(loads).secrecy

    assert together(["medical"], ["banking"]) == ["medical", "banking"]
    assert together([], []) == []  # none, and that was said of both
    assert together([], None) is None  # of one nobody said it
    assert together(["medical"], None) == ["medical"]


@pytest.mark.parametrize(
    ("decides", "asked"), [({}, True), ({"decides_on_people": False}, False)], ids=["open", "no"]
)
def test_annex_iii_is_asked_as_long_as_decisions_on_people_are_open(decides, asked):
    """Uses that decide on work, credit or care are what Annex III names (nos. 4 and 5): the one
    is not assumed away while the other is a question."""
    found, _ = read_off(client_of("IT", "banking", {"use_case": "assistant"}, decides))
    awaited = {p.awaited.name for p in found.options["owned"].open_points if p.awaited}
    assert ("annex_iii" in awaited) == asked
    assert ("annex_iii" in {k.attribute.name for k in found.assumptions}) != asked


def test_secrets_that_sub_processors_may_read_are_open_while_nobody_said_whether_they_are_bound():
    """§ 203(4) sentence 2 no. 2 StGB: an undertaking of the provider speaks of the provider."""
    bound = {"api": {"secrecy_undertaking": True}}
    said = client_of("DE", "health", {"secrecy": ["medical"]}, options=bound)
    found, verdicts = read_off(said)
    assert verdicts["api"]["DE-203-2"] == "review"
    (open_one,) = found.options["api"].findings["DE-203-2"]
    assert "subprocessors_undertaking" in open_one.missing
    assert open_one.supposing({"subprocessors_undertaking": True, "place": "DE"}).verdict == "pass"


def test_what_is_taken_for_granted_is_asked_where_the_sector_makes_it_likely():
    """A hospital that does not say whether it handles patients in great number has not said no."""

    def large(sector):
        said = client_of("DE", sector)
        return flows_of(said, "api", BOOK.on(TODAY))[0].known.get("large_scale")

    assert large("health") is None
    assert large("software").assumed and large("software").value is False


def test_written_null_is_unknown_where_nothing_would_be_asked():
    said = client_of("DE", "software", {"large_scale": None})
    assert "large_scale" not in flows_of(said, "api", BOOK.on(TODAY))[0].known


def test_special_categories_are_nobodys_guess_in_any_sector():
    """Political opinions and membership of a union are found in any trade (GDPR Art. 9(1))."""
    for sector in get_args(Sector):
        found = sovereignty.judged(client_of("DE", sector), "api").verdicts["GDPR-9-1"]
        assert found.verdict == "review" and "special_category" in found.missing, sector


@pytest.mark.parametrize(
    ("texts", "verdict"), [({}, "n.a."), ({"special_category": True}, "review")]
)
def test_work_without_personal_data_leaves_no_special_category_open(texts, verdict):
    said = scenario.load("bursztyn-dom")
    data = {"personal": False, "residency": "EEA"} | texts
    said = put(said, {"workloads.product-texts.data": data})
    assert sovereignty.judged(said, "owned").verdicts["GDPR-9-1"].verdict == verdict


def test_the_place_of_support_and_of_subprocessors_is_asked_and_never_inherited():
    said = client_of("DE", "software", options={"api": {"place": "DE"}})
    places = {f.kind: f.values.get("place") for f in flows_of(said, "api", BOOK.on(TODAY))}
    assert places["inference"] == places["logs"] == "DE"
    assert places["support_access"] is places["subprocessors"] is None


def test_one_unanswered_question_is_one_open_point(base):
    for option in sovereignty.assess(base).options.values():
        reviews = [f for f in option.verdicts.values() if f.verdict == "review"]
        awaited = [p.awaited.name for p in option.open_points if p.awaited]
        assert len(awaited) == len(set(awaited))
        held = [f.rule.rule_id for p in option.open_points for f in p.findings]
        assert sorted(held) == sorted(f.rule.rule_id for f in reviews)
        assert len(option.open_points) < len(reviews)


@pytest.fixture(scope="module")
def assessed():
    """Clients as their files say them."""
    return {c: sovereignty.assess(scenario.load(c)) for c in (CLINIC, SOFTWARE_HOUSE)}


CLINIC = "klinikverbund-nordheide"
SOFTWARE_HOUSE = "polderwerk"


@pytest.mark.parametrize(
    ("client", "option", "asked", "settled_by", "of_law", "binds_now", "carriers"),
    [
        # Its own machines: whether somebody outside maintains them, the clinic itself knows.
        (CLINIC, "owned", "external", "answer", True, True, ("owned",)),
        # Duties of high-risk systems are to come.
        (CLINIC, "rented", "annex_iii", "answer", True, False, ("rented",)),
        (SOFTWARE_HOUSE, "api", "clear_text", "ask", True, False, ("api",)),
        # Art. 51 AI Act binds who made the model, and only its maker can say how it was trained.
        (SOFTWARE_HOUSE, "rented", "systemic_risk", "ask", False, False, ("rented",)),
    ],
)
def test_who_is_asked_and_whether_the_law_asks_it_of_the_client_already(
    assessed, client, option, asked, settled_by, of_law, binds_now, carriers
):
    points = assessed[client].options[option].open_points
    (point,) = (p for p in points if p.awaited and p.awaited.name == asked)
    said = (point.settled_by, point.is_of_law, point.binds_now, point.carriers)
    assert said == (settled_by, of_law, binds_now, carriers)
    assert point.is_on_others == (not of_law)


def test_of_rules_that_wait_for_one_answer_secrecy_is_first_and_what_no_law_asks_last(assessed):
    points = assessed[CLINIC].options["owned"].open_points
    (point,) = (p for p in points if p.awaited and p.awaited.name == "external")
    told = [f.rule.rule_id for f in point.by_gravity]
    assert (told[0], told[-1]) == ("DE-203-1", "RES-3")
    assert told.index("GDPR-45-3") < told.index("CN-1")
    assert point.label == f"{RULES['DE-203-1'].title} and {len(told) - 1} more"


SINCE = "on_market_before_aug_2026"


@pytest.mark.parametrize(
    ("option", "until", "older", "day"),
    [
        # Regulation (EU) 2026/1744: what was in service before August is marked by 2 December.
        ("api", dt.date(2026, 12, 31), {}, dt.date(2026, 12, 2)),
        ("api", dt.date(2026, 12, 1), {}, None),
        # What is newer has no time; nor has a mix of which one part is.
        ("api", dt.date(2026, 12, 31), {"api": False}, None),
        ("hybrid", dt.date(2026, 12, 31), {}, dt.date(2026, 12, 2)),
        ("hybrid", dt.date(2026, 12, 31), {"api": False}, None),
    ],
)
def test_marking_is_due_on_2_december_2026_of_what_is_older(option, until, older, day):
    answers = {f"options.{name}.attributes.{SINCE}": said for name, said in older.items()}
    found = sovereignty.assess(put(scenario.load(SOFTWARE_HOUSE), answers))
    points = found.options[option].open_points
    (point,) = (p for p in points if p.lead.rule.rule_id == "AIA-50-2")
    assert found.stricter_from(option, point, until) == day


@pytest.mark.parametrize(
    ("country", "held"),
    # The machines stand in Finland with a Dutch firm.
    [("DE", True), ("NO", True), ("CH", True), ("NL", True), ("US", False), ("JP", False)],
)
def test_law_of_the_eea_is_no_third_countrys_to_who_is_in_it_or_beside_it(assessed, country, held):
    found = assessed[SOFTWARE_HOUSE]
    shown = properties.shown(found.options["rented"].flows, found.law, country)
    assert ("no_third_law" in shown) == held


@pytest.mark.parametrize("client", CLIENTS)
def test_what_can_strike_an_option_stands_first_and_marking_duties_last(client):
    for option in sovereignty.assess(scenario.load(client)).options.values():
        for can in (True, False):
            alike = [p for p in option.open_points if p.strikes is can]
            order = [
                (
                    p.lead.may_not_apply,
                    p.is_on_others,
                    sovereignty.WEIGHTS.index(p.lead.rule.weight),
                )
                for p in alike
            ]
            assert order == sorted(order)
        can_strike = [p.strikes for p in option.open_points]
        assert can_strike == sorted(can_strike, reverse=True)


def test_every_country_and_topic_is_on_file_or_said_not_to_be():
    """What the table of coverage calls on file names rules of the book; all else makes a line."""
    laws = catalogue.table("law_coverage", rulebook.Coverage)
    every = {law.touched_by for law in laws}
    assert every == set(LIMITS)
    assert {law.touched_by for law in laws if law.country == "*"} == every
    for law in laws:
        named = [r for r in law.rules.split(";") if r]
        assert set(named) <= set(RULES), law.country
        assert bool(named) or not law.on_file, (law.country, law.topic)


def test_a_country_that_no_table_names_is_told_on_every_topic():
    data = {"secrecy": ["banking", "medical", "professional", "state", "trade"]}
    found, _ = read_off(client_of("JP", "banking", data, {"staff_use": True}))
    told = not_on_file(found)
    assert told == set(LIMITS) - {"COV-PUBLIC"}  # a bank is no public body
    # … and in no option's verdicts, so in no score
    assert not [o for o in found.options.values() if set(LIMITS) & o.verdicts.keys()]
    found, _ = read_off(client_of("JP", "public", data))
    assert "COV-PUBLIC" in not_on_file(found)


def test_what_a_vendor_demands_of_a_line_of_models_holds_however_a_seller_writes_the_name():
    law = BOOK.on(scenario.load("base").client.report_date)
    lines = [s for s in law.published if s.startswith("model:")]
    assert lines
    sold = [m.id for p in price_list for m in p.models]
    for line in lines:
        name = line.removeprefix("model:")
        of_line = [m for m in sold if name in m.lower()]
        channels = {m.lower().partition(name)[0] for m in of_line}
        assert {"", "global.anthropic.", "regional.anthropic."} <= channels, channels
        assert [m for m in of_line if line not in flows._model_subjects(m, law)] == []
        # One that only mentions the line is no model of it.
        assert line not in flows._model_subjects(f"distilled-from-{name}", law)


def test_an_answer_that_changes_nothing_is_no_ground_of_a_verdict(base):
    # Nothing is kept, so that how long and why does not matter.
    said = changed(base, "api", retention_days=0, retention_needed=False)
    finding = sovereignty.assess(said).options["api"].verdicts["GDPR-5-2"]
    assert finding.verdict == "pass"
    names = {known.attribute.name for known in finding.evidence}
    grounds = {known.attribute.name for known in finding.grounds}
    assert "retention_needed" in names - grounds
    assert "retention_days" in grounds


def test_all_is_kept_where_own_machines_stand_and_only_the_computing_of_others_is_there(base):
    found = sovereignty.assess(base)

    def placed(option, kind):
        return {
            "place" in flow.known and flow.known["place"].value == base.options[option].country
            for flow in found.options[option].flows
            if flow.kind == kind
        }

    assert placed("owned", "inference") == placed("owned", "logs") == {True}
    assert placed("rented", "inference") == {True}


def test_the_day_on_which_a_model_came_is_known_of_one_that_is_run(base):
    def told(option):
        facts = openness.model_facts(base, option, "google/gemma-4-31B-it", BOOK)
        return {known.attribute.name: known.value for known in facts}

    row = openness.catalogued("google/gemma-4-31B-it")
    assert str(told("owned")["model_released"]) == row.release_date
    assert "model_released" not in told("api")


@pytest.mark.parametrize(
    ("model", "residency", "verdicts", "place"),
    [
        # The geography of the profile lies inside the Union, and is wider than one country.
        ("eu.anthropic.claude-sonnet-4-6", "EU", ["pass", "pass"], "EU"),
        ("eu.anthropic.claude-sonnet-4-6", "country", ["review", "review"], "EU"),
        ("us.anthropic.claude-sonnet-4-6", "EU", ["fail", "review"], "US"),
        # A route across regions whose geography nobody states is not known to be inside.
        ("anthropic.claude-sonnet-4-6", "EU", ["review", "review"], None),
    ],
)
def test_an_endpoint_that_roams_is_not_where_its_region_is(model, residency, verdicts, place):
    """Amazon Bedrock user guide, geographic cross-Region inference: any region of the geography of
    a profile may answer."""
    bank = scenario.load("banca-valdora")
    said = {
        "options.bedrock.models": {"all": model},
        "workloads.assistant.data.residency": [residency],
    }
    there = put(bank, said)
    found = sovereignty.judged(there, "bedrock")
    first = next(f for f in found.flows if f.kind == "inference")
    assert first.values.get("place") == place
    on_flow = [found.findings[rule][0] for rule in ("RES-1", "RES-2")]
    assert [f.verdict for f in on_flow] == verdicts
    if place is None:
        assert all("place" in f.missing for f in on_flow)


def test_a_pinned_endpoint_is_where_its_region_is():
    bank = scenario.load("banca-valdora")
    there = put(bank, {"options.bedrock.attributes.endpoint_scope": "pinned"})
    inference = sovereignty.judged(there, "bedrock").flows[0]
    assert inference.values["place"] == "IT"


def test_a_client_outside_the_eea_is_asked_of_it_only_where_its_people_are_there():
    def assessed(**told):
        s = put(scenario.load("tidewater-apps"), {"client.country": "CA"})
        known = {k: v for k, v in s.rules.attributes.items() if k != "eu_data_subjects"}
        rules = s.rules.model_copy(update={"attributes": known})
        client = s.client.model_copy(update=told)
        return sovereignty.assess(s.model_copy(update={"client": client, "rules": rules}))

    def bound(found):
        return {
            r for o in found.options.values() for r, f in o.verdicts.items() if f.verdict != "n.a."
        }

    elsewhere = assessed()
    assert "eu_data_subjects" not in elsewhere.questions
    assert bound(elsewhere) < bound(assessed(people=["CA", "IE"]))
