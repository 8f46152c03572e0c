"""Studies of the clients of `params/`, each computed once for all tests of a process."""

from __future__ import annotations

from functools import cache

from siting import study
from siting.inputs import scenario

CLIENTS = scenario.names()

compute = study.open


@cache
def _kept(client: str) -> study.Study:
    return compute(client)


def opened(client: str) -> study.Study:
    """The client's study. Its frames are copies, so no test sees what another does to them."""
    return _kept(client) if client in CLIENTS else compute(client)
