"""One client's question: `params/base.yaml` with the client's differences laid over it.

A scenario is data, never code. Every key is known, every value typed; whatever is wrong is
refused with file, line, field, what is wrong and what to write instead (`ScenarioError`).

`load` gives the scenario of a client, `resolved` writes it out whole.
"""

# ruff: noqa: I001  # names given on, one a line

from siting.inputs.document import DocumentError
from siting.inputs.scenario.model import (
    OWNED as OWNED,
    SELF_HOSTED as SELF_HOSTED,
    Client as Client,
    Deadline as Deadline,
    Evidence as Evidence,
    FineTuning as FineTuning,
    Latency as Latency,
    Measured as Measured,
    Option as Option,
    OwnEvaluation as OwnEvaluation,
    Quality as Quality,
    Quote as Quote,
    Readiness as Readiness,
    Room as Room,
    Scenario as Scenario,
    Shock as Shock,
    Tokens as Tokens,
    Workload as Workload,
)
from siting.inputs.scenario.params import (
    changed as changed,
    create as create,
    examined as examined,
    load as load,
    names as names,
    new_text as new_text,
    path_of as path_of,
    project as project,
)
from siting.inputs.scenario.written import (
    as_yaml as as_yaml,
    json_schema as json_schema,
    resolved as resolved,
)

ScenarioError = DocumentError
"""A scenario cannot be used: `problems` has file, line, field, fault and remedy of each."""
