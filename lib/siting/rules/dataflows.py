"""The flows of data of an option, and what is known of each: answers laid over one another.

From the general to the specific, the later ones winning: thresholds and assumptions of the kit,
what holds by definition of the kind of option, published facts about the vendor and the maker of
the model, the scenario's own lines, and its answers for all options, for one option, for one flow.
What none of them answers stays unknown. An answer of null says 'asked, and not known'.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce

from siting.catalogue import Source, source_of
from siting.inputs.scenario import OWNED, Scenario, Workload
from siting.inputs.scenario.model import Data
from siting.quality import leaves
from siting.rules import conditions, openness, rulebook
from siting.rules.conditions import Value
from siting.rules.rulebook import FlowKind, Known, RuleBook
from siting.vendors import vendor_record

Workloads = Mapping[str, Workload]


@dataclass(frozen=True)
class FlowFacts:
    """One flow of one option with all that is known of it.

    carrier: the option that carries it (a part of a hybrid, else the option itself).
    """

    kind: str
    label: str
    carrier: str
    known: Mapping[str, Known]

    @cached_property
    def values(self) -> dict[str, Value | None]:
        return {name: known.value for name, known in self.known.items()}


def flows_of(scenario: Scenario, name: str, law: RuleBook) -> tuple[FlowFacts, ...]:
    """The flows of an option with all that is known of them; a hybrid has those of its parts.

    Raises ValueError naming an answer of the scenario that cannot be.
    """
    parts = leaves(scenario, name)
    return tuple(f for part in parts for f in _carried(scenario, part, name, law))


def _carried(scenario: Scenario, part: str, name: str, law: RuleBook) -> Iterator[FlowFacts]:
    """Flows that option `part` carries; `name` is itself, or the hybrid that it is a part of."""
    carrier = scenario.options[part]
    covered = scenario.workloads if carrier.models else {}
    for kind, exists in law.flow_kinds.items():
        for flow, label, workloads in _split(kind, covered):
            answers = _answers(scenario, (part, name), kind, flow, workloads, law)
            laid = {k.attribute.name: k for k in answers}
            known = {n: k for n, k in laid.items() if k.value is not None}
            title = label if part == name else f"{carrier.label}: {label}"
            found = FlowFacts(kind.flow, title, part, known)
            if conditions.evaluate(exists, {**law.sets, **found.values}):
                yield found


def _split(kind: FlowKind, workloads: Workloads) -> Iterator[tuple[str, str, Workloads]]:
    """Inference is one flow for each workload, since their data differ; others are one flow."""
    if kind.flow == "inference" and len(workloads) > 1:
        for name, workload in workloads.items():
            yield f"inference-{name}", f"{kind.label} of {name}", {name: workload}
    elif workloads:
        yield kind.flow, kind.label, workloads


def _answers(
    scenario: Scenario,
    owners: tuple[str, str],
    kind: FlowKind,
    flow: str,
    workloads: Workloads,
    law: RuleBook,
) -> Iterator[Known]:
    """From the general to the specific; owners: what carries the flow, and its hybrid."""
    part, carrier = owners[0], scenario.options[owners[0]]
    model = carrier.runs(next(iter(workloads)))
    yield from _published(["law", "threshold", "assumed", f"kind:{carrier.kind}"], kind.flow, law)
    yield from _vendor_facts(scenario, carrier.vendor, kind.flow, law)
    yield from openness.model_facts(scenario, part, model, law)
    yield from _published(_model_subjects(model, law), kind.flow, law)
    yield from _scenario_lines(scenario, part, workloads, law)
    if carrier.country and (kind.flow == "inference" or carrier.kind in OWNED):
        source = _client_source(scenario, f"options.{part}.country")
        yield law.known("place", carrier.country, source)
    stated = {"rules": scenario.rules.attributes}
    for owner in owners:
        option = scenario.options[owner]
        stated[f"options.{owner}"] = option.attributes
        for key in (kind.flow, flow):
            if key in option.flows:
                stated[f"options.{owner}.flows.{key}"] = option.flows[key].attributes
    for path, answers in stated.items():
        for name, answer in answers.items():
            where = f"{path}.attributes.{name}"
            if problem := rulebook.value_problem(name, answer, law.attributes):
                raise ValueError(f"{where}: {problem}")
            value = rulebook.typed(answer, law.attributes[name])
            yield law.known(name, value, _client_source(scenario, where))


def _published(subjects: Sequence[str], flow: str, law: RuleBook) -> Iterator[Known]:
    """What provider_attributes.csv states of `subjects` for a kind of flow on the day of `law`."""
    for subject in subjects:
        for row, known in law.published.get(subject, ()):
            if row.looks_at(flow) and row.holds(law.day):
                yield known


def _model_subjects(model: str, law: RuleBook) -> list[str]:
    """Subjects of what a vendor demands for a line of models on every channel."""
    bare = model.rsplit(".", 1)[-1] if model.startswith(("eu.", "us.")) else model
    lines = (s for s in law.published if s.startswith("model:"))
    return [s for s in lines if bare.startswith(s.removeprefix("model:"))]


def _vendor_facts(scenario: Scenario, name: str, flow: str, law: RuleBook) -> Iterator[Known]:
    """Published facts about the vendor, as far as they were known on the day of the report."""
    record = vendor_record.load().as_of(scenario.client.report_date)
    vendor = record.vendor(name)
    if vendor is None:
        return
    facts = record.facts_of(vendor)
    for a in law.attributes.values():
        if fact := facts.get(a.vendor_fact):
            yield Known(a, rulebook.plain_value(fact.value, a), source_of(fact))
    home = scenario.client.country
    groups = ["", f"/{home.lower()}", *(f"/{g}" for g, c in law.sets.items() if home in c)]
    names = filter(None, dict.fromkeys((vendor.group, vendor.vendor)))
    yield from _published([f"vendor:{n}{group}" for n in names for group in groups], flow, law)


def _client_source(scenario: Scenario, path: str) -> Source:
    """The scenario's own evidence for `path`, as a source."""
    try:
        return scenario.source(path)
    except KeyError:
        return Source(source="Scenario", locator=path, date="undated", kind="client")


