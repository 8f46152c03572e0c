"""Flows of data: the parts of an option that rules look at, with all that is known of each.

An option is split into flows of data (inference, logs, support access …). What is known of each
are answers laid over one another, from the general to the specific, the later ones winning:
thresholds and assumptions of the kit, what holds by definition of the kind of option, published
facts about the vendor and the maker of the model, the scenario's own lines, and its answers for all
options, for one option, for one flow. What none of them answers stays unknown. An answer of null
says 'asked, and not known'.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, cached_property, lru_cache, partial, reduce
from typing import Literal, TypeAlias

from siting import catalogue
from siting.catalogue import Fact, Source
from siting.inputs import attributes
from siting.inputs.attributes import Attribute, FlowKind, Known, Value
from siting.inputs.scenario.model import Data, Scenario, Workload
from siting.places import OWNED
from siting.quality import parts
from siting.records import frozen
from siting.rules import conditions, openness
from siting.rules.conditions import Values
from siting.rules.rulebook import RuleBook
from siting.vendors import vendor_record

Workloads = Mapping[str, Workload]
Answers = Mapping[str, bool | float | str | None]
"""What a scenario answers, by attribute; None says 'asked, and not known'."""


Layer: TypeAlias = Mapping[str, Known]
"""Answers of one origin, by attribute."""

Cited: TypeAlias = Callable[[str], Source]
"""Evidence by the path of a field, looked up once for each."""


@frozen
class FlowFacts:
    """One flow of one option with all that is known of it."""

    kind: str
    label: str
    carrier: str
    """The option that carries it: a part of a mix, else the option itself."""
    known: Mapping[str, Known]
    still: Values
    """What a vaguer answer has taken the place of: it strikes still, and clears nothing."""

    @property
    def may_be_outside(self) -> bool:
        """Whether an outside party carries it, or may."""
        return self.values.get("external") is not False

    @cached_property
    def values(self) -> dict[str, Value | None]:
        return {name: known.value for name, known in self.known.items()}

    @cached_property
    def firm(self) -> Values:
        """The values by which a rule may fail."""
        return {name: known.value for name, known in self.known.items() if not known.weak}


@frozen
class Served:
    """Workloads that one flow of an option carries, with what is known of them in any flow."""

    model: str
    """The model that serves them."""
    of_scenario: Layer
    """What lines of the scenario say."""
    of_model: Layer
    """What is known of the model."""


@frozen
class Part:
    """Where a flow comes from: what its answers are looked up by."""

    scenario: Scenario
    carrier: str
    """The option that carries it."""
    owner: str
    """The carrier itself, or the mix that it is a part of."""
    kind: FlowKind
    flow: str
    """Name of the flow; for inference with its workload where these differ."""
    served: Served
    """What is known of its workloads, and of the model that serves them."""
    answered: Callable[[str], Layer]
    """What the scenario answers for all flows, by where it says so: read once for all of them."""
    law: RuleBook
    source: Cited
    """The scenario's own evidence for a path."""


def flows_of(
    scenario: Scenario, name: str, law: RuleBook, source: Cited | None = None
) -> tuple[FlowFacts, ...]:
    """The flows of an option with all that is known of them; a mix has those of its parts, of each
    with the workloads that it carries.

    source: from `evidence_of`, where several options share what is looked up.
    Raises ValueError naming an answer of the scenario that cannot be.
    """
    cited = source or evidence_of(scenario)
    return tuple(
        flow
        for part, works in parts(scenario, name).items()
        for flow in _carried(scenario, part, works, name, law, cited)
    )


def evidence_of(scenario: Scenario) -> Cited:
    """The scenario's own evidence by path; what was looked up once is kept."""
    return cache(partial(_client_source, scenario))


def _carried(
    scenario: Scenario,
    carrier: str,
    workloads: tuple[str, ...],
    owner: str,
    law: RuleBook,
    source: Cited,
) -> Iterator[FlowFacts]:
    """Flows of workloads that the option `carrier` carries, which is `owner` or a part of it."""
    covered = workloads if scenario.options[carrier].models else ()
    apart = len(scenario.workloads) > 1
    lines = _by_name(_scenario_lines(scenario, carrier, law, source))
    served = cache(partial(_served, scenario, carrier, law, source, lines))
    answered = cache(partial(_answered, scenario, law, source))
    for kind, exists in law.flow_kinds.items():
        for share in _split(kind, covered, apart):
            part = Part(
                scenario=scenario,
                carrier=carrier,
                owner=owner,
                kind=kind,
                flow=share.flow,
                served=served(share.workloads),
                answered=answered,
                law=law,
                source=source,
            )
            found = _flow(part, share.label)
            if conditions.evaluate(exists, {**law.sets, **found.values}):
                yield found


@frozen
class _Share:
    """Workloads whose data go one way together."""

    flow: str
    label: str
    workloads: tuple[str, ...]


