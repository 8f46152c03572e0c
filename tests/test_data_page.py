"""The page on data and law: the law that matters is named, and what is silent is said."""

from __future__ import annotations

import csv
import re
from importlib import resources

import pytest
from printed import printed
from siting import places, study
from siting.inputs.scenario.changes import put
from siting.rules import sovereignty
from siting.rules.sovereignty import OpenPoint
from studies import CLIENTS, opened


@pytest.mark.parametrize("client", CLIENTS)
def test_points_that_can_strike_stand_first(client: str) -> None:
    points = opened(client).rule_points()
    for option, own in points.groupby("option", observed=True):
        can = own.can_strike.to_list()
        assert can == sorted(can, reverse=True), option


def _holds(point: OpenPoint, rule: str) -> bool:
    return rule in {f.rule.rule_id for f in point.findings}


def test_a_promise_that_may_be_broken_can_strike_and_a_device_without_a_mark_too() -> None:
    for client, title in (
        ("tidewater-apps", "Promises kept to users"),
        ("klinikverbund-nordheide", "Software that serves care"),
    ):
        s = opened(client)
        points = s.rule_points()
        own = points[points.option == s.chosen].set_index("point")
        assert own.can_strike[title], title
    # An order to keep logs binds the vendor: the client breaches nothing, so nothing falls by it.
    assert (
        not opened("tidewater-apps")
        .rule_points()
        .set_index("point")
        .can_strike["Logs that a US court may order to be kept"]
        .any()
    )


def test_the_gap_of_a_bank_is_its_supervisors_and_not_the_secrecy_of_care() -> None:
    bank = {topic.law.topic: topic for topic in opened("banca-valdora").results.sovereignty.touched}
    assert "circular 285" in bank["financial supervision"].law.gap
    assert "health secrecy" not in bank
    clinic = opened("klinikverbund-nordheide").results.sovereignty.touched
    gaps = {topic.law.topic: topic.law.gap for topic in clinic}
    assert "staff councils" in gaps["employment"]
    assert "financial supervision" not in gaps


def test_a_question_to_a_vendor_is_understood_by_whoever_reads_it() -> None:
    table = resources.files("siting_facts").joinpath("sovereignty_attributes.csv")
    with table.open(encoding="utf-8", newline="") as file:
        asked = [row["question"] for row in csv.DictReader(file) if row["addressee"] == "vendor"]
    assert len(asked) > 50
    assert [
        question for question in asked if re.search(r"\b[Yy]ours?\b|\b[Yy]ou\b", question)
    ] == []


def test_a_directive_binds_nobody_before_its_national_act_is_in_force() -> None:
    french = opened("agence-lumiere").rule_verdicts()
    german = opened("klinikverbund-nordheide").rule_verdicts()
    assert set(french.verdict[french.rule == "NIS2-21-1"]) == {"n.a."}
    assert "n.a." not in set(german.verdict[german.rule == "NIS2-21-1"])


def test_passes_on_what_is_taken_for_granted_are_counted() -> None:
    """Of Agence: no critical function, and no reliance on a definition that is not adopted."""
    s = opened("agence-lumiere")
    counts = s.rule_counts().set_index("option")
    assert counts.passes_granted[s.chosen] == 2
    # Tidewater's one pass is good practice.
    at_sea = opened("tidewater-apps")
    assert at_sea.rule_counts().set_index("option").passes_of_law[at_sea.chosen] == 0


def test_a_question_on_a_flow_names_the_flows_of_which_the_answer_is_not_known() -> None:
    # Nobody has said from where the bank's support and its sub-processors reach the data.
    points = opened("banca-valdora").rule_points()
    asked = points[
        (points.option == "Seeweb cloud") & points.clears.str.contains("In which country")
    ]
    assert "this flow (support access, sub-processors) take place" in asked.clears.item()


def test_an_article_of_the_gdpr_is_named_only_where_the_gdpr_binds() -> None:
    # The American firm offers nothing to people in the EEA; the hospital holds patients' data.
    american = opened("tidewater-apps").rule_points()
    assert not american.laws.str.contains("GDPR Art").any()
    assert american.laws.str.contains("a caution of ours").any()
    hospital = opened("klinikverbund-nordheide").rule_points()
    assert hospital.laws.str.contains("GDPR Art. 44 and 46").any()
    assert not hospital.laws.str.contains("a caution of ours").any()


MARKING = "Marking of generated content"


