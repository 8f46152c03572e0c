"""The page on data and law: the law that matters is named, and what is silent is said."""

import pytest
import studies
from siting.inputs import scenario
from siting.inputs.scenario.changes import put
from siting.rules import sovereignty
from siting.study import Study
from studies import designed, opened


def test_a_directive_binds_nobody_before_its_national_act_is_in_force():
    def verdicts(client: str) -> set[str]:
        options = sovereignty.assess(scenario.load(client)).options.values()
        return {option.verdicts["NIS2-21-1"].verdict for option in options}

    assert verdicts("agence-lumiere") == {"n.a."}
    assert "n.a." not in verdicts("klinikverbund-nordheide")


MARKING = "Marking of generated content"


@pytest.mark.parametrize(
    ("client", "older"), [("polderwerk", True), ("klinikverbund-nordheide", False)]
)
def test_only_a_system_older_than_the_duty_to_mark_has_time(client, older):
    """AI Act Art. 50(2) binds since 2 August 2026; systems placed before, from 2 December 2026."""
    s = opened(client)
    points = s.points()
    own = points[(points.option == s.chosen) & (points.point == MARKING)].iloc[0]
    # What is to go live marks from its first day: the time is of the service that runs.
    assert own.due == "2026-12-24"
    left = points.dropna(subset="in_force").set_index("point")
    if older:
        assert left.due[MARKING] == "2026-12-01"


@pytest.mark.parametrize(
    ("client", "topic", "due", "later"),
    [
        # Report of 24 November 2026 and 90 (30 to 210), 465 (180 to 720) days of usual_times.csv;
        # go on another model in place is 30 days on; where a board sits, 57.
        ("polderwerk", "Works council", "2026-12-24", "2026-12-24"),
        ("klinikverbund-nordheide", "Works council", "2026-12-24", "2026-12-24"),
        ("klinikverbund-nordheide", "Software that serves care", "2026-12-24", "2027-05-23"),
    ],
)
def test_what_a_law_asks_for_has_its_usual_time_in_the_plan(client, topic, due, later):
    s = opened(client)
    own = s.points()
    own = own[(own.option == s.chosen) & own.point.str.startswith(topic)].iloc[0]
    assert (own.due, own.usual_from) == (due, later)
    steps = s.steps()
    assert due in set(steps.due[steps.label.str.endswith(f"decided by {own.owner}")])


def test_a_sub_processor_abroad_does_not_pass_a_residency_that_is_required():
    """Its vendor names sub-processors in the USA, and the client asks for the EU: whether they hold
    or process the data is asked, and the option may fall by the answer."""
    s = opened("polderwerk")
    points = s.points()
    title = "Place of sub-processors"
    own = points[(points.option == s.chosen) & (points.point == title)]
    (point,) = own.itertuples()
    assert point.can_strike
    assert point.to == "asks OpenAI"
    assert point.cure.startswith("Do its sub-processors hold or process our")
    verdicts = s.rule_verdicts()
    verdicts = verdicts[(verdicts.rule_id == "RES-4") & (verdicts.option == s.today)]
    assert verdicts.verdict.to_list() == ["review"]


def test_an_order_that_was_lifted_and_a_caution_of_ours_strike_nothing():
    s = opened("polderwerk")
    points = s.points()
    own = points[points.option == s.chosen].set_index("point")
    for point in ("Access to US models can be cut", "Reach of courts outside the EEA"):
        assert own.basis[point] != "law", point
        assert not own.can_strike[point], point
    # The CLOUD Act is law; but it lets a provider be ordered, and forbids the client nothing.
    assert own.basis["Orders for data in possession, custody or control"] == "others"
    assert not own.can_strike["Orders for data in possession, custody or control"]
    assert "lifted on 30 June 2026" in own.laws["Access to US models can be cut"]


@pytest.mark.parametrize(
    ("client", "point", "law"),
    [
        ("polderwerk", "Reach of courts outside the EEA", "the law is that of the court"),
        ("tidewater-apps", "Chinese operator or place",
         "no law on file forbids what Chinese law may reach"),
    ],
)  # fmt: skip
def test_no_article_of_the_gdpr_is_cited_where_it_does_not_reach(client, point, law):
    s = opened(client)
    options = s.results.sovereignty.options
    open_points = options[s.results.decision.recommended].open_points
    (own,) = (each for each in open_points if each.label == point)
    provisions = "; ".join(found.provision for found in own.findings)
    assert law in provisions
    assert "GDPR" not in provisions
    there = opened("klinikverbund-nordheide").rule_verdicts()
    # Art. 48 says which foreign orders may be heeded; whom to choose is Art. 28(1).
    cited = there.provision[there.title == "Reach of courts outside the EEA"]
    assert set(cited.str[:17]) == {"GDPR Art. 28(1) a"}


def test_an_option_is_ruled_out_by_what_is_known_to_bind_the_client():
    """Its own policy asks for SecNumCloud, which nobody doubts; the law on secrets of the State
    may ask the same, if the client is a body of the State."""
    barred = opened("agence-lumiere").sums().set_index("option")
    for option in ("Mistral API", "Scaleway GPUs"):
        assert barred.whose[option] == "your policy"
        assert barred.title[option] == "that a service holds a SecNumCloud qualification"
        # What Art. 31 of the law SREN may ask as well is not the client's to drop.
        assert not isinstance(barred.opens[option], str)
    # No line of its policy asks what the CLOUD Act's rule asks.
    assert barred.whose["Azure OpenAI"] == "your answer"


def test_who_says_that_the_assessment_covers_an_option_has_it_cleared():
    answer = {"options.sovereign.attributes.dpia_covers": True}
    law = sovereignty.assess(put(designed("banca-valdora"), answer)).options
    assert law["sovereign"].verdicts["GDPR-35-1"].verdict == "pass"
    assert law["owned"].verdicts["GDPR-35-1"].verdict == "review"


def test_only_what_a_client_has_said_to_be_lacking_is_known_and_due():
    """AI Act Art. 50(1) and (2) hold exceptions, which a person must check; Art. 48 and 28(1) GDPR
    ask for a judgement. None of these is a breach that anybody has established."""
    for client in ("klinikverbund-nordheide", "polderwerk"):
        left = opened(client).points().dropna(subset="in_force").set_index("point")
        assert not left.is_due.any(), client
        assert left.in_force["People know that it is AI"], client


def test_a_contract_without_audits_is_known_to_lack_what_the_law_asks():
    """GDPR Art. 28(3)(h): the contract stipulates that the processor allows for audits."""
    for attribute, lacks in (("audit_rights", True), ("subprocessors_listed", False)):
        said = {f"options.sovereign.attributes.{attribute}": False}
        law = sovereignty.assess(put(scenario.load("agence-lumiere"), said)).options["sovereign"]
        found = law.verdicts["GDPR-28-1"]
        assert found.is_lacking == lacks
        assert lacks or found.verdict == "review"


def test_names_in_commits_are_personal_whether_or_not_the_employer_sees_who_used_it():
    """GDPR Art. 4(1): polderwerk says that no data are personal. Its answer stands, is doubted
    first, and is cleared only if nothing is about people and nobody can be told apart by use."""
    s = opened("polderwerk")
    points = s.points()
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


def test_what_no_rule_looks_at_is_not_told_as_cleared():
    """Of Japan no law is wholly on file: the page on law may not read as if it allowed it."""
    asked = {"client.country": "JP", "rules.attributes": {"eu_data_subjects": False}}
    s = Study(scenario.changed(studies.alone("api"), asked))
    assert opened("tidewater-apps").has_law_on_file and not s.has_law_on_file
