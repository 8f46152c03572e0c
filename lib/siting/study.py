"""One client's study: the scenario, and every result computed from it when it is first asked for.

This is the one object that notebooks, the report and the command line see. It holds no formula:
each property is a call of a pure domain function on results that stand above it.

>>> from siting import study
>>> s = study.open("base")
>>> s.capacity["owned"]          # doctest: +SKIP
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from siting import __version__
from siting.catalogue import Input, Source
from siting.cost import tco, uncertainty, workbook
from siting.formats import Numbers
from siting.inputs import scenario
from siting.memory import training, vram
from siting.quantity import Range
from siting.rules import sovereignty
from siting.serving import capacity
from siting.vendors import stability
from siting.verdict import candidates, decision, quality

SCHEMA_VERSION = 1
"""Of summary.json; raised when a reader of the old shape would misread the new one."""

STALE_DAYS = 90
"""An input older than this at the report's date is marked."""


class Study:
    """A scenario and what follows from it. Results are computed once, when first used."""

    def __init__(self, chosen: scenario.Scenario) -> None:
        self.scenario = chosen
        self.client = chosen.client
        self.options = chosen.options

    @cached_property
    def numbers(self) -> Numbers:
        """Writes numbers, dates and money as the client's country does."""
        return Numbers(self.client.country, self.client.currency)

    @cached_property
    def memory(self) -> dict[str, tuple[vram.Fit, ...]]:
        """Which model fits on which GPU, by option and model."""
        return vram.assess(self.scenario)

    @cached_property
    def training(self) -> dict[str, tuple[training.Plan, ...]]:
        """Memory, time and energy of the scenario's fine-tuning jobs."""
        return training.assess(self.scenario)

    @cached_property
    def capacity(self) -> dict[str, capacity.OptionCapacity]:
        """GPUs, latency and utilisation, by option."""
        return capacity.assess(self.scenario, self.memory)

    @cached_property
    def cost(self) -> tco.Comparison:
        """Cash flows and what follows from them, by option."""
        return tco.assess(self.scenario, self.capacity)

    @cached_property
    def uncertainty(self) -> uncertainty.Uncertainty:
        """Tornado, Sobol indices and Monte Carlo draws of the cost comparison."""
        return uncertainty.assess(self.scenario, self.capacity, self.cost)

    @cached_property
    def stability(self) -> stability.Assessment:
        """Vendor scores with intervals, red flags and shocks."""
        return stability.assess(
            self.scenario,
            candidates.switching_costs(self.cost),
            candidates.yearly_spend(self.cost),
        )

    @cached_property
    def sovereignty(self) -> sovereignty.Assessment:
        """Verdicts of every rule on every option."""
        return sovereignty.assess(self.scenario)

    @cached_property
    def quality(self) -> quality.Assessment:
        """Where each option's model stands against the quality floor."""
        return quality.assess(self.scenario)

    @cached_property
    def decision(self) -> decision.Decision:
        """The recommendation, how sure it is, and what would change it."""
        return decision.assess(
            self.scenario,
            self.capacity,
            self.cost,
            self.uncertainty,
            self.stability,
            self.sovereignty,
            self.quality,
            self.memory,
        )

    @cached_property
    def inputs(self) -> tuple[Input, ...]:
        """Every number that a result used, once, with its origin; sorted by name."""
        found: list[Input] = [
            *self.cost.inputs,
            *self.stability.inputs,
            *self.quality.inputs,
            *self.decision.inputs,
            *(i for c in self.capacity.values() for i in c.inputs),
            *(i for plans in self.training.values() for p in plans for i in p.inputs),
            *(
                i
                for fits in self.memory.values()
                for f in fits
                if f.memory is not None
                for i in f.memory.inputs
            ),
        ]
        unique = {(i.name, i.value, i.source): i for i in found}
        return tuple(sorted(unique.values(), key=lambda i: (i.name.lower(), i.source.date)))

    @cached_property
    def warnings(self) -> tuple[str, ...]:
        """What a reader must know before trusting the numbers, in sentences."""
        missing = [
            f"{self.options[name].label}: {model} not estimated, because {why}"
            for name, option in self.capacity.items()
            for model, why in option.not_estimated.items()
        ]
        unpriced = [
            f"{self.options[name].label}: cost not estimated, because {why}"
            for name, why in self.cost.not_estimated.items()
        ]
        unscored = [
            f"{vendor}: no record of this vendor in the fact tables, so no stability score"
            for vendor in self.stability.unknown_vendors
        ]
        old = sum(self.is_stale(i.source) for i in self.inputs)
        stale = [f"{old} of {len(self.inputs)} inputs are older than {STALE_DAYS} days"] * bool(old)
        found = [*missing, *unpriced, *unscored, *self.decision.warnings, *self.cost.notes, *stale]
        return tuple(dict.fromkeys(found))

    def is_stale(self, source: Source) -> bool:
        """Whether a source is older than STALE_DAYS at the date of the report."""
        age = source.age_days(self.client.report_date)
        return age is not None and age > STALE_DAYS

    def summary(self) -> dict[str, Any]:
        """The content of summary.json: what the report says, as data."""
        decided = decision.summary(self.decision, self.client.currency)
        ranking = decided.pop("ranking")
        return {
            "schema_version": SCHEMA_VERSION,
            "version": __version__,
            "client": {
                "id": self.client.id,
                "name": self.client.name,
                "country": self.client.country,
                "sector": self.client.sector,
                "currency": self.client.currency,
                "report_date": self.client.report_date.isoformat(),
            },
            "seed": self.scenario.seed,
            **decided,
            "options": {
                name: {**ranking[name], **self._option_summary(name)} for name in self.options
            },
            "training": {
                name: [_training_summary(p) for p in plans] for name, plans in self.training.items()
            },
            "vendors": {
                name: {
                    "score": v.score.as_dict() if v.ranked else None,
                    "why_not": v.why_not,
                    "red_flags": [f.text for f in v.red_flags],
                }
                for name, v in self.stability.vendors.items()
            },
            "quality": quality.summary(self.quality),
            "volume_winners": [
                {
                    "option": w.option,
                    "above": w.above,
                    "below": w.below if math.isfinite(w.below) else None,
                    "unit": "million tokens/month",
                }
                for w in self.cost.volume.winners
            ],
            "warnings": list(self.warnings),
            "inputs": _named(self.inputs),
        }

    def _option_summary(self, name: str) -> dict[str, Any]:
        return {
            "memory": {f.model: _memory_summary(f) for f in self.memory.get(name, ())},
            "capacity": _capacity_summary(self.capacity[name]),
            "cost": self._cost_summary(name),
            "stability": {
                "expected_yearly_loss": _figure(self.stability.options[name].loss.expected),
                "why_not": self.stability.options[name].loss.why_not,
            },
            "sovereignty": {
                "verdict": self.sovereignty.overall(name),
                "counts": dict(self.sovereignty.counts(name)),
                "verdicts": {
                    rule: v.verdict for rule, v in self.sovereignty.options[name].verdicts.items()
                },
            },
        }

    def _cost_summary(self, name: str) -> dict[str, Any]:
        found = self.cost.options.get(name)
        if found is None:
            return {"not_estimated": self.cost.not_estimated[name]}
        spread = self.uncertainty.spreads[name]
        money = self.client.currency
        return {
            "present_cost": Range.exact(found.present, money).as_dict(),
            "present_cost_spread": spread.present.as_dict(),
            "total_cost": Range.exact(found.total, money).as_dict(),
            "npv_against_baseline": Range.exact(found.npv, money).as_dict(),
            "npv_spread": spread.npv.as_dict(),
            "chance_cheapest": spread.chance_cheapest,
            "irr": found.irr,
            "payback_months": found.payback_simple,
            "payback_months_discounted": found.payback_discounted,
            "levelised_cost": _exact(found.lcot, f"{money} per million tokens"),
            "break_even": {
                "month": found.break_even.month,
                "utilisation": found.break_even.utilisation,
                "million_tokens_per_month": found.break_even.volume,
                "against": found.break_even.rival,
                "why_not": found.break_even.why,
            },
            "present_cost_by_price_path": dict(found.present_by_path),
            "items": {k: round(v, 2) for k, v in found.by_item().items()},
            "energy": _exact(found.energy.kwh, "kWh"),
            "servers": list(found.servers),
        }

    def workbook(self) -> bytes:
        """The content of cash-flows.xlsx: the cost chapter with live formulas."""
        return workbook.content(self.cost, self.scenario)