@pytest.mark.parametrize(
    ("client", "older", "day", "told"),
    [
        (
            "banca-valdora",
            True,
            "2026-12-24",
            "today's output by 1 December 2026",
        ),
        (
            "polderwerk",
            True,
            "2026-12-24",
            "today's output by 1 December 2026",
        ),
        ("agence-lumiere", False, "2026-12-24", "no grace period, by your answer"),
        ("klinikverbund-nordheide", False, "2026-12-24", "no grace period, by your answer"),
    ],
)
def test_only_a_system_older_than_the_duty_to_mark_has_time(
    client: str, older: bool, day: str, told: str
) -> None:
    """AI Act Art. 50(2) binds since 2 August 2026; systems placed before, from 2 December 2026."""
    s = opened(client)
    points = s.open_points()
    own = points[(points.option == s.chosen) & (points.point == MARKING)].iloc[0]
    assert own.due == day
    answer = {True: "yes", False: "no"}[older]
    # What is to go live marks from its first day: the time is of the service that runs.
    said = f" “in service before 2 August 2026: {answer}”" if not older else ""
    assert own.spared == f"{told}{said}"
    assert own.binds_today
    left = s.points_today().set_index("point")
    if older:
        assert left.due[MARKING] == "2026-12-01"


def test_where_nobody_says_how_old_a_system_is_the_earlier_day_is_told_and_why() -> None:
    said = opened("klinikverbund-nordheide").results.said
    there = put(said, {"rules.attributes.on_market_before_aug_2026": None})
    s = study.Study(there)
    points = s.open_points()
    own = points[(points.option == "Own servers") & (points.point == MARKING)].iloc[0]
    assert own.due == "2026-12-01"
    assert own.spared == ("time only if “in service before 2 August 2026”, which nobody has stated")


def test_a_sub_processor_abroad_does_not_pass_a_residency_that_is_required() -> None:
    """Its vendor names sub-processors in the USA, and the client asks for the EU: whether they hold
    or process the data is asked, and the option may fall by the answer."""
    s = opened("polderwerk")
    points = s.rule_points()
    title = "Place of sub-processors"
    own = points[(points.option == s.chosen) & (points.point == title)]
    (point,) = own.itertuples()
    assert point.can_strike
    assert point.to == "asks OpenAI"
    assert point.clears.startswith("Do its sub-processors hold or process our")
    verdicts = s.rule_verdicts()
    verdicts = verdicts[(verdicts.rule == "RES-4") & (verdicts.option == s.today)]
    assert verdicts.verdict.to_list() == ["review"]


def test_nobody_is_told_to_do_at_a_model_api_what_only_its_operator_could() -> None:
    """Who is sent prompts reads them: no keys of the client's help there."""
    for client in CLIENTS:
        s = opened(client)
        for name, option in s.results.sovereignty.options.items():
            kinds = {f.values["deployment"] for f in option.flows if f.may_be_outside}
            if not kinds <= set(places.BY_REQUEST):
                continue
            for rule in ("US-CLOUD-1", "US-702-1", "FOR-SUB-1"):
                told = option.remedy(option.verdicts[rule])
                assert "keys" not in told, (client, name, rule)
                assert "udge" in told, (client, name, rule)
    rented = opened("polderwerk").results.sovereignty
    assert "Hold the keys" in rented.law.remedy("US-CLOUD-1", [{"deployment": "rented_gpus"}])


def test_an_order_that_was_lifted_and_a_caution_of_ours_strike_nothing() -> None:
    s = opened("polderwerk")
    points = s.rule_points()
    own = points[points.option == s.chosen].set_index("point")
    for point in ("Access to US models can be cut", "Reach of courts outside the EEA"):
        assert not own.of_law[point], point
        assert not own.can_strike[point], point
    # The CLOUD Act is law; but it lets a provider be ordered, and forbids the client nothing.
    assert own.on_others["Orders for data in possession, custody or control"]
    assert not own.of_law["Orders for data in possession, custody or control"]
    assert not own.can_strike["Orders for data in possession, custody or control"]
    assert "lifted on 30 June 2026" in own.laws["Access to US models can be cut"]


def test_law_in_a_group_of_rules_stands_before_what_no_law_asks() -> None:
    points = opened("polderwerk").rule_points()
    mixed = points[points.rules.str.contains("trade secrets") & points.laws.str.contains("caution")]
    assert set(mixed.option) == {"Own servers", "Own and OpenAI"}
    assert mixed.laws.str.startswith("Directive (EU) 2016/943").all()
    assert mixed.of_law.all()


