"""The flows of data of an option, and what is known of each: answers laid over one another.

From the general to the specific, the later ones winning: thresholds and assumptions of the kit,
what holds by definition of the kind of option, published facts about the vendor and the maker of
the model, the scenario's own lines, and its answers for all options, for one option, for one flow.
What none of them answers stays unknown. An answer of null says 'asked, and not known'.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from siting import catalogue
from siting.catalogue import Source, source_of
from siting.inputs.scenario import OWNED, Scenario, Workload
from siting.quality import leaves
from siting.rules import conditions, openness, rulebook
from siting.rules.conditions import Value
from siting.rules.rulebook import FlowKind, Known, Law, Layer, ProviderAttribute, RuleBook
from siting.vendors import vendor_record

Answers = Mapping[str, bool | int | float | str | None]


@dataclass(frozen=True)
class FlowFacts:
    """One flow of one option with all that is known of it.

    carrier: the option that carries it (a part of a hybrid, else the option itself).
    """

    name: str
    kind: str
    label: str
    carrier: str
    known: Mapping[str, Known]

    @cached_property
    def values(self) -> dict[str, Value | None]:
        return {name: known.value for name, known in self.known.items()}


def flows_of(scenario: Scenario, name: str, law: Law) -> tuple[FlowFacts, ...]:
    """The flows of an option with all that is known of them; a hybrid has those of its parts.

    Raises ValueError naming an answer of the scenario that cannot be.
    """
    parts = leaves(scenario, name)
    return tuple(f for part in parts for f in _carried(scenario, part, name, law))


def _carried(scenario: Scenario, part: str, name: str, law: Law) -> Iterator[FlowFacts]:
    """Flows that option `part` carries; `name` is itself, or the hybrid that it is a part of."""
    carrier = scenario.options[part]
    covered = {w: load for w, load in scenario.workloads.items() if carrier.models}
    for kind in law.book.flow_kinds:
        for flow, label, workloads in _split(kind, covered):
            known = _laid(_layers(scenario, part, name, kind, flow, workloads, law))
            values = law.sets | {n: k.value for n, k in known.items()}
            if conditions.evaluate(law.book.flow_conditions[kind.flow], values):
                title = label if part == name else f"{carrier.label}: {label}"
                yield FlowFacts(flow, kind.flow, title, part, known)


def _layers(
    scenario: Scenario,
    part: str,
    name: str,
    kind: FlowKind,
    flow: str,
    workloads: Mapping[str, Workload],
    law: Law,
) -> Iterator[Layer]:
    """From the general to the specific."""
    book = law.book
    carrier = scenario.options[part]
    model = carrier.runs(next(iter(workloads)))
    yield _settings(scenario)
    yield _published(["law", "assumed", f"kind:{carrier.kind}"], kind.flow, law)
    yield _vendor_facts(scenario, carrier.vendor, kind.flow, law)
    yield _client_facts(scenario)
    yield _workload_facts(scenario, workloads)
    yield openness.model_facts(scenario, part, model, law)
    yield _published(_model_subjects(model), kind.flow, law)
    yield _option_facts(scenario, part, kind.flow)
    yield _stated(scenario, "rules.attributes", scenario.rules.attributes, book)
    for owner in dict.fromkeys((part, name)):
        option = scenario.options[owner]
        yield _stated(scenario, f"options.{owner}.attributes", option.attributes, book)
        for key in dict.fromkeys((kind.flow, flow)):
            if key in option.flows:
                path = f"options.{owner}.flows.{key}.attributes"
                yield _stated(scenario, path, option.flows[key].attributes, book)


def _split(
    kind: FlowKind, workloads: Mapping[str, Workload]
) -> Iterator[tuple[str, str, Mapping[str, Workload]]]:
    """Inference is one flow for each workload, since their data differ; others are one flow."""
    if kind.flow == "inference" and len(workloads) > 1:
        for name, workload in workloads.items():
            yield f"inference-{name}", f"{kind.label} of {name}", {name: workload}
    elif workloads:
        yield kind.flow, kind.label, workloads


def _laid(layers: Iterable[Layer]) -> dict[str, Known]:
    """Layers laid over one another; a None on top says that the attribute is not known."""
    found: dict[str, Known | None] = {}
    for layer in layers:
        found.update(layer)
    return {name: known for name, known in found.items() if known is not None}


def _settings(scenario: Scenario) -> Layer:
    """Thresholds that are no law, with the scenario's own where it has one."""
    rows = catalogue.settings("sovereignty_settings")
    found = {name: Known(s.central, source_of(s)) for name, s in rows.items()}
    limit, path = float(scenario.rules.retention_days_limit), "rules.retention_days_limit"
    return {**found, **_said(scenario, {"retention_days_limit": (limit, path)})}


def _published(subjects: Iterable[str], flow: str, law: Law) -> Layer:
    """What provider_attributes.csv states of `subjects` for a kind of flow on the day of `law`."""
    found: dict[str, Known | None] = {}
    for subject in subjects:
        for row in _by_subject().get(subject, ()):
            if (row.flows == "all" or flow in row.flows.split(";")) and _known_on(row, law.day):
                value = rulebook.read_value(row.value, row.attribute, law.book.attributes)
                found[row.attribute] = Known(value, source_of(row), subject == "assumed")
    return found


def _model_subjects(model: str) -> list[str]:
    """Subjects of what a vendor demands for a line of models on every channel."""
    bare = model.rsplit(".", 1)[-1] if model.startswith(("eu.", "us.")) else model
    return [
        s for s in _by_subject() if s.startswith("model:") and bare.startswith(s[len("model:") :])
    ]


