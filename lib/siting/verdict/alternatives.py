"""Ways to run a client's load that its scenario does not name, found in the catalogue.

The same open weights at each host that sells them, vendors' models that a board does not show to
be worse, rented GPUs and servers: each becomes an option of a copy of the scenario, and goes
through the same capacity, prices, rules and quality as the named ones.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping

from genai_prices.data import providers as price_list
from genai_prices.types import ModelInfo

from siting import catalogue, quality, reasoning
from siting.cost import prices
from siting.inputs import scenario as scenarios
from siting.inputs.scenario.model import (
    MOST_LABEL_LETTERS,
    NAME_LETTERS,
    Evidence,
    Option,
    Scenario,
)
from siting.places import BY_REQUEST, COMMITTED, MIXED, OWNED
from siting.records import frozen
from siting.rules import sovereignty
from siting.rules.findings import Finding, decide
from siting.serving import servers
from siting.vendors.vendor_record import Vendor
from siting.verdict import ordered
from siting.verdict.candidate import Barrier
from siting.verdict.chain import Chain
from siting.verdict.options import Assessed

KINDS = ("open_api", "api", "rented_gpus", "servers")
COUNTRIES = ("place", "operator_country", "parent_country")
"""Attributes by which a country is known of an offer."""
ELSEWHERE = ("US", "FR")
"""Countries that are supposed of an offer of which none is known: one of them lies outside of
whatever a client requires."""
MOST_JUDGED = 12
"""Of each kind, so many of the cheapest are held against rules and quality."""


@frozen
class Alternative:
    """A way that the scenario lacks, priced as planned."""

    name: str
    option: Option
    model: str
    present: float
    """Present cost as planned. [client's currency]"""
    keeps_limits: bool | None
    """None: the vendor's latency is not known."""
    quality: str
    """Verdict on the model for the workload where it is weakest."""
    ruled_out: tuple[str, ...]
    """Conditions that it fails, in words. A rule on data and a quality below the client's floor are
    among them whether or not the client makes them hard: nobody is offered what breaks a law or the
    client's own requirement, a model that fell short, or a seller of whom no country is known where
    a rule hangs on it."""
    open_points: int
    """Points to clear first: of law, on vendors, of practice or policy."""

    @property
    def out_of_question(self) -> bool:
        """Whether it is none for this client, however good its model may prove."""
        return bool(self.ruled_out) or self.keeps_limits is False

    @property
    def order(self) -> tuple[bool, bool, bool, float]:
        """What it is sorted by: what is held against it, the gravest first, then its price."""
        is_over = self.keeps_limits is False
        return bool(self.ruled_out), is_over, self.quality == "unknown", self.present

    @property
    def paste(self) -> str:
        """Piece of scenario, to stand under `options:`."""
        said = self.option.model_dump(exclude_defaults=True)
        return scenarios.as_yaml({self.name: said})


def search(
    scenario: Scenario, kinds: Iterable[str] = KINDS, judged: int = MOST_JUDGED
) -> list[Alternative]:
    """Ways that the scenario does not name: those without a doubt first, then the cheapest first.

    kinds: of KINDS. judged: of each kind, so many of the cheapest are held against the rules.
    """
    found: list[Alternative] = []
    for kind in kinds:
        found += priced(scenario, offers(scenario, kind), judged)
    return sorted(found, key=lambda r: r.order)


def offers(scenario: Scenario, kind: str) -> dict[str, Option]:
    """Offers of a kind that the scenario lacks, each under a name that a scenario may give it.

    kind: of KINDS. A name that is too long is cut, and numbered where something else is called so.
    """
    found: dict[str, Option] = {}
    for whole, offer in OFFERS[kind](scenario):
        if is_there(scenario, offer):
            continue
        name = whole[:NAME_LETTERS].strip("-")
        number = 1
        while name in found or name in scenario.options:
            number += 1
            name = whole[: NAME_LETTERS - len(f"-{number}")].strip("-") + f"-{number}"
        found[name] = offer
    return found


def is_there(scenario: Scenario, offer: Option) -> bool:
    """Whether the scenario has this way already, under whatever name."""
    return _way(offer) in map(_way, scenario.options.values())


def _way(option: Option) -> tuple[object, ...]:
    """What makes an option another one: who runs it, its models and, of a server, which.

    Requests to one seller for one model are one way, whatever kind a scenario calls it, and so are
    rented cards of one seller: `gpu: best` takes the best of them.
    """
    alike = (kinds for kinds in (BY_REQUEST, COMMITTED) if option.kind in kinds)
    kinds = next(alike, (option.kind,))
    machine = () if kinds == COMMITTED else (option.gpu, option.server)
    return kinds, option.provider, frozenset(option.models.values()), machine


def priced(scenario: Scenario, options: dict[str, Option], judged: int) -> list[Alternative]:
    """Offers with their cost; the cheapest of them held against limits, rules and quality."""
    chain = Chain()
    whole = _with(scenario, options)
    planned = ((name, chain.as_planned(whole, name).present) for name in options)
    costs = {name: present for name, present in planned if present is not None}
    cheapest = sorted(costs, key=costs.__getitem__)[:judged]
    if not cheapest:
        return []
    few = _with(scenario, {n: options[n] for n in cheapest}, alone=True)
    sized = {name: chain.sized(whole, name) for name in cheapest}
    rules = chain.rules(few)
    parity = chain.quality(few)
    asked = dict.fromkeys((*scenario.limits, "sovereignty", "latency", "quality"))
    judged_ways = []
    for name in cheapest:
        found = Assessed(
            scenario=few, name=name, capacity=sized[name], law=rules, parities=parity.of(name)
        )
        held = (each for line in asked for each in found.judged(line))
        faults = [each.reason for each in held if isinstance(each, Barrier)]
        faults += suspected(rules.options[name])
        verdicts = (p.verdict for p in found.parities)
        judged_ways.append(
            Alternative(
                name=name,
                option=options[name],
                model=next(iter(options[name].models.values())),
                present=costs[name],
                keeps_limits=sized[name].keeps_limits if sized[name].pools else None,
                quality=min(verdicts, key=quality.WORST_FIRST.index, default="unknown"),
                ruled_out=tuple(dict.fromkeys(faults)),
                open_points=len(rules.options[name].open_points),
            )
        )
    return judged_ways


def suspected(offer: sovereignty.OptionAssessment) -> Iterator[str]:
    """What an offer may break, in words, as far as it is too little to strike an option that the
    client names, and enough to offer it to nobody: a rule that hangs on a country, where neither
    that of its machines nor that of its seller is known; and what others say of it.
    """
    for finding in (f for found in offer.findings.values() for f in found):
        if finding.verdict != "review":
            continue
        title = f"{finding.rule.title} ({finding.provision})"
        values = finding.flow.values
        is_known = any(values.get(name) is not None for name in COUNTRIES)
        if finding.flow.kind == "inference" and not is_known and _falls_by_country(finding):
            yield f"{title}: no country of machines or seller is on file"
        said = decide(finding.rule, values, finding.law)
        if said.verdict == "fail":
            yield f"{title}: {said.reason}"


def _falls_by_country(finding: Finding) -> bool:
    """Whether a rule would fail if machines and seller were in some country."""
    supposed = (dict.fromkeys(COUNTRIES, country) for country in ELSEWHERE)
    return any(finding.supposing(answers).verdict == "fail" for answers in supposed)


def _with(scenario: Scenario, options: dict[str, Option], alone: bool = False) -> Scenario:
    """The scenario with offers as options.

    What runs today stays beside them, for whoever moves pays both for a while; where that is a mix,
    all options stay, for a mix is made of others. alone: without any of the client's own.
    """
    evidence = Evidence(
        fields=[f"options.{name}" for name in options] or ["options"],
        source="siting, search of the catalogue", locator="offers that the scenario does not name",
        date=scenario.client.report_date, kind="estimate",
    )  # fmt: skip
    today = scenario.finance.baseline
    own = {} if alone else {n: o for n, o in scenario.options.items() if n == today}
    if any(o.kind in MIXED for o in own.values()):
        own = dict(scenario.options)
    return scenario.model_copy(
        update={"options": {**own, **options}, "evidence": [*scenario.evidence, evidence]}
    )


# --- offers -----------------------------------------------------------------------------------


def _effort(scenario: Scenario, model: str) -> str:
    """Effort at which an alternative runs: that of options with its model, or the reference's."""
    if reasoning.thinks(model) == "never":
        return ""
    for option in scenario.options.values():
        if model in option.models.values() and option.effort:
            return option.effort
    floors = (w.quality.reference_effort for w in scenario.workloads.values() if w.quality)
    wanted = next(filter(None, floors), "")
    return (wanted or "default") if reasoning.effort_missing(model, "") else wanted


def _offer(
    scenario: Scenario, model: str, where: str, *seller: str, **fields: object
) -> tuple[str, Option]:
    """An option with one model for all workloads, and its name, however long."""
    said = {
        "label": f"{quality.spoken(model)} {where}"[:MOST_LABEL_LETTERS],
        "models": {"all": model},
    }
    option = {**said, "effort": _effort(scenario, model), **fields}
    words = "-".join((*seller, quality.bare_name(model))).lower()
    return re.sub(r"[^a-z0-9]+", "-", words).strip("-"), Option.model_validate(option)


def _at_hosts(scenario: Scenario) -> Iterator[tuple[str, Option]]:
    """The same weights at each host that sells them."""
    countries = {v.price_list: v.country for v in catalogue.table("vendors", Vendor) if v.country}
    day = scenario.client.report_date
    for model in ordered.open_models(scenario):
        hosts = {r.provider: (r.host, r.country) for r in prices.open_prices(day, model)}
        for p in price_list:
            sold = (quality.bare_name(m.id).lower() for m in p.models)
            if p.id in countries and quality.bare_name(model).lower() in sold:
                hosts.setdefault(p.id, (p.name, countries[p.id]))
        for provider, (host, country) in hosts.items():
            at = {"vendor": host, "provider": provider, "country": country, "region": country}
            yield _offer(scenario, model, f"at {host}", provider, kind="open_api", **at)


def _at_vendors(scenario: Scenario) -> Iterator[tuple[str, Option]]:
    """Vendors' models that some board of the scenario knows."""
    makers = [v for v in catalogue.table("vendors", Vendor) if v.role == "api" and v.price_list]
    vendors = {v.price_list: v.group or v.vendor for v in makers}
    boards = {b for w in scenario.workloads.values() if w.quality for b in w.quality.boards}
    rows = catalogue.table("model_quality", quality.Score)
    scored = {catalogue.name_key(s.model) for s in rows if s.board in boards}
    for p in price_list:
        if p.id not in vendors:
            continue
        for m in filter(_is_priced_by_seller, p.models):
            if catalogue.name_key(m.id) in scored:
                at = {"kind": "api", "vendor": vendors[p.id], "provider": p.id}
                yield _offer(scenario, m.id, f"from {vendors[p.id]}", p.id, **at)


def _is_priced_by_seller(listed: ModelInfo) -> bool:
    """Whether a model's price is its seller's own: of a maker that publishes none, as of open
    weights that others host, the price list holds a broker's and says so."""
    return "Imported from OpenRouter" not in (listed.price_comments or "")


def _rented(scenario: Scenario) -> Iterator[tuple[str, Option]]:
    """Each kind of GPU where it is cheapest, for the models that the scenario considers: of the
    sellers whose cards it has no option with that model on."""
    day = scenario.client.report_date
    rows = prices.known_at(day, "cloud_prices", prices.CloudPrice, commitment="on_demand")
    for model in ordered.open_models(scenario):
        there = {o.provider for o in scenario.options.values() if model in o.models.values()}
        best: dict[str, prices.CloudPrice] = {}
        for r in sorted(rows, key=lambda r: r.usd_gpu_hour):
            if r.provider not in there:
                best.setdefault(r.gpu_id, r)
        for gpu, r in best.items():
            at = {"kind": "rented_gpus", "vendor": r.provider, "provider": r.provider, "gpu": gpu}
            seller = r.provider[:1].upper() + r.provider[1:]
            where = f"on {catalogue.gpu(gpu).gpu} rented from {seller}"
            at |= {"country": r.country, "region": r.region}
            yield _offer(scenario, model, where, r.provider, gpu, **at)


def _servers(scenario: Scenario) -> Iterator[tuple[str, Option]]:
    """Each server of the catalogue, where the client would own one."""
    own = [o for o in scenario.options.values() if o.kind in OWNED]
    alike = {"kind", "country", "months_to_production", "redundancy"}
    site = own[0].model_dump(include=alike) if own else {"kind": "colocation"}
    for model in ordered.open_models(scenario):
        weights = next((o.weights for o in own if model in o.models.values()), "")
        for server in catalogue.table("servers", servers.Server):
            at = {"gpu": server.gpu_id, "server": server.id, "weights": weights, **site}
            yield _offer(scenario, model, f"on {server.label}", server.id, **at)


OFFERS: Mapping[str, Callable[[Scenario], Iterator[tuple[str, Option]]]] = {
    "open_api": _at_hosts,
    "api": _at_vendors,
    "rented_gpus": _rented,
    "servers": _servers,
}
"""Where each kind of offer is looked for."""