def test_a_private_firm_outside_health_care_is_told_of_no_notice_that_texas_asks() -> None:
    law = opened("tidewater-apps").results.sovereignty.law
    assert law.remedy("US-TX-1", [{"sector": "software"}]) == "Check the prohibited uses."
    assert "show the notice" in law.remedy("US-TX-1", [{"sector": "health"}])


def test_a_point_has_one_name_on_pages_one_and_five() -> None:
    for client in CLIENTS:
        s = opened(client)
        points = s.open_points()
        names = set(points.point[(points.option == s.chosen) & (points.basis != "quality")])
        letters = s.rule_points()
        assert set(letters.point[letters.option == s.chosen]) == names


@pytest.mark.parametrize(
    ("client", "option"),
    [
        ("klinikverbund-nordheide", "Azure OpenAI"),
        ("banca-valdora", "Claude on Bedrock"),
        ("polderwerk", "OpenAI API"),
    ],
)
def test_what_law_asks_of_today_s_service_is_due_already_and_has_owners_and_a_day(
    client: str, option: str
) -> None:
    left = opened(client).points_today()
    own = left[left.in_force]
    assert set(own.owner) <= {*left.owner} and own.due.min() == "2026-12-24"


@pytest.mark.parametrize(
    ("client", "point", "law"),
    [
        ("polderwerk", "Reach of courts outside the EEA", "the law is that of the court"),
        (
            "tidewater-apps",
            "Chinese operator or place",
            "no law on file forbids what Chinese law may reach",
        ),
    ],
)
def test_no_article_of_the_gdpr_is_cited_where_it_does_not_reach(
    client: str, point: str, law: str
) -> None:
    s = opened(client)
    points = s.rule_points()
    own = points[(points.option == s.chosen) & (points.point == point)].iloc[0]
    assert law in own.provisions
    assert "GDPR" not in own.provisions
    there = opened("klinikverbund-nordheide").rule_verdicts()
    # Art. 48 says which foreign orders may be heeded; whom to choose is Art. 28(1).
    cited = there.provision[there.title == "Reach of courts outside the EEA"]
    assert set(cited.str[:17]) == {"GDPR Art. 28(1) a"}


def test_law_that_a_client_may_touch_is_not_said_to_have_no_gap() -> None:
    """Prompts hold no personal data, but the developers who use the system leave some."""
    touched = opened("polderwerk").results.sovereignty.touched
    found = {topic.law.topic: topic.found for topic in touched}
    assert not found["data protection"].may_not_apply
    assert "professional secrecy" not in found


def test_an_option_is_ruled_out_by_what_is_known_to_bind_the_client() -> None:
    """Its own policy asks for SecNumCloud, which nobody doubts; the law on secrets of the State
    may ask the same, if the client is a body of the State."""
    barred = opened("agence-lumiere").exclusions().set_index("option")
    for option in ("Mistral API", "Scaleway GPUs"):
        assert barred.whose[option] == "your policy"
        assert barred.title[option] == "that a service holds a SecNumCloud qualification"
        assert "(SREN) Art. 31 may ask the same (open)" in barred.rule[option]
    # No line of its policy asks what the CLOUD Act's rule asks.
    assert barred.whose["Azure OpenAI"] == "your answer"


@pytest.mark.parametrize("client", CLIENTS)
def test_what_a_rule_takes_as_answered_of_a_vendor_is_not_asked_again(client: str) -> None:
    s = opened(client)
    profile = s.vendor_profile()
    missing = set(map(tuple, profile[profile.known.isna()][["vendor", "what"]].to_numpy()))
    labels = {"parent_country": "seat of the group", "cert_iso27001": "ISO 27001"}
    names = {name: v.vendor for name, v in s.results.stability.vendors.items()}
    for option in s.results.sovereignty.options.values():
        for flow in option.flows:
            vendor = names.get(s.options[flow.carrier].vendor)
            for attribute, label in labels.items():
                if vendor and flow.values.get(attribute) is not None:
                    assert (vendor, label) not in missing


def test_a_point_of_good_practice_policy_or_caution_is_not_counted_as_of_law() -> None:
    """NIST's framework is voluntary; what the client requires and what we caution bind nobody."""
    for client, point in (
        ("banca-valdora", "Contingency for third-party AI"),
        ("polderwerk", "Reach of courts outside the EEA"),
    ):
        s = opened(client)
        points = s.rule_points()
        own = points[points.option == s.chosen].set_index("point")
        assert not own.of_law[point], point
        assert own.of_law["Marking of generated content"]