def _split(kind: FlowKind, workloads: tuple[str, ...], apart: bool) -> Iterator[_Share]:
    """Inference is one flow for each workload, since their data differ; others are one flow.
    apart: whether the client has several."""
    if kind.flow == "inference" and apart:
        for name in workloads:
            label = f"{kind.label} of {name}"
            yield _Share(flow=f"inference-{name}", label=label, workloads=(name,))
    elif workloads:
        yield _Share(flow=kind.flow, label=kind.label, workloads=workloads)


def _flow(part: Part, label: str) -> FlowFacts:
    """A flow with what is known of it: the last answer to each attribute, unless it says 'not
    known', or what it presupposes is not known."""
    option = part.scenario.options[part.carrier]
    written = _by_name(_written(part))
    place = _by_name(_place(part))
    line = _published(_model_subjects(part.served.model, part.law), part.kind.flow, part.law)
    stated = {**part.served.of_scenario, **place, **written}
    if _roams({**line, **written}):
        stated = {**part.served.of_scenario, **written}
    published = dict[str, Known]()
    for layer in _layers(part, stated, line):
        published |= layer
    every = {**published, **stated}
    known = {name: answer for name, answer in every.items() if answer.value is not None}
    needs = ((name, answer.attribute.presupposes) for name, answer in known.items())
    unfounded = {name for name, need in needs if need and need not in known}
    doubted = {name: published[name] for name in published.keys() & stated.keys() - known.keys()}
    if "place" not in known or known["place"].value in AREAS:
        doubted |= place
    return FlowFacts(
        kind=part.kind.flow,
        label=label if part.carrier == part.owner else f"{option.label}: {label}",
        carrier=part.carrier,
        known={name: answer for name, answer in known.items() if name not in unfounded},
        still={n: k.value for n, k in doubted.items() if not k.weak and not k.assumed},
    )


AREAS = ("EU", "EEA")
"""Places that are several countries."""


def _layers(part: Part, stated: Layer, line: Layer) -> Iterator[Layer]:
    """What holds before the scenario's own answers, from the general to the specific."""
    scenario = part.scenario
    law = part.law
    flow = part.kind.flow
    option = scenario.options[part.carrier]
    yield _published(("law", "threshold"), flow, law)
    yield _assumed(stated, law)
    yield _published((f"kind:{option.kind}",), flow, law)
    yield _vendor_facts(option.vendor, scenario.client.country, option.kind, flow, law)
    yield part.served.of_model
    yield line


def _roams(said: Layer) -> bool:
    """Whether requests are routed across regions: the region where they are put is one of the
    places where they are answered."""
    scope = said.get("endpoint_scope")
    return scope is not None and scope.value != "pinned"


def _by_name(answers: Iterable[Known]) -> Layer:
    """Answers by what they answer, the later ones winning."""
    return {answer.attribute.name: answer for answer in answers}


def _assumed(stated: Layer, law: RuleBook) -> Layer:
    """What is taken for granted: not where the client's sector or country makes it a question."""
    tested = ((name, stated[name].value) for name in law.questions if name in stated)
    return _taken_for_granted(tuple(tested), law)


@lru_cache(maxsize=4096, typed=True)
def _taken_for_granted(stated: tuple[tuple[str, Value | None], ...], law: RuleBook) -> Layer:
    """What is taken for granted of a flow of which `stated` is said."""
    values = {**law.sets, **dict(stated)}
    return _by_name(made.known for made in law.assumptions if made.is_made(values))


def _place(part: Part) -> Iterator[Known]:
    """The country of the option: where it computes, and of own machines all that is kept there.

    Where those sit who reach the machines is asked apart.
    """
    option = part.scenario.options[part.carrier]
    there = part.kind.flow == "inference" or option.kind in OWNED
    if option.country and there and part.kind.inherits("place"):
        source = part.source(f"options.{part.carrier}.country")
        yield part.law.known("place", option.country, source)


def _written(part: Part) -> Iterator[Known]:
    """Answers that the scenario writes: for all options, for the option, for the flow.

    Those for all of an option say nothing of what must be answered for the flow itself.
    """
    yield from _inherited(part, "rules")
    for owner in dict.fromkeys((part.carrier, part.owner)):
        place = f"options.{owner}"
        yield from _inherited(part, place)
        flows = part.scenario.options[owner].flows
        for key in dict.fromkeys((part.kind.flow, part.flow)):
            if key in flows:
                where = f"{place}.flows.{key}"
                yield from _read_at(where, flows[key].attributes, part.law, part.source)


def _inherited(part: Part, place: str) -> Iterator[Known]:
    """Answers for all flows at a place of the scenario, as far as they hold for this one."""
    return (known for name, known in part.answered(place).items() if part.kind.inherits(name))


