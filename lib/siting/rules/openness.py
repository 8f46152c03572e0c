"""How open a model is, and what its licence allows: the facts behind the licence rules.

`siting_facts/licences.csv` says what each licence of the catalogue permits,
`siting_facts/model_makers.csv` who makes a model. What neither states is unknown.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from siting import catalogue
from siting.catalogue import Country, Fact, Model, column, countries, one_of
from siting.inputs.attributes import Known
from siting.inputs.scenario.model import Scenario
from siting.places import SELF_HOSTED
from siting.rules.rulebook import RuleBook
from siting.vendors import vendor_record

FLOP_PER_PARAMETER_AND_TOKEN = 6
"""Forward and backward pass of dense training (Kaplan et al., arXiv:2001.08361, section 2.1);
low-rank methods need less, so this is an upper bound."""


class Licence(Fact, tables="licences", key="licence"):
    """What a licence permits a company to do with the weights."""

    licence: str
    """As in the column `licence` of siting_facts/models.csv."""
    licence_class: Literal["permissive", "conditions", "non_commercial"]
    field_of_use: str
    """Uses that it excludes or ties to conditions."""
    user_cap: float | None = None
    """Monthly active users above which another licence is needed."""
    excludes: Annotated[
        str,
        one_of(lambda: countries() | column("country_groups", "group"), "country or group", ";"),
    ] = ""
    """Countries or groups of countries whose residents are not licensed, by semicolons."""
    derivatives: Literal["free", "conditions", "forbidden"]
    """Whether a fine-tuned model may be passed on."""
    derivative_terms: str = ""


class Maker(Fact, tables="model_makers", key="maker"):
    """Who makes a model, recognised by a part of its name."""

    maker: str
    matches: str
    """Owners (with a slash) and parts of bare model names, by semicolons; small letters."""
    country: Country
    vendor: Annotated[str, one_of(lambda: column("vendors", "vendor"), "vendor here")] = ""
    """Its name in the vendor tables, for its transparency index."""


def maker(model: str) -> Maker | None:
    """Who makes `model`; None if the table does not know.

    A name with an owner (`Qwen/Qwen3`) is known by its owner alone, a bare one by its parts.
    """
    owner, slash, _ = model.lower().partition("/")
    for row in catalogue.table("model_makers", Maker):
        parts = row.matches.split(";")
        if owner + slash in parts if slash else any(p in owner for p in parts if "/" not in p):
            return row
    return None


def licence(model: Model) -> Licence | None:
    """The licence of a model of the catalogue; None if the table does not describe it."""
    rows = catalogue.table("licences", Licence)
    return next((row for row in rows if row.licence == model.licence), None)


def catalogued(name: str) -> Model | None:
    """The open-weight model called `name`; None if it is not in the catalogue."""
    try:
        return catalogue.model(name)
    except KeyError:
        return None


def model_facts(scenario: Scenario, option: str, name: str, law: RuleBook) -> Iterator[Known]:
    """What the rules test about the model that an option runs."""
    if made := maker(name):
        yield law.known("maker_country", made.country, made.provenance)
        record = vendor_record.load().as_of(scenario.client.report_date)
        vendor = record.vendor(made.vendor)
        if vendor and (signed := record.facts_of(vendor).get("gpai_code_signatory")):
            yield law.known("gpai_code", signed.value, signed.provenance)
    model = catalogued(name)
    yield from _is_free(model, made, law)
    if not model or scenario.options[option].kind not in SELF_HOSTED:
        return
    if released := vendor_record.exact_day(model.release_date):
        yield law.known("model_released", released, model.provenance)
    if terms := licence(model):
        left_out = scenario.client.country in _excluded(terms, law)
        source = terms.provenance
        yield law.known("licence_class", terms.licence_class, source)
        yield law.known("licence_derivatives", terms.derivatives, source)
        yield law.known("licence_excludes_client", left_out, source)
        yield law.known("licence_cap_exceeded", _cap_exceeded(scenario, terms), source)


def _is_free(model: Model | None, made: Maker | None, law: RuleBook) -> Iterator[Known]:
    """Whether the weights are published under a free licence; nothing where that is not described.

    A model that is not among those with published weights is served by its vendor alone.
    """
    terms = licence(model) if model else None
    if terms:
        free = terms.licence_class == "permissive"
        yield law.known("free_licence", free, terms.provenance)
    elif model is None and made:
        yield law.known("free_licence", False, made.provenance)


def _cap_exceeded(scenario: Scenario, terms: Licence) -> bool | None:
    """Whether more people use the model than its licence allows.

    None where machines or the public ask, so that nobody counted them.
    """
    loads = scenario.workloads.values()
    if terms.user_cap is None:
        return False
    if any(w.per_day for w in loads):
        return None
    return sum(w.users for w in loads) > terms.user_cap


def _excluded(terms: Licence, law: RuleBook) -> frozenset[str]:
    """Countries whose residents the licence leaves out."""
    named = filter(None, terms.excludes.split(";"))
    return frozenset().union(*(law.sets.get(n, frozenset({n})) for n in named))


def fine_tuning_flop(scenario: Scenario) -> float | None:
    """Compute of a year of fine-tuning, the largest job counting. [FLOP]

    Upper bound: 6 × parameters × tokens, as for full training. Compared by the rule with a third
    of the compute that marks a general-purpose model. None where no job's model is known.
    """
    found = []
    for job in scenario.fine_tuning.values():
        if model := catalogued(job.model):
            tokens = job.examples * job.tokens_per_example * job.epochs
            parameters = (model.active_params_b or model.total_params_b or 0) * 1e9
            runs = max(1.0, job.runs_per_year)
            found.append(FLOP_PER_PARAMETER_AND_TOKEN * parameters * tokens * runs)
    return max(found, default=None)