def test_a_point_that_no_answer_can_strike_or_change_does_not_stand_open() -> None:
    """The qualification is on file, so the act on other sensitive data of the State passes, or does
    not apply; of an option without it, the same question is open."""
    s = opened("agence-lumiere")
    verdicts = s.rule_verdicts()
    sren = verdicts[verdicts.rule == "SREN-31-1"].set_index("option")
    assert sren.verdict[s.chosen] == "pass"
    assert sren.reason[s.chosen].startswith("If it applies: ")
    assert "review" in set(sren.verdict)
    for option, own in s.results.sovereignty.options.items():
        for found in (f for every in own.findings.values() for f in every):
            if found.verdict == "review" and found.may_not_apply:
                assert found.cleared_by or found.missing, (option, found.rule.rule_id)


def test_no_question_to_a_vendor_is_about_what_the_client_carries_alone() -> None:
    asked = opened("assekuranz-saentis").results.sovereignty.questions
    certified = {q.addressee: q for q in asked if "27001" in q.question}
    assert "small" not in certified["vendor"].options
    assert "small" in certified["own team"].options
    assert certified["own team"].question.startswith("Is our own operation audited")
    device = opened("klinikverbund-nordheide").open_points()
    own = device[(device.option == "Own servers") & (device.point == "Software that serves care")]
    assert "or do we make it ourselves" in own.question.item()


def test_the_cloud_act_forbids_a_client_nothing_what_does_is_named() -> None:
    barred = opened("agence-lumiere").exclusions().set_index("option")
    assert barred.title["Azure OpenAI"].startswith("state secrecy, which orders")
    assert "to its provider under 18 U.S.C. § 2713 (CLOUD Act, 2018)" in barred.rule["Azure OpenAI"]


def test_evidence_of_a_pass_is_the_answer_that_decides() -> None:
    """That nothing is kept decides; the country of a parent says only that the law looks."""
    verdicts = opened("polderwerk").rule_verdicts()
    kept = verdicts[(verdicts.rule == "LEGALHOLD-2") & (verdicts.verdict == "pass")]
    assert kept.evidence.str.contains("etention").all()
    assert len(kept)
    french = opened("agence-lumiere").rule_verdicts()
    own = french[(french.option == "Qualified cloud") & french.weak.str.contains("SFEIR")]
    assert len(own)


def test_what_is_open_of_today_s_service_is_listed_known_and_due_first() -> None:
    """DORA Art. 28(8) binds since 17 January 2025, and by the client's own answer its exit plan is
    untested; Art. 111 of the AI Act gives what it marks a time."""
    s = opened("banca-valdora")
    left = s.points_today().set_index("point")
    exit_plan = left.loc["Exit plan"]
    assert exit_plan.is_due
    assert exit_plan.since == "2025-01-17"
    assert exit_plan.owner == "risk management"
    assert left.index[left.is_due].to_list() == ["Exit plan"]
    assert left.is_due.to_list() == sorted(left.is_due, reverse=True)
    assert left.loc["Register of information"].standing == (
        "due already, unless an answer clears it"
    )
    # Art. 29(1) asks for an assessment, which is done; whether the share is borne is judged.
    concentration = left.loc["Concentration on one provider"]
    assert (
        concentration.standing
        == "due already, unless a person judges it met, or finds an exception"
    )
    assert concentration.in_force and not concentration.is_due
    marking = left.loc["Marking of generated content"]
    assert not marking.is_due
    assert marking.standing == "time, until the day to settle it by"
    assert not marking.in_force
    assert marking.due == "2026-12-01"
    # As many as page 5 counts.
    points = s.rule_points()
    assert len(left) == (points.option == s.today).sum()


@pytest.mark.parametrize("client", ["banca-valdora", "polderwerk"])
def test_one_duty_has_one_day_whichever_service_it_is_told_of(client: str) -> None:
    """A step of the plan that mends it gives its day and owner to both; but what is known to be
    lacking of what runs is due by go or no-go, and what was in service has time to mark."""
    s = opened(client)
    left = s.points_today().set_index("point")
    points = s.open_points()
    mine = points[points.option == s.chosen].set_index("point")
    both = left.index.intersection(mine.index)
    alike = both[~left.is_due[both]].difference([MARKING])
    assert (left.due[alike] == mine.due[alike]).all()
    assert (left.due[left.is_due] <= s.results.first_gate).all()
    planned = "Contingency for third-party AI"  # a step tests the fallback after the others
    assert left.due[planned] > left.due[both].min()
    assert left.owner[planned] == mine.owner[planned]


