"""The content of summary.json: what the report says, as data."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from siting import __version__
from siting.catalogue import Input
from siting.memory import training, vram
from siting.quantity import Range
from siting.serving import capacity
from siting.study.cost import PATHS

if TYPE_CHECKING:
    from siting.study import Study

SCHEMA_VERSION = 1
"""Of summary.json; raised when a reader of the old shape would misread the new one."""


def content(study: Study) -> dict[str, Any]:
    """The content of summary.json: what the report says, as data."""
    ranking = _ranking(study)
    keys = {option.label: name for name, option in study.options.items()}
    return {
        "schema_version": SCHEMA_VERSION,
        "version": __version__,
        "client": {
            "id": study.client.id,
            "name": study.client.name,
            "country": study.client.country,
            "sector": study.client.sector,
            "currency": study.client.currency,
            "report_date": study.client.report_date.isoformat(),
        },
        "seed": study.scenario.seed,
        **_decided(study, ranking),
        "options": {name: {**ranking[name], **_option(study, name)} for name in study.options},
        "training": {
            name: [_training_summary(p) for p in plans] for name, plans in study.training.items()
        },
        "vendors": _vendors(study),
        "quality": _quality(study),
        "volume_winners": [
            {
                "option": keys[w["option"]],
                "above": w["above"],
                "below": _known(w["below"]),
                "unit": "million tokens/month",
            }
            for w in study.volume_winners().to_dict("records")
        ],
        "warnings": list(study.warnings),
        "inputs": _named(study.inputs),
    }


def _rows(frame: pd.DataFrame, **chosen: object) -> list[dict[str, Any]]:
    """Rows of a frame in which columns have given values; what is missing is None."""
    for column, wanted in chosen.items():
        frame = frame[frame[column] == wanted]
    kept = frame.astype(object).where(frame.notna(), None)
    return [{str(k): v for k, v in row.items()} for row in kept.to_dict("records")]


def _decided(study: Study, ranking: Mapping[str, Any]) -> dict[str, Any]:
    """The recommendation, what turns it and what to do, from the frames of the decision."""
    keys = {o.label: name for name, o in study.options.items()}
    (v,) = _rows(study.verdict())
    chosen = ranking[keys[v["option"]]] if v["option"] else None
    return {
        "recommendation": {
            "option": keys.get(v["option"]),
            "label": v["option"],
            "kind": chosen["kind"] if chosen else None,
            "stays": v["stays"],
            "baseline": keys[v["today"]],
            "preferred": keys.get(v["preferred"]),
            "preferred_label": v["preferred"],
            "confidence": v["confidence"],
            "definition": v["definition"],
            "share": v["share"],
            "leaving": v["leaving"],
            "present_cost": chosen["present_cost"] if chosen else None,
        },
        "weights": {
            row["criterion"]: {
                "low": row["weight_low"], "central": row["weight"], "high": row["weight_high"],
            }
            for row in _rows(study.scorecard().drop_duplicates("criterion"))
        },
        "flip_points": [
            {
                "kind": f["kind"],
                "subject": keys.get(f["subject"], f["subject"]),
                "today": f["today"],
                "threshold": f["at"],
                "unit": f["unit"],
                "to": keys[f["to"]],
                "plausible": f["inside"],
            }
            for f in _rows(study.turns())
        ],
        "worth_knowing": {
            "everything": v["worth"],
            "inputs": {k["input"]: k["worth"] for k in _rows(study.knowledge())},
        },
        "plan": [{k: s[k] for k in ("day", "owner", "step", "why")} for s in _rows(study.steps())],
        "resilience": {
            keys[r["option"]]: {
                "model": r["model"],
                "room": r["room"],
                "successor": Range(
                    r["successor_low"], r["successor"], r["successor_high"], "times"
                ).as_dict(),
                "chance": r["chance"],
                "verdict": r["verdict"],
            }
            for r in _rows(study.successors())
        },
    }  # fmt: skip


def _ranking(study: Study) -> dict[str, Any]:
    """Every option's standing in the decision, by its name in the scenario."""
    barriers, ranks, card = study.barriers(), study.ranks(), study.scorecard()
    found = {}
    for s in _rows(study.standings()):
        mine = {"option": s["option"]}
        reasons = {
            status: [b["reason"] for b in _rows(barriers, **mine, status=status)]
            for status in ("ruled out", "not shown")
        }
        entry: dict[str, Any] = {
            "label": s["option"],
            "kind": s["kind"],
            "struck": reasons["ruled out"],
            "unproven": reasons["not shown"],
            "present_cost": _around(s["p10"], s["cost"], s["p90"], study.client.currency),
        }
        if s["score"] is not None:
            entry |= {
                "score": _around(s["score_p10"], s["score"], s["score_p90"], "points"),
                "acceptability": [round(r["share"], 4) for r in _rows(ranks, **mine)],
                "contributions": {r["criterion"]: r["points"] for r in _rows(card, **mine)},
                "regret_points": s["regret"],
                "regret_money": s["regret_money"],
            }
        found[s["key"]] = entry
    return found


def _around(
    low: float | None, central: float | None, high: float | None, unit: str
) -> Mapping[str, Any] | None:
    """A central case with its range, which it may lie outside of."""
    if low is None or central is None or high is None:
        return None
    return Range(min(low, central), central, max(high, central), unit).as_dict()