def _figure(value: Range | None) -> Mapping[str, Any] | None:
    return None if value is None else value.as_dict()


def _exact(value: float | None, unit: str) -> Mapping[str, Any] | None:
    return None if value is None else Range.exact(value, unit).as_dict()


def _memory_summary(fit: vram.Fit) -> dict[str, Any]:
    if fit.memory is None:
        return {"not_estimated": fit.reason}
    m = fit.memory
    return {
        "verdict": m.verdict,
        "weights": m.weights,
        "kv_cache": m.kv,
        "gpu": m.gpu.id,
        "tensor_parallel": m.tp,
        "context": m.context,
        "need_per_gpu": m.need_gib.as_dict(),
        "budget_per_gpu": m.budget_gib.as_dict(),
        "parts": {p.name: p.gib.as_dict() for p in m.parts},
        "kv_pool": m.pool_gib.as_dict(),
        "max_concurrency": m.max_concurrency.as_dict(),
        "longest_context": m.longest_context,
    }


def _capacity_summary(found: capacity.OptionCapacity) -> dict[str, Any]:
    return {
        "gpus_by_year": [g.as_dict() for g in found.gpus_by_year],
        "utilisation": found.mean_utilisation(),
        "keeps_limits": found.keeps_limits,
        "not_estimated": dict(found.not_estimated),
        "pools": {
            model: {
                "replicas_by_year": [r.as_dict() for r in p.replicas],
                "spares": p.spares,
                "rate_per_replica": p.rate_per_replica.as_dict(),
                "busy_hour": _latency_summary(p.busy_hour),
                "peak_hour": _latency_summary(p.peak_hour),
                "calibrated": p.calibrated,
                "measured": p.measured,
            }
            for model, p in found.pools.items()
        },
    }


