"""One client's question: `params/base.yaml` with the client's differences laid over it.

A scenario is data, never code. Every key is known, every value typed; whatever is wrong is
refused with file, line, field, what is wrong and what to write instead (`ScenarioError`).

`load` gives the scenario of a client, `resolved` writes it out whole.
"""

from siting.inputs.scenario.checks import contradictions
from siting.inputs.scenario.model import (
    OWNED,
    SELF_HOSTED,
    Client,
    Deadline,
    Evidence,
    FineTuning,
    Latency,
    Measured,
    Option,
    OwnEvaluation,
    Quality,
    Quote,
    Readiness,
    Room,
    Scenario,
    ScenarioError,
    Shock,
    Tokens,
    Workload,
)
from siting.inputs.scenario.params import (
    changed,
    create,
    examined,
    load,
    names,
    new_text,
    path_of,
    project,
)
from siting.inputs.scenario.written import as_yaml, json_schema, resolved

__all__ = [
    "OWNED",
    "SELF_HOSTED",
    "Client",
    "Deadline",
    "Evidence",
    "FineTuning",
    "Latency",
    "Measured",
    "Option",
    "OwnEvaluation",
    "Quality",
    "Quote",
    "Readiness",
    "Room",
    "Scenario",
    "ScenarioError",
    "Shock",
    "Tokens",
    "Workload",
    "as_yaml",
    "changed",
    "contradictions",
    "create",
    "examined",
    "json_schema",
    "load",
    "names",
    "new_text",
    "path_of",
    "project",
    "resolved",
]