def _answered(scenario: Scenario, law: RuleBook, source: Cited, place: str) -> Layer:
    """What a scenario answers for all options (`rules`), or for all flows of an option
    (`options.NAME`)."""
    section, _, name = place.partition(".")
    holder = scenario.options[name] if section == "options" else scenario.rules
    return _by_name(_read_at(place, holder.attributes, law, source))


def _read_at(place: str, answers: Answers, law: RuleBook, source: Cited) -> Iterator[Known]:
    """Answers of one section of a scenario. Raises ValueError naming one that cannot be."""
    for name, answer in answers.items():
        where = f"{place}.attributes.{name}"
        if problem := attributes.value_problem(name, answer, law.attributes):
            raise ValueError(f"{where}: {problem}")
        value = attributes.typed(answer, law.attributes[name])
        yield law.known(name, value, source(where))


@lru_cache(maxsize=4096)
def _published(subjects: tuple[str, ...], flow: str, law: RuleBook) -> Layer:
    """What provider_attributes.csv states of `subjects` for a kind of flow on the day of `law`."""
    return _by_name(
        known
        for subject in subjects
        for row, known in law.published.get(subject, ())
        if row.looks_at(flow) and row.holds(law.day)
    )


@lru_cache(maxsize=1024)
def _model_subjects(model: str, law: RuleBook) -> tuple[str, ...]:
    """Subjects of what a vendor demands for a line of models on every channel, and of what follows
    from the geography that the name of a profile begins with (`eu.`)."""
    name = catalogue.plain_name(model).lower()
    lines = (s for s in law.published if s.startswith("model:"))
    profiles = (s for s in law.published if s.startswith("profile:"))
    return (
        *(s for s in lines if name.startswith(s.removeprefix("model:"))),
        *(s for s in profiles if model.lower().startswith(s.removeprefix("profile:"))),
    )


@lru_cache(maxsize=4096)
def _vendor_facts(name: str, home: str, kind: str, flow: str, law: RuleBook) -> Layer:
    """Published facts about the vendor, as far as they were known on the day of the law.

    home: the client's country. kind: of the option.
    """
    record = vendor_record.load().as_of(law.day)
    vendor = record.vendor(name)
    if vendor is None:
        return {}
    facts = record.facts_of(vendor)
    own = _by_name(
        Known(a, attributes.plain_value(fact.value, a), fact.provenance, weak=fact.is_weak)
        for a in law.attributes.values()
        if (fact := facts.get(a.vendor_fact))
    )
    parent = record.parent_of(vendor)
    seat = law.attributes["parent_country"]
    published = own.get(seat.name)
    if parent is not None and (published is None or published.weak or not parent.is_weak):
        known = Known(seat, parent.parent_country, parent.provenance, weak=parent.is_weak)
        own = {**own, seat.name: known}
    groups = ["", f"/{home.lower()}"]
    groups += [f"/{g}" for g, members in law.sets.items() if not members.isdisjoint((home, kind))]
    names = filter(None, dict.fromkeys((vendor.group, vendor.vendor)))
    subjects = tuple(f"vendor:{n}{group}" for n in names for group in groups)
    return {**own, **_published(subjects, flow, law)}


def _client_source(scenario: Scenario, path: str) -> Source:
    """The scenario's own evidence for `path`, as a source."""
    try:
        return scenario.source(path)
    except KeyError:
        return Source(source="Scenario", locator=path, date="undated", kind="client")


def _served(
    scenario: Scenario,
    carrier: str,
    law: RuleBook,
    source: Cited,
    lines: Layer,
    names: tuple[str, ...],
) -> Served:
    """What is known of these workloads at an option, whatever the flow. lines: see `Served`."""
    workloads = {name: scenario.workloads[name] for name in names}
    model = scenario.options[carrier].runs(names[0])
    return Served(
        model=model,
        of_scenario={**lines, **_by_name(_of_workloads(scenario, workloads, law, source))},
        of_model=_by_name(openness.model_facts(scenario, carrier, model, law)),
    )


def _scenario_lines(
    scenario: Scenario, carrier: str, law: RuleBook, source: Cited
) -> Iterator[Known]:
    """What lines of the scenario say whatever an option serves, as far as the dictionary names them
    (`stated_in`)."""
    option = scenario.options[carrier]
    sections = {**dict(scenario), "option": option}
    paths = {"option": f"options.{carrier}"}
    for a, (section, *fields) in law.stated:
        if section == "data":
            continue
        found = reduce(getattr, fields, sections[section])
        if fields == ["policies"]:
            found = scenario.rules.words
        if found is not None:
            path = ".".join([paths.get(section, section), *fields])
            yield Known(a, _said(a, found), source(path))
    flop = openness.fine_tuning_flop(scenario)
    yield law.known("fine_tuning_flop", flop, source("fine_tuning"))
    months = f"options.{carrier}.months_to_production"
    yield law.known("in_service", option.in_use, source(months))


