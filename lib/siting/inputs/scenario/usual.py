"""What a client leaves out and something else tells; an entry of `evidence` says so each time.

How far lengths spread: most clients know the mean of a bill and no percentile. Where the 95th
percentile of a length is left out, it is the stated mean times what is usual in published traces
(`load_settings.csv`). And how long the option takes that runs today: no time at all.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

from siting.catalogue import Input, Setting, first_day, settings
from siting.inputs import document
from siting.inputs.scenario.model import Evidence, Scenario

LENGTHS: Mapping[str, str] = {
    "input_tokens": "input_p95_over_mean",
    "output_tokens": "output_p95_over_mean",
}
"""Setting of load_settings.csv by the length whose spread it tells."""
NOT_STATED = "Usual ratio, not stated"
"""Begins the source of a percentile that the client has left out."""
RUNS_TODAY = "Not stated: what runs today (finance.baseline) needs no time to production"
"""Source of the months of an option that is in production."""


def fill(data: dict[str, Any], own: Mapping[str, Any]) -> None:
    """Puts a 95th percentile beside each mean that a client states alone, and no months beside what
    runs today, with their evidence.

    data: a scenario as plain data, laid over base.yaml, whose percentile does not belong to another
    mean; it is changed in place. own: what the client's own file says. What is malformed is left
    as it is, for the scenario to refuse.
    """
    evidence = data.get("evidence")
    for path, said in _alone(own):
        lengths = document.at(data, path)
        if not isinstance(lengths, dict) or not isinstance(evidence, list):
            continue
        ratio = settings("load_settings")[LENGTHS[path[-1]]]
        lengths["p95"] = round(said["mean"] * ratio.central, 1)
        evidence.append(_evidence(f"{document.dotted(path)}.p95", ratio, data))
    _in_production(data)


def _in_production(data: dict[str, Any]) -> None:
    """Gives the option that runs today no months to production, where nobody states any."""
    name = document.at(data, ("finance", "baseline"))
    option = document.at(data, ("options", str(name)))
    report = document.at(data, ("client", "report_date"))
    evidence = data.get("evidence")
    if not (
        isinstance(option, dict) and isinstance(evidence, list) and isinstance(report, dt.date)
    ):
        return
    if "months_to_production" in option:
        return
    data["options"] = {**data["options"], str(name): {**option, "months_to_production": 0}}
    entry = Evidence(
        fields=[f"options.{name}.months_to_production"],
        source=RUNS_TODAY,
        date=report,
        kind="estimate",
    )
    evidence.append(entry.model_dump())


def _alone(own: Mapping[str, Any]) -> Iterator[tuple[tuple[str, str, str], Mapping[str, Any]]]:
    """Lengths of workloads that state a mean and no 95th percentile, with their path."""
    for name, workload in dict(document.members(own.get("workloads"))).items():
        for field in LENGTHS:
            said = dict(document.members(workload)).get(field)
            if not isinstance(said, dict):
                continue
            mean = said.get("mean")
            stated = isinstance(mean, int | float) and not isinstance(mean, bool)
            if stated and said.get("p95") is None:
                yield ("workloads", str(name), field), said


def _evidence(path: str, ratio: Setting, data: Mapping[str, Any]) -> dict[str, Any]:
    """That a percentile is the usual one, and whose traces say so; never from after the report."""
    known = first_day(ratio.date)
    report = document.at(data, ("client", "report_date"))
    if isinstance(report, dt.date):
        known = min(known, report)
    entry = Evidence(
        fields=[path],
        source=f"{NOT_STATED}: {ratio.source}",
        date=known,
        locator=ratio.locator,
        url=ratio.url,
        kind="estimate",
    )
    return entry.model_dump()


def ratio(scenario: Scenario, workload: str, field: str) -> Setting | None:
    """The usual ratio that a length of a workload rests on; None where its spread is stated."""
    try:
        origin = scenario.origin(f"workloads.{workload}.{field}.p95")
    except KeyError:
        return None
    return (
        settings("load_settings")[LENGTHS[field]] if origin.source.startswith(NOT_STATED) else None
    )


def unstated(scenario: Scenario) -> Iterator[str]:
    """What was taken for a figure that nobody stated, in a line each."""
    data = scenario.model_dump()
    for entry in scenario.evidence:
        if not entry.source.startswith((NOT_STATED, RUNS_TODAY)):
            continue
        for field in entry.fields:
            value = document.at(data, field.split("."))
            likely = value["central"] if isinstance(value, dict) else value
            yield f"{field}: {likely:,.10g} is taken. {entry.source}"
    for name, workload in scenario.workloads.items():
        if workload.quality is None and workload.task != "embed":
            wrong = "no floor is stated, so that any model counts as good enough"
            write = "write reference_model and boards, or a test of your own"
            yield f"workloads.{name}.quality: {wrong}; {write}"


def inputs(scenario: Scenario) -> Iterator[Input]:
    """Each percentile that nobody stated, with the range of what is usual. [tokens]"""
    for name, workload in scenario.workloads.items():
        for field in LENGTHS:
            found = ratio(scenario, name, field)
            if found is not None:
                words = field.replace("_", " ")
                yield Input(
                    name=f"95th percentile of {words}, {name}",
                    value=found.range.scaled(getattr(workload, field).mean, "tokens"),
                    source=scenario.source(f"workloads.{name}.{field}.p95"),
                )