def _scenario_lines(
    scenario: Scenario, part: str, workloads: Workloads, law: RuleBook
) -> Iterator[Known]:
    """What lines of the scenario say, as far as the dictionary names them (`stated_in`)."""
    sections = {**dict(scenario), "data": _data(workloads), "option": scenario.options[part]}
    paths = {"data": f"workloads.{next(iter(workloads))}.data", "option": f"options.{part}"}
    for a in law.attributes.values():
        if a.stated_in:
            line, how, word = (*a.stated_in.split(), "", "")[:3]
            section, *fields = line.split(".")
            found = reduce(getattr, fields, sections[section])
            said = (word in found) == (how == "with") if how else found
            value = {"yes/no": bool, "number": float}.get(a.type, str)(said)
            path = ".".join([paths.get(section, section), *fields])
            yield Known(a, value, _client_source(scenario, path))
    flop, source = openness.fine_tuning_flop(scenario), _client_source(scenario, "fine_tuning")
    yield law.known("fine_tuning_flop", flop, source)


RESIDENCY = ("country", "CH", "GB", "EU", "EEA", "US", "any")
"""From the strictest to the loosest; a list is as loose as the loosest place in it."""


def _data(workloads: Workloads) -> Data:
    """What the data of these workloads are; several count as the most delicate of them."""
    data = [w.data for w in workloads.values()]
    strictest = min(data, key=lambda d: max(map(RESIDENCY.index, d.residency)))
    yes_no = (n for n, value in strictest if isinstance(value, bool))
    flags = {n: any(getattr(d, n) for d in data) for n in yes_no}
    return strictest.model_copy(update={**flags, "secrecy": [s for d in data for s in d.secrecy]})
