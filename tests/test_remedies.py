"""What would mend a rule asks only for what is missing."""

import pytest
import studies
from siting.rules import remedies
from siting.rules.conditions import parse

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
    assert remedies.missing(WAYS, flows).startswith(said)


@pytest.mark.parametrize(
    ("flows", "said"),
    [
        ([{"own": True}], "Hold the keys, or choose another operator."),
        ([{"own": False}], "Choose another operator."),
        ([{"own": True}, {"own": False}], "Choose another operator."),
        # Not known is open.
        ([{"own": None}], "Hold the keys, or choose another operator."),
    ],
)
def test_a_way_is_told_where_nothing_shows_that_it_is_closed(flows, said):
    ways = remedies.read("if own: Hold the keys | choose another operator.", parse)
    assert remedies.missing(ways, flows) == said


@pytest.mark.parametrize("client", studies.FEW)
def test_no_client_is_told_to_hold_the_keys_that_it_holds(client):
    s = studies.opened(client)
    for option in s.results.sovereignty.options.values():
        for rule_id, finding in option.verdicts.items():
            held = [f.values.get("key_control") == "customer" for f in option.bound(rule_id)]
            if all(held) and finding.verdict in ("fail", "review"):
                assert "hold the keys" not in option.remedy(finding).lower(), rule_id
