"""The content of summary.json: what the report says, as data."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from siting import __version__
from siting.quantity import Range
from siting.study.cost import PATHS

if TYPE_CHECKING:
    from siting.study import Study

SCHEMA_VERSION = 1
"""Of summary.json; raised when a reader of the old shape would misread the new one."""


UNITS = {
    "schema_version": "1",
    "seed": "1",
    "counts": "rules",
    "events": "events",
    "notices": "notices",
    "utilisation": "share",
    "spares": "replicas",
    "concurrency": "requests",
    "ttft_s": "s",
    "tpot_ms": "ms",
    "tensor_parallel": "GPUs",
    "context": "tokens",
    "longest_context": "tokens",
}
"""Units of bare figures by the name of their field, or of a field that they stand in."""


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
        "training": _training(study),
        "vendors": _vendors(study),
        "quality": _quality(study),
        "volume_winners": [
            {
                "option": keys[w["option"]],
                "above": _exact(w["above"], "million tokens/month"),
                "below": _exact(_known(w["below"]), "million tokens/month"),
            }
            for w in study.volume_winners().to_dict("records")
        ],
        "units": dict(UNITS),
        "warnings": list(study.cautions().caution),
        "inputs": _named(study.inputs()),
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
    money = study.client.currency
    chosen = ranking[keys[v["option"]]] if v["option"] else None
    return {
        "recommendation": {
            "option": keys.get(v["option"]),
            "label": v["option"],
            "kind": chosen["kind"] if chosen else None,
            "stays": v["stays"],
            "baseline": keys.get(v["today"]),
            "cleared": chosen is not None and not chosen["not_cleared"],
            "confidence": v["confidence"],
            "definition": v["definition"],
            "share": _exact(v["share"], "1"),
            "leaving": _exact(v["leaving"], "1"),
            "present_cost": chosen["present_cost"] if chosen else None,
        },
        "weights": {
            row["criterion"]: Range(
                row["weight_low"], row["weight"], row["weight_high"], "points"
            ).as_dict()
            for row in _rows(study.scorecard().drop_duplicates("criterion"))
        },
        "flip_points": [
            {
                "kind": f["kind"],
                "subject": keys.get(f["subject"], f["subject"]),
                "today": _exact(f["today"], _FLIP_UNITS.get(f["kind"], f["unit"])),
                "threshold": _exact(f["at"], _FLIP_UNITS.get(f["kind"], f["unit"])),
                "to": keys[f["to"]],
                "plausible": f["inside"],
            }
            for f in _rows(study.turns())
        ],
        "worth_knowing": {
            "everything": _exact(v["worth"], money),
            "inputs": {
                k["input"]: _exact(k["worth"], money)
                for k in _rows(study.knowledge())
            },
        },
        "plan": [
            {
                **{k: s[k] for k in ("due", "owner", "step", "why")},
                "day": _exact(s["day"], "days"),
                "price": _around(s["price_low"], s["price"], s["price_high"], money),
            }
            for s in _rows(study.steps())
        ],
        "resilience": _resilience(study, keys),
    }  # fmt: skip


def _resilience(study: Study, keys: Mapping[str, str]) -> dict[str, Any]:
    """Room for a successor of the model, by option."""
    return {
        keys[r["option"]]: {
            "model": r["model"],
            "room": _exact(r["room"], "times"),
            "successor": Range(
                r["successor_low"], r["successor"], r["successor_high"], "times"
            ).as_dict(),
            "chance": _exact(r["chance"], "1"),
            "verdict": r["verdict"],
        }
        for r in _rows(study.successors())
    }


def _ranking(study: Study) -> dict[str, Any]:
    """Every option's standing in the decision, by its name in the scenario."""
    barriers, ranks, card = study.barriers(), study.ranks(), study.scorecard()
    found = {}
    for s in _rows(study.standings()):
        mine = {"option": s["option"]}
        reasons = {
            status: [
                f"{b['point']}: {b['reason']}" if b["point"] else b["reason"]
                for b in _rows(barriers, **mine, status=status)
            ]
            for status in ("ruled out", "not cleared")
        }
        entry: dict[str, Any] = {
            "label": s["option"],
            "kind": s["kind"],
            "struck": reasons["ruled out"],
            "not_cleared": reasons["not cleared"],
            "present_cost": _around(s["p10"], s["cost"], s["p90"], study.client.currency),
        }
        if s["score"] is not None:
            entry |= {
                "score": _around(s["score_p10"], s["score"], s["score_p90"], "points"),
                "acceptability": [_exact(round(r["share"], 4), "1") for r in _rows(ranks, **mine)],
                "contributions": {
                    r["criterion"]: _exact(r["points"], "points") for r in _rows(card, **mine)
                },
                "regret_points": _exact(s["regret"], "points"),
                "regret_money": _exact(s["regret_money"], study.client.currency),
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
        own = {k: _exact(p[f"own_{k}"], "1") for k in ("score", "floor", "tolerance")}
        own["verdict"] = p["own_verdict"]
        tokens = p["hidden_low"], p["hidden"], p["hidden_high"]
        same = {k: p[k] for k in ("option", "workload", "model")}
        name = next(n for n, o in study.options.items() if o.label == p["option"])
        found.setdefault(name, {})[f"{p['workload']}, {p['model']}"] = {
            "reference": p["reference"],
            "verdict": p["verdict"],
            "reason": p["reason"],
            "reasoning_tokens": Range(*tokens, "tokens").as_dict(),
            "margin": _exact(p["margin"], "points"),
            "boards": {
                b["board"]: {k: b[k] for k in _BOARD}
                | {k: _exact(b[k], b["unit"]) for k in ("score", "reference_score", "tolerance")}
                | {"counts": _exact(b["counts"], "1")}
                for b in _rows(scores, **same)
            },
            "own": own if p["own_score"] is not None else None,
        }
    return found


_FLIP_UNITS = {"weight": "share of all weight", "price": "times the cost planned"}

_BOARD = ("verdict", "effort", "reference_effort", "date", "reason")


def _option(study: Study, name: str) -> dict[str, Any]:
    return {
        "memory": _memory(study, study.options[name].label),
        "capacity": _capacity(study, study.options[name].label),
        "cost": _cost(study, name),
        "stability": _stability(study, name),
        "sovereignty": _sovereignty(study, name),
    }


def _vendors(study: Study) -> dict[str, Any]:
    """Chances of short notice and red flags by the names that the scenario uses."""
    flags, chances = study.vendor_flags(), study.notice_chances()
    return {
        v["name"]: {
            "next_notice": {
                f"at_most_{c['within']:.0f}_days": _range(c, "chance", "share")
                for c in chances[chances.vendor == v["vendor"]].to_dict("records")
            },
            "events": v["events"],
            "notices": v["notices"],
            "red_flags": list(flags.flag[flags.vendor == v["vendor"]]),
        }
        for v in study.vendors().to_dict("records")
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

    def spread(of: str) -> Mapping[str, Any] | None:
        """Middle of all cases, and what eight in ten lie between."""
        low, median, high = (float(found[f"{of}_{end}"]) for end in ("low", "median", "high"))
        return Range(low, median, high, money).as_dict() if math.isfinite(median) else None

    def figure(value: Any, unit: str) -> Mapping[str, Any] | None:
        return _exact(_known(value), unit)

    return {
        "present_cost": figure(found["present"], money),
        "present_cost_spread": spread("present"),
        "total_cost": figure(found["total"], money),
        "npv_against_baseline": figure(found["saving"], money),
        "npv_spread": spread("saving"),
        "chance_cheapest": figure(found["cheapest_in"], "1"),
        "irr": figure(found["irr"], "per year"),
        "payback": figure(found["payback"], "months"),
        "payback_discounted": figure(found["payback_discounted"], "months"),
        "levelised_cost": figure(found["per_million"], f"{money} per million tokens"),
        "break_even": {
            "month": figure(even["month"], "months"),
            "utilisation": figure(even["utilisation"], "1"),
            "utilisation_used": figure(even["used"], "1"),
            "volume": figure(even["volume"], "million tokens/month"),
            "against": study.cost.options[name].break_even.rival,
            "why_not": even["why"],
        },
        "present_cost_by_price_path": {
            paths[row["path"]]: figure(row["present"], money)
            for row in _of(study.price_paths(), label)
        },
        "items": {item: figure(round(amount, 2), money) for item, amount in items.items()},
        "energy": _exact(_known(energy["electricity"], 1000), "kWh"),
        "emissions": figure(energy["emissions"], "t CO2e"),
        "servers_by_year": [figure(n, "servers") for n in study.cost.options[name].servers],
    }


def _of(frame: pd.DataFrame, label: str) -> list[dict[Hashable, Any]]:
    """Rows of one option."""
    return frame[frame.option == label].to_dict("records")


def _known(value: float, factor: float = 1) -> float | None:
    """A number for JSON, which has none for what is missing or never."""
    return value * factor if math.isfinite(value) else None


def _exact(value: float | None, unit: str) -> Mapping[str, Any] | None:
    return None if value is None else Range.exact(value, unit).as_dict()


def _memory(study: Study, label: str) -> dict[str, Any]:
    """By model: what it takes on a GPU, what it leaves, and how many requests fit."""
    fits, parts = study.fits(), study.memory_parts()
    found: dict[str, Any] = {}
    for row in fits[fits.option == label].to_dict("records"):
        if row["why"]:
            found[row["model_key"]] = {"not_estimated": row["why"]}
            continue
        own = parts[(parts.option == label) & (parts.model == row["model"])]
        found[row["model_key"]] = {
            "verdict": row["verdict"],
            "weights": row["weights"],
            "kv_cache": row["kv_cache"],
            "gpu": row["gpu_key"],
            "tensor_parallel": int(row["tensor_parallel"]),
            "context": int(row["context"]),
            "need_per_gpu": _range(row, "need", "GiB"),
            "budget_per_gpu": _range(row, "budget", "GiB"),
            "parts": {p["part"]: _ends(p, "GiB") for p in own.to_dict("records")},
            "kv_pool": _range(row, "left", "GiB"),
            "max_concurrency": _range(row, "requests", "requests"),
            "longest_context": int(row["longest"]),
        }
    return found


def _ends(row: Mapping[Any, Any], unit: str) -> Mapping[str, Any]:
    return Range(row["low"], row["central"], row["high"], unit).as_dict()


def _capacity(study: Study, label: str) -> dict[str, Any]:
    years, pools, none = study.gpus_by_year(), study.pools(), study.not_sized()
    own = years[years.option == label].to_dict("records")
    unknown = none[none.option == label].to_dict("records")
    rows = pools[pools.option == label].to_dict("records")
    kept: bool | None = all(row["keeps_limits"] for row in rows)
    return {
        "gpus_by_year": [_ends(row, "GPUs") for row in own],
        "utilisation": own[0]["used"] if rows else None,
        "keeps_limits": None if unknown or not rows else kept,
        "not_estimated": {row["model_key"]: row["why"] for row in unknown},
        "pools": {row["model_key"]: _pool(study, row) for row in rows},
    }


def _pool(study: Study, row: Mapping[Any, Any]) -> dict[str, Any]:
    years, seen = study.replicas_by_year(), study.latencies()
    own, hours = (
        frame[(frame.option == row["option"]) & (frame.model == row["model"])]
        for frame in (years, seen)
    )
    return {
        "replicas_by_year": [_ends(r, "replicas") for r in own.to_dict("records")],
        "spares": int(row["spares"]),
        "rate_per_replica": _range(row, "rate", "requests/s"),
        "busy_hour": _latency(hours[hours.situation == "usual peak"]),
        "peak_hour": _latency(hours[hours.situation == "busiest hour"]),
        "calibrated": row["calibrated"],
        "measured": row["measured"],
    }


def _latency(hour: pd.DataFrame) -> dict[str, Any] | None:
    """Of the workload that comes nearest to its limits; None where all work may wait."""
    if hour.empty:
        return None
    worst = (hour.seen / hour.limit).groupby(hour.workload).max().idxmax()
    first, further = hour[hour.workload == worst].to_dict("records")

    def percentiles(row: Mapping[Any, Any], scale: float) -> dict[str, float]:
        named = {q: row[q] * scale for q in ("p50", "p95", "p99")}
        return named | {f"p{row['percentile']:.0f}": row["seen"] * scale}

    return {
        "ttft_s": percentiles(first, 1),
        "tpot_ms": percentiles(further, 1e3),
        "concurrency": first["under_way"] / first["replicas"],
    }


def _training(study: Study) -> dict[str, Any]:
    keys = {option.label: name for name, option in study.options.items()}
    found: dict[str, Any] = {job: [] for job in study.scenario.fine_tuning}
    for row in study.fine_tuning().to_dict("records"):
        head = {"option": keys[row["option"]]}
        if math.isnan(row["gpus"]):
            found[row["job"]].append({**head, "not_estimated": row["why"]})
            continue
        found[row["job"]].append(
            {
                **head,
                "gpu": row["gpu_key"],
                "verdict": row["verdict"],
                "peak_per_gpu": _range(row, "peak", "GiB"),
                "hours": _range(row, "hours", "h"),
                "gpu_hours": _range(row, "gpu_hours", "GPU-h"),
                "energy": _range(row, "energy", "kWh"),
            }
        )
    return found


def _named(inputs: pd.DataFrame) -> list[dict[str, Any]]:
    """Inputs as summary.json lists them."""
    said = ("unit", "source", "url", "locator", "date", "kind")
    return [
        {
            "name": row["name"],
            "value": {side: row[side] for side in ("low", "central", "high")},
            **{k: row[k] for k in said},
        }
        for row in _rows(inputs)
    ]