def _latency_summary(found: Any) -> dict[str, Any]:
    return {
        "ttft_s": {f"p{q}": v for q, v in found.ttft.items()},
        "tpot_ms": {f"p{q}": v * 1e3 for q, v in found.tpot.items()},
        "concurrency": found.concurrency,
    }


def _training_summary(plan: training.Plan) -> dict[str, Any]:
    if plan.peak is None or plan.time is None:
        return {"option": plan.option, "not_estimated": plan.reason}
    return {
        "option": plan.option,
        "gpu": plan.gpu,
        "verdict": plan.verdict,
        "peak_per_gpu": plan.peak.reserved.as_dict(),
        "hours": plan.time.hours.as_dict(),
        "gpu_hours": plan.time.gpu_hours.as_dict(),
        "energy": plan.time.energy_kwh.as_dict(),
    }


def _named(inputs: Iterable[Input]) -> list[dict[str, Any]]:
    """Inputs as summary.json lists them."""
    return [
        {
            "name": i.name,
            "value": {k: v for k, v in i.value.as_dict().items() if k != "unit"},
            "unit": i.value.unit,
            "source": i.source.source,
            "url": i.source.url,
            "locator": i.source.locator,
            "date": i.source.date,
            "kind": i.source.kind,
        }
        for i in inputs
    ]


def open(client: str = "base") -> Study:
    """The study of `params/<client>.yaml`, or of a YAML file anywhere.

    Raises scenario.ScenarioError naming file, line, field and remedy.
    """
    return _kept.get(_identity(client)) or Study(scenario.load(client))


def prepare() -> None:
    """Works out what is the same for every client: a batch does it once, before it forks.

    The base scenario is computed to read, check and index every table of facts on the way.
    """
    from siting.vendors import backtest

    backtest.results()
    with contextlib.suppress(scenario.ScenarioError):  # each client may be complete by itself
        warm = Study(scenario.load("base"))
        warm.summary()
        warm.workbook()


_kept: dict[tuple[Path, bytes], Study] = {}


def keep(computed: Study, path: str) -> None:
    """Lets `open` hand out this study for the file at `path`, as long as its content is the same.

    A report computes its study once; the kernels forked from that process find it done.
    """
    _kept.clear()
    _kept[_identity(path)] = computed


def _identity(path: str) -> tuple[Path, bytes]:
    """A file and what it says; nothing where `path` is a client's name."""
    file = Path(path).resolve()
    return file, file.read_bytes() if file.is_file() else b""