def test_who_says_that_the_assessment_covers_an_option_has_it_cleared() -> None:
    s = opened("banca-valdora")
    answer = {"options.sovereign.attributes.dpia_covers": True}
    there = put(s.scenario, answer)
    law = sovereignty.assess(there).options
    assert law["sovereign"].verdicts["GDPR-35-1"].verdict == "pass"
    assert law["owned"].verdicts["GDPR-35-1"].verdict == "review"


def test_only_what_a_client_has_said_to_be_lacking_is_known_and_due() -> None:
    """AI Act Art. 50(1) and (2) hold exceptions, which a person must check; Art. 48 and 28(1) GDPR
    ask for a judgement. None of these is a breach that anybody has established."""
    for client in ("klinikverbund-nordheide", "polderwerk"):
        left = opened(client).points_today().set_index("point")
        assert not left.is_due.any(), client
        assert left.in_force["People know that it is AI"], client
    # The same state of a service that stays is told alike: in force, and not known.
    s = opened("agence-lumiere")
    points = s.open_points()
    marking = points[(points.option == s.chosen) & (points.point == MARKING)].iloc[0]
    assert marking.binds_today and not marking.is_known


def test_a_contract_without_audits_is_known_to_lack_what_the_law_asks() -> None:
    """GDPR Art. 28(3)(h): the contract stipulates that the processor allows for audits."""
    s = opened("agence-lumiere")
    said = {"options.sovereign.attributes.audit_rights": False}
    law = sovereignty.assess(put(s.scenario, said)).options["sovereign"]
    assert law.verdicts["GDPR-28-1"].is_lacking
    said = {"options.sovereign.attributes.subprocessors_listed": False}
    law = sovereignty.assess(put(s.scenario, said)).options["sovereign"]
    assert law.verdicts["GDPR-28-1"].verdict == "review"
    assert not law.verdicts["GDPR-28-1"].is_lacking


@pytest.mark.parametrize(
    ("client", "asked"),
    [
        # Its users are its own: the costs train them, so nobody is asked whether staff use it.
        ("banca-valdora", "Can the employer see who used the system"),
        ("klinikverbund-nordheide", "Is there a works council"),
        ("polderwerk", "Is there a works council"),
    ],
)
def test_nobody_is_asked_whether_staff_use_what_only_staff_use(client: str, asked: str) -> None:
    s = opened(client)
    points = s.open_points()
    own = points[(points.option == s.chosen) & (points.owner == "human resources")]
    (point,) = own.to_dict("records")
    assert point["question"].startswith(asked)


def test_names_in_commits_are_personal_whether_or_not_the_employer_sees_who_used_it() -> None:
    """GDPR Art. 4(1): polderwerk says that no data are personal. Its answer stands, is doubted
    first, and is cleared only if nothing is about people and nobody can be told apart by use."""
    s = opened("polderwerk")
    points = s.rule_points()
    own = points[points.option == s.chosen].set_index("letter")
    assert own.point["A"] == "Data said not to be personal"
    assert own.can_strike["A"] and own.cure["A"].startswith("Do prompts, files, commits")

    def said(**answers: bool) -> sovereignty.OptionAssessment:
        there = {f"rules.attributes.{name}": value for name, value in answers.items()}
        return sovereignty.assess(put(s.results.said, there)).options["hybrid"]

    unseen = said(usage_by_person=False).verdicts["GDPR-4-1"]
    assert (unseen.verdict, unseen.missing) == ("review", ("persons_in_data",))
    named = said(persons_in_data=True, usage_by_person=False)
    assert named.verdicts["GDPR-4-1"].verdict == "review"
    assert named.open_points[0].strikes and named.open_points[0].awaited is None
    neither = said(persons_in_data=False, usage_by_person=False)
    assert neither.verdicts["GDPR-4-1"].verdict == "pass"
    # The answer stays the client's: no rule on personal data applies by it.
    assert named.verdicts["GDPR-28-1"].verdict == "n.a."


def test_a_duty_that_is_known_to_be_lacking_is_no_rule_that_nobody_fails() -> None:
    """DORA Art. 28(8): the exit plan of what runs today was never tested."""
    counts = opened("banca-valdora").rule_counts().set_index("option")
    assert (counts.fail["Claude on Bedrock"], counts.lacking["Claude on Bedrock"]) == (0, 1)
    told = printed("80_rules", "banca-valdora")
    clean = told.partition("No rule fails for ")[2].partition(".")[0]
    assert "Claude on Bedrock" not in clean and "Seeweb cloud" in clean
    # Made good before go or no-go, and before the notice of 31 December.
    left = opened("banca-valdora").points_today().set_index("point")
    assert left.due["Exit plan"] == opened("banca-valdora").results.first_gate == "2026-12-24"