def _quality(study: Study) -> dict[str, Any]:
    """Verdicts on quality by option and workload, with their evidence."""
    scores = study.board_scores()
    found: dict[str, dict[str, Any]] = {}
    for p in _rows(study.parities()):
        own = {k: p[f"own_{k}"] for k in ("score", "floor", "tolerance", "verdict")}
        tokens = p["hidden_low"], p["hidden"], p["hidden_high"]
        same = {k: p[k] for k in ("option", "workload", "model")}
        name = next(n for n, o in study.options.items() if o.label == p["option"])
        found.setdefault(name, {})[f"{p['workload']}, {p['model']}"] = {
            "reference": p["reference"],
            "verdict": p["verdict"],
            "reason": p["reason"],
            "reasoning_tokens": Range(*tokens, "tokens").as_dict(),
            "boards": {b["board"]: {k: b[k] for k in _BOARD} for b in _rows(scores, **same)},
            "own": own if p["own_score"] is not None else None,
        }
    return found


_BOARD = (
    "verdict", "score", "effort", "reference_score", "reference_effort", "tolerance", "unit",
    "date", "reason",
)  # fmt: skip


def _option(study: Study, name: str) -> dict[str, Any]:
    return {
        "memory": {f.model: _memory_summary(f) for f in study.memory.get(name, ())},
        "capacity": _capacity_summary(study.capacity[name]),
        "cost": _cost(study, name),
        "stability": _stability(study, name),
        "sovereignty": _sovereignty(study, name),
    }


def _vendors(study: Study) -> dict[str, Any]:
    """Score and red flags by the names that the scenario uses."""
    flags = study.vendor_flags()
    return {
        v["name"]: {
            "score": _range(v, "score", "points of 100"),
            "why_not": v["why_not"],
            "red_flags": list(flags.flag[flags.vendor == v["vendor"]]),
        }
        for v in study.vendor_scores().to_dict("records")
    }


def _stability(study: Study, name: str) -> dict[str, Any]:
    losses = study.vendor_losses()
    own = losses[losses.option == study.options[name].label].to_dict("records")[0]
    unit = losses.attrs["units"]["expected"]
    return {"expected_yearly_loss": _range(own, "expected", unit), "why_not": own["why_not"]}


def _sovereignty(study: Study, name: str) -> dict[str, Any]:
    label = study.options[name].label
    counts, verdicts = study.rule_counts(), study.rule_verdicts()
    own = counts[counts.option == label].to_dict("records")[0]
    rules = verdicts[verdicts.option == label]
    return {
        "verdict": own["overall"],
        "counts": {
            "fail": own["fail"],
            "review": own["review"],
            "pass": own["passes"],
            "n.a.": own["not_applicable"],
        },
        "verdicts": dict(zip(rules.rule, rules.verdict, strict=True)),
    }


def _range(row: Mapping[Any, Any], column: str, unit: str) -> Mapping[str, Any] | None:
    """The range that a frame's row holds in three columns; None where it is missing."""
    low, central, high = (row[f"{column}{end}"] for end in ("_low", "", "_high"))
    return None if math.isnan(central) else Range(low, central, high, unit).as_dict()


def _cost(study: Study, name: str) -> dict[str, Any]:
    if name in study.cost.not_estimated:
        return {"not_estimated": study.cost.not_estimated[name]}
    label, money = study.options[name].label, study.client.currency
    found, even, energy = (
        _of(f(), label)[0] for f in (study.costs, study.break_evens, study.energy)
    )
    flows = study.cash_flows().query("option == @label")
    items = flows.groupby("item", sort=False).amount.sum().sort_values(key=abs, ascending=False)
    paths = {words: path for path, words in PATHS.items()}

    def spread(of: str) -> Mapping[str, Any]:
        return Range(found[f"{of}_low"], found[f"{of}_median"], found[f"{of}_high"]).as_dict()

    return {
        "present_cost": Range.exact(found["present"], money).as_dict(),
        "present_cost_spread": spread("present"),
        "total_cost": Range.exact(found["total"], money).as_dict(),
        "npv_against_baseline": Range.exact(found["saving"], money).as_dict(),
        "npv_spread": spread("saving"),
        "chance_cheapest": found["cheapest_in"],
        "irr": _known(found["irr"]),
        "payback_months": _known(found["payback"]),
        "payback_months_discounted": _known(found["payback_discounted"]),
        "levelised_cost": _exact(_known(found["per_million"]), f"{money} per million tokens"),
        "break_even": {
            "month": _known(even["month"]),
            "utilisation": _known(even["utilisation"]),
            "million_tokens_per_month": _known(even["volume"]),
            "against": study.cost.options[name].break_even.rival,
            "why_not": even["why"],
        },
        "present_cost_by_price_path": {
            paths[row["path"]]: row["present"] for row in _of(study.price_paths(), label)
        },
        "items": {item: round(amount, 2) for item, amount in items.items()},
        "energy": _exact(_known(energy["electricity"], 1000), "kWh"),
        "servers": list(study.cost.options[name].servers),
    }


def _of(frame: pd.DataFrame, label: str) -> list[dict[Hashable, Any]]:
    """Rows of one option."""
    return frame[frame.option == label].to_dict("records")


def _known(value: float, factor: float = 1) -> float | None:
    """A number for JSON, which has none for what is missing or never."""
    return value * factor if math.isfinite(value) else None


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
