"""Studies of the clients of `params/`, each computed once for all tests of a process."""

from collections.abc import Mapping
from functools import cache

from siting import study
from siting.inputs import scenario
from siting.verdict.chain import Chain


def _usable(client: str) -> bool:
    try:
        scenario.load(client)
    except scenario.DocumentError:
        return False
    return True


CLIENTS = [client for client in scenario.names() if _usable(client)]
"""Clients whose scenario can be used. That of another is refused by one test (test_scenario)."""
FEW = ["base", "klinikverbund-nordheide", "tidewater-apps"]
"""Three that differ most: an office in Germany with every kind of place and a mix, a hospital with
machines of its own, an API's customer in the United States. What holds of them holds of the others,
which test_clients renders."""

WORKLOADS = scenario.as_yaml(
    {"workloads": scenario.load("base").model_dump(exclude_none=True)["workloads"]}
)
"""The workloads of base.yaml, as lines of a client's file: they are nobody else's."""
WITH_SOURCE = f"{WORKLOADS}evidence:\n  - {{fields: [workloads], source: Acme, date: 2026-11-01}}\n"
"""The same, and who says so."""


def compute(client: str, changes: Mapping[str, object] | None = None) -> study.Study:
    """The client's study in English, so that tests read one language. changes: by dotted key."""
    found = scenario.changed(scenario.load(client), changes) if changes else scenario.load(client)
    english = found.client.model_copy(update={"language": "en"})
    return study.Study(found.model_copy(update={"client": english}))


def alone(*options: str, runs: bool = True) -> scenario.Scenario:
    """Base with these options and no other: what costs least to compute. runs: whether the first of
    them runs today."""
    base = scenario.load("base")
    finance = base.finance.model_copy(update={"baseline": options[0] if runs else "none"})
    chosen = {name: base.options[name] for name in options}
    return base.model_copy(update={"options": chosen, "finance": finance})


@cache
def _kept(client: str) -> study.Study:
    return compute(client)


def opened(client: str) -> study.Study:
    """The client's study. Its frames are copies, so no test sees what another does to them."""
    return _kept(client)


@cache
def designed(client: str) -> scenario.Scenario:
    """The client's scenario with the machines that the kit chooses where the file leaves them."""
    return Chain().built(scenario.load(client))