def test_plan_and_register_of_todays_contract_clear_no_option_without_one() -> None:
    """DORA Art. 28(3) and (8): an entry and a plan are of a contract; Seeweb has none yet."""
    found = opened("banca-valdora").results.sovereignty.options
    for rule in ("DORA-28-1", "DORA-28-2"):
        new = found["sovereign"].verdicts[rule]
        assert (new.verdict, new.is_lacking) == ("review", False)
        assert new.reason.startswith("No contract runs yet")
    told = found["bedrock"]
    assert told.remedy(told.verdicts["DORA-28-3"]).startswith("Show that it was told")
    assert found["sovereign"].remedy(found["sovereign"].verdicts["DORA-28-3"]).startswith("Tell")


def test_the_class_of_state_secrets_is_asked_first_and_nothing_goes_in_before() -> None:
    s = opened("agence-lumiere")
    points = s.rule_points()
    first = points[points.option == s.chosen].set_index("letter").loc["A"]
    assert (first.point, first.owner) == ("Class of the State secrets", "security officer")
    assert first.can_strike and "none of which goes in before it is known" in first.cure
    for given, verdict in (("classified", "review"), ("restricted", "review"), ("neither", "pass")):
        there = put(s.scenario, {"rules.attributes.state_secret_class": given})
        law = sovereignty.assess(there).options["sovereign"]
        assert law.verdicts["FR-IGI-1"].verdict == verdict
    (public,) = (t.law for t in s.results.sovereignty.touched if t.law.topic == "public sector")
    assert "Diffusion restreinte (II 901)" in public.gap


def test_where_a_person_decides_only_what_is_left_is_asked() -> None:
    """GDPR Art. 22 after C-634/21 asks whether the person departs; Swiss FADP Art. 21(1) speaks of
    decisions that rest exclusively on automated processing, so a person keeps it off."""
    clinic = opened("klinikverbund-nordheide")
    points = clinic.rule_points()
    own = points[(points.option == clinic.chosen) & points.provisions.str.contains("Art. 22")]
    (point,) = own.itertuples()
    assert point.cure.startswith("Has the person who decides or reviews the power")
    effective = put(clinic.scenario, {"rules.attributes.human_review_effective": True})
    law = sovereignty.assess(effective).options["owned"]
    assert law.verdicts["GDPR-22-1"].verdict == "pass"
    insurer = opened("assekuranz-saentis")
    swiss = insurer.results.sovereignty.options["small"].verdicts["CH-FADP-21"]
    assert swiss.verdict == "n.a."
    alone = {"rules.attributes.human_decision": False, "rules.attributes.decides_on_people": True}
    law = sovereignty.assess(put(insurer.scenario, alone)).options["small"]
    assert law.verdicts["CH-FADP-21"].verdict == "review"


@pytest.mark.parametrize("client", ["klinikverbund-nordheide", "banca-valdora", "polderwerk"])
def test_the_reach_of_a_foreign_law_has_one_owner_whichever_rule_tells_of_it(client: str) -> None:
    law = opened(client).results.sovereignty.law
    reach = ("GDPR-48-1", "FOR-SUB-1", "US-CLOUD-1", "US-702-1")
    assert {law.rules[rule].owner for rule in reach} == {"data protection"}
    points = opened(client).rule_points()
    secrets = points[points.point.str.startswith("Reasonable steps to keep trade secrets")]
    assert set(secrets.owner) <= {"legal department"}


def test_an_american_client_is_cleared_by_a_place_at_home() -> None:
    verdicts = opened("tidewater-apps").rule_verdicts()
    chinese = verdicts[(verdicts.rule == "CN-1") & (verdicts.cleared_if != "")]
    assert len(chinese) and not chinese.cleared_if.str.contains("EEA").any()


def test_care_clears_health_data_by_a_law_or_contract_that_is_named() -> None:
    """Art. 9(2)(h) and (3) GDPR: “care” alone is no ground."""
    s = opened("klinikverbund-nordheide")
    points = s.rule_points()
    own = points[points.point == "Condition for special categories"]
    assert set(own.option) == set(s.rule_counts().option)
    assert own.can_strike.all()
    assert own.clears.str.contains("§ 22(1) no. 1 b BDSG", regex=False).all()
