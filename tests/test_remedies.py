"""What would mend a rule asks only for what is missing."""

import pytest
import studies
from siting.inputs import scenario
from siting.rules import remedies, rulebook, sovereignty
from siting.rules.conditions import Name, parse

WRITTEN = "Hold the keys [keys]; compute apart [apart]; tell people | choose another operator."
WAYS = remedies.read(WRITTEN, parse)


@pytest.mark.parametrize(
    ("flows", "said"),
    [
        ([{}], "Hold the keys, compute apart and tell people, or choose another operator."),
        ([{"keys": True}], "Compute apart and tell people, or choose another operator."),
        ([{"keys": True, "apart": True}], "Tell people, or choose another operator."),
        # Of two flows that are open, one has no keys held: they are still to be held.
        ([{"keys": True}, {"keys": False}], "Hold the keys, compute apart and tell people, or"),
        # Not known is not in place; and without a flow nothing is.
        ([{"keys": None}], "Hold the keys, compute apart"),
        ([], "Hold the keys, compute apart"),
    ],
)
def test_only_what_is_missing_is_told(flows, said):
    assert remedies.told(WAYS, flows).startswith(said)


def test_a_way_that_is_in_place_whole_did_not_help_and_is_left_out():
    ways = remedies.read("Move [moved] | bind the provider [bound].", parse)
    assert remedies.told(ways, [{"moved": True}]) == "Bind the provider."
    assert remedies.told(ways, [{"moved": True, "bound": True}]) == "Move, or bind the provider."
    assert remedies.told((), [{}]) == ""


def test_a_measure_is_words_and_at_most_one_condition_at_its_end():
    (way,) = remedies.read("Hold the keys [keys]; tell people.", parse)
    assert [m.text for m in way] == ["Hold the keys", "tell people"]
    assert way[0].in_place == Name("keys")
    for wrong in ("Hold [keys] the keys.", "Hold the keys [keys", "[keys]", "Hold [a] [b]."):
        with pytest.raises(ValueError, match="write one condition in square brackets at the end"):
            remedies.read(wrong, parse)


def test_every_remedy_of_the_table_is_a_sentence_without_conditions():
    book = rulebook.rule_book()
    for rule_id, rule in book.rules.items():
        said = book.remedy(rule_id, [])
        assert bool(said) == bool(rule.remedy), rule_id
        assert not said or (said[0].isupper() and said.endswith(".")), said
        assert not set("[]|;") & set(said), said


@pytest.mark.parametrize("client", studies.CLIENTS)
def test_no_client_is_told_to_hold_the_keys_that_it_holds(client):
    s = studies.opened(client)
    for option in s.results.sovereignty.options.values():
        for rule_id, finding in option.verdicts.items():
            held = [f.values.get("key_control") == "customer" for f in option.bound(rule_id)]
            if all(held) and finding.verdict in ("fail", "review"):
                assert "hold the keys" not in option.remedy(finding).lower(), rule_id


def test_who_holds_the_keys_is_asked_to_compute_confidentially_alone():
    # GDPR-48-1 waits for both: with keys held and not computed apart, the vendor reads the data.
    there = scenario.load("klinikverbund-nordheide")
    answers = {"confidential_computing": False, "parent_country": "US"}
    supposed = {f"options.azure.attributes.{name}": value for name, value in answers.items()}
    said = {}
    for holder in ("provider", "customer"):
        changes = supposed | {"options.azure.attributes.key_control": holder}
        option = sovereignty.assess(scenario.changed(there, changes)).options["azure"]
        finding = option.verdicts["GDPR-48-1"]
        assert finding.verdict in ("review", "fail")
        said[holder] = option.remedy(finding)
        points = [p for p in option.open_points if finding in p.findings]
        assert [p.remedy for p in points] == [said[holder]] * (finding.verdict == "review")
    otherwise = ", or choose an operator without a foreign parent."
    assert said["provider"] == "Hold the keys and compute confidentially" + otherwise
    assert said["customer"] == "Compute confidentially" + otherwise