def _of_workloads(
    scenario: Scenario, workloads: Workloads, law: RuleBook, source: Cited
) -> Iterator[Known]:
    """What lines of the scenario say of these workloads."""
    merged = _data(workloads)
    for a, (section, *fields) in law.stated:
        if section == "data":
            yield from _of_data(a, fields, merged, workloads, source)
    for attribute, use in NAMED_USES.items():
        named = [name for name, w in workloads.items() if _names(w, use)]
        where = [f"workloads.{name}.data.use_case" for name in named or workloads]
        yield law.known(attribute, bool(named), *_cited(where, source))
    # Who has no users of its own is asked: what staff do may pass through it all the same.
    sector = scenario.client.sector
    staffed = [name for name, w in workloads.items() if w.users_told(sector) > 0]
    if staffed:
        users = _cited([f"workloads.{name}.users" for name in staffed], source)
        yield law.known("staff_use", True, *users)


def _cited(paths: Iterable[str], source: Cited) -> list[Source]:
    """The evidence for some lines, each once."""
    return list(dict.fromkeys(map(source, paths)))


def _of_data(
    a: Attribute, fields: Sequence[str], merged: Data, workloads: Workloads, source: Cited
) -> Iterator[Known]:
    """What the data of workloads answer, taken together (`_data`); none where nobody says it.

    All workloads are cited that say the same by themselves: of an unknown, those that were asked.
    """

    def answer(data: Data) -> Value | None:
        return _said(a, reduce(getattr, fields, data))

    said = answer(merged)
    in_vain = [name for name, w in workloads.items() if _asked_in_vain(fields[0], w.data)]
    if said is None and not in_vain:
        return
    alike = [name for name, w in workloads.items() if answer(w.data) == said]
    givers = in_vain if said is None else alike
    path = ".".join(["data", *fields])
    first, *also = _cited([f"workloads.{name}.{path}" for name in givers], source)
    yield Known(a, said, first, also=tuple(also))


class UseCaseWord(Fact, tables="use_case_words", key="word names"):
    """A word that names a use which Annex III of the AI Act may cover, or by biometrics."""

    word: str
    names: Literal["annex_iii", "biometrics"]


NAMED_USES = {"sensitive_use_case": "annex_iii", "names_biometrics": "biometrics"}
"""Attributes that hold where words name a use: then nothing is assumed of it."""


def _names(workload: Workload, use: str) -> bool:
    """Whether the words of a workload's use, or what it is described by, name such a use."""
    told = f"{workload.data.use_case} {workload.description}".lower()
    rows = catalogue.table("use_case_words", UseCaseWord)
    return any(re.search(rf"\b{row.word}", told) for row in rows if row.names == use)


def _asked_in_vain(field: str, data: Data) -> bool:
    """Whether the scenario writes null for a line of a workload's data: asked, and not known."""
    return field in data.model_fields_set and getattr(data, field) is None


def _said(attribute: Attribute, found: object) -> Value | None:
    """What a line of the scenario answers; of a list, whether it holds a word or not.

    None where it says nothing.

    attribute: its `stated_in` is `LINE`, `LINE with WORD` or `LINE without WORD`.
    """
    if found is None:
        return None
    match attribute.stated_in.split():
        case [_, "with", word] if isinstance(found, list | tuple):
            return word in found
        case [_, "without", word] if isinstance(found, list | tuple):
            return word not in found
    if attribute.type == "yes/no":
        return bool(found)
    if attribute.type == "number":
        return float(str(found))
    return str(found)


RESIDENCY = ("country", "CH", "GB", "EU", "EEA", "US", "any")
"""From the strictest to the loosest; a list is as loose as the loosest place in it."""


def _data(workloads: Workloads) -> Data:
    """What the data of these workloads are; several count as the most delicate of them."""
    data = [w.data for w in workloads.values()]
    strictest = min(data, key=lambda d: max(map(RESIDENCY.index, d.residency)))
    flags = {n: _any(getattr(d, n) for d in data) for n in YES_NO}
    # Special categories are personal data: where there are none, silence is no unknown.
    asked = [d for d in data if d.special_category or d.personal is not False] or data
    flags["special_category"] = _any(d.special_category for d in asked)
    secrecy = [word for d in data for word in d.secrecy or []]
    said = secrecy or all(d.secrecy is not None for d in data)
    return strictest.model_copy(update={**flags, "secrecy": secrecy if said else None})


YES_NO = ("personal", "special_category", "critical_function", "annex_iii", "large_scale")
"""Lines of `data` that are yes or no."""


def _any(answers: Iterable[bool | None]) -> bool | None:
    """Yes if one is, no if all are, else unknown."""
    found = set(answers)
    if True in found:
        return True
    return None if None in found else False