def _known_on(row: ProviderAttribute, day: dt.date) -> bool:
    """Whether a row holds on `day` and, for a fact about a vendor, was published by then."""
    about = row.subject.startswith(("vendor:", "model:"))
    known = not about or vendor_record.known_by(row.date) <= day
    return known and row.holds(day)


@catalogue.of_facts
def _by_subject() -> Mapping[str, tuple[ProviderAttribute, ...]]:
    found: dict[str, tuple[ProviderAttribute, ...]] = defaultdict(tuple)
    for row in catalogue.table("provider_attributes", ProviderAttribute):
        found[row.subject] += (row,)
    return dict(found)


def _vendor_facts(scenario: Scenario, name: str, flow: str, law: Law) -> Layer:
    """Published facts about the vendor, as far as they were known on the day of the report."""
    record = vendor_record.load().as_of(scenario.client.report_date)
    vendor = record.vendor(name) if name else None
    if vendor is None:
        return {}
    found: dict[str, Known | None] = {}
    facts = record.facts_of(vendor)
    for a in law.book.attributes.values():
        if a.vendor_fact in facts:
            fact = facts[a.vendor_fact]
            value = rulebook.plain_value(fact.value, a)
            found[a.attribute] = None if value is None else Known(value, source_of(fact))
    names = dict.fromkeys(filter(None, (vendor.group, vendor.vendor)))
    home = scenario.client.country
    groups = ["", f"/{home.lower()}"]
    groups += [f"/{g}" for g, c in law.sets.items() if home in c]
    subjects = [f"vendor:{name}{group}" for name in names for group in groups]
    return found | dict(_published(subjects, flow, law))


def _client_source(scenario: Scenario, path: str) -> Source:
    """The scenario's own evidence for `path`, as a source."""
    try:
        return scenario.source(path)
    except KeyError:
        return Source(source="Scenario", locator=path, date="undated", kind="client")


def _stated(scenario: Scenario, path: str, answers: Answers, book: RuleBook) -> Layer:
    """Answers that a scenario gives under `path`. Raises ValueError naming what is wrong."""
    found: dict[str, Known | None] = {}
    for name, answer in answers.items():
        if problem := rulebook.value_problem(name, answer, book.attributes):
            raise ValueError(f"{path}.{name}: {problem}")
        value = rulebook.typed(answer, book.attributes[name])
        source = _client_source(scenario, f"{path}.{name}")
        found[name] = None if value is None else Known(value, source)
    return found


def _said(scenario: Scenario, facts: Mapping[str, tuple[Value, str]]) -> Layer:
    """What lines of the scenario say: attribute to value and path."""
    return {n: Known(v, _client_source(scenario, path)) for n, (v, path) in facts.items()}


def _client_facts(scenario: Scenario) -> Layer:
    """What follows from the scenario's client, policies, jobs and readiness."""
    tested = scenario.stability.readiness.fallback_model_tested
    policies = scenario.rules.policies
    flop = openness.fine_tuning_flop(scenario)
    facts: dict[str, tuple[Value, str]] = {
        "controller_country": (scenario.client.country, "client.country"),
        "sector": (scenario.client.sector, "client.sector"),
        "fine_tuning": (bool(scenario.fine_tuning), "fine_tuning"),
        "fallback_tested": (tested, "stability.readiness.fallback_model_tested"),
        **{f"policy_{p}": (p in policies, "rules.policies") for p in POLICIES},
        **({} if flop is None else {"fine_tuning_flop": (flop, "fine_tuning")}),
    }
    return _said(scenario, facts)


POLICIES = ("secnumcloud", "c5_type2", "european_model", "eu_operator", "no_us_parent")
RESIDENCY = ("country", "CH", "GB", "EU", "EEA", "US", "any")
"""From the strictest to the loosest; a list is as loose as the loosest place in it."""
SECRECY = ("banking", "medical", "professional", "state", "trade")
DATA = {"personal_data": "personal"}
DATA |= {n: n for n in ("special_category", "large_scale", "critical_function", "annex_iii")}
"""Attributes that a field of a workload's data answers."""


def _workload_facts(scenario: Scenario, workloads: Mapping[str, Workload]) -> Layer:
    """What the data of these workloads are; several count as the most delicate of them."""
    data = [w.data for w in workloads.values()]
    secrecy = {s for d in data for s in d.secrecy}
    allowed = min((d.residency for d in data), key=lambda r: max(map(RESIDENCY.index, r)))
    facts: dict[str, tuple[Value, str]] = {
        **{a: (any(getattr(d, f) for d in data), f) for a, f in DATA.items()},
        "residency": (", ".join(allowed), "residency"),
        "residency_required": ("any" not in allowed, "residency"),
        "residency_own": ("country" in allowed, "residency"),
        **{f"residency_{p.lower()}": (p in allowed, "residency") for p in RESIDENCY[1:-1]},
        **{f"secrecy_{s}": (s in secrecy, "secrecy") for s in SECRECY},
    }
    path = f"workloads.{next(iter(workloads))}.data"
    return _said(scenario, {a: (value, f"{path}.{field}") for a, (value, field) in facts.items()})


def _option_facts(scenario: Scenario, name: str, flow: str) -> Layer:
    """An option's kind, and where it computes; on own machines every flow is there."""
    option = scenario.options[name]
    facts: dict[str, tuple[Value, str]] = {"deployment": (option.kind, f"options.{name}.kind")}
    if option.country and (flow == "inference" or option.kind in OWNED):
        facts["place"] = option.country, f"options.{name}.country"
    return _said(scenario, facts)
