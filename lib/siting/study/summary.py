"""The content of summary.json: what the report says, as data, read from frames and records.

summary.csv says what each section reads: a column of a row of its frame, or, after the name that
the row gives a record of the domain, what the record says: `memory.deployment.weights`. It is told

- as it stands: a text, and a figure that is exact for every client;
- as a figure `{low, central, high, unit}` where it is uncertain for some client: of `column*`
  between `column_low` and `column_high`, of a record's range, or of three columns.

In a unit `{currency}` and other columns are filled in; `option` is the scenario's key of an option.
The section `units` of summary.json has the units of exact figures by the name of their field; one
that is not named there has the `unit` of its record. Where neither says one, what they stand in
does, from the inside out.
"""

from __future__ import annotations

import csv
import datetime as dt
import functools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pandas as pd

from siting import __version__
from siting.catalogue import facts_version
from siting.quality import BoardComparison, margin_of
from siting.quantity import Range
from siting.rules.findings import worst
from siting.serving.pools import Pool
from siting.study.answer import saved
from siting.study.frames import columns, ends, picked
from siting.study.verdict import mixed
from siting.vendors.stability import moves
from siting.verdict.decision import Decision
from siting.verdict.plan import to_prove

if TYPE_CHECKING:
    from siting.study import Study

Row: TypeAlias = Mapping[str, Any]

SCHEMA_VERSION = 3
"""Of summary.json; raised when a reader of the old shape would misread the new one."""


@functools.cache
def _fields() -> Mapping[str, Mapping[str, tuple[str, str]]]:
    """Sections of summary.csv: what each of their fields reads, and its unit."""
    sections: dict[str, dict[str, tuple[str, str]]] = {}
    with Path(__file__).with_suffix(".csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            reads = (row["reads"], row["unit"])
            sections.setdefault(row["section"], {})[row["field"]] = reads
    return sections


def content(study: Study) -> dict[str, Any]:
    """The content of summary.json."""
    read = _SectionReader(study)
    said = {"id", "name", "country", "sector", "currency", "report_date"}
    return {
        "schema_version": SCHEMA_VERSION,
        "version": __version__,
        "facts_version": facts_version(),
        "client": study.client.model_dump(mode="json", include=said),
        "seed": study.scenario.seed,
        **_decided(read),
        "options": options(study),
        "training": _training(read),
        "vendors": _vendors(read),
        "quality": _quality(read),
        "units": units(study.client.currency),
        "shown": _shown(read),
        "warnings": [*map(_warning, _rows(study.left_out()))],
        "inputs": [read(i, "input") | {"value": read(i, "value")} for i in _rows(study.inputs())],
    }


def options(study: Study) -> dict[str, Any]:
    """What summary.json holds of each option, by the option's name."""
    read = _SectionReader(study)
    return {name: _option(read, name, option.label) for name, option in study.options.items()}


def units(currency: str) -> dict[str, str]:
    """Units of exact figures by the name of their field, but of those whose record says it."""
    every = (field for section in _fields().values() for field in section.items())
    return {
        field: unit.format(currency=currency)
        for field, (reads, unit) in every
        if unit not in ("", "option", "{unit}") and not ("*" in reads or " " in reads)
    }


class _SectionReader:
    """Reads sections from rows of a study's frames."""

    def __init__(self, study: Study) -> None:
        self.study = study
        self.keys = {option.label: name for name, option in study.options.items()}

    def __call__(self, row: Row, said: str) -> dict[str, Any]:
        """What a row says in the fields of a section."""
        return {
            name: self._value(row, what, unit) for name, (what, unit) in _fields()[said].items()
        }

    def _value(self, row: Row, said: str, unit: str) -> Any:
        values = [value for cell in said.split() for value in _cells(row, cell)]
        if unit == "option":
            return self.keys.get(values[0], values[0])
        if len(values) == 1:
            return values[0]
        money = self.study.client.currency
        return _figure(values, unit.format_map({"currency": money, **row}))

    def each(self, rows: pd.DataFrame | Iterable[Row], said: str, **chosen: object) -> list[Any]:
        """What each row says in which columns have given values."""
        told = _rows(rows, **chosen) if isinstance(rows, pd.DataFrame) else rows
        return [self(row, said) for row in told]


def _figure(values: Sequence[float | None], unit: str) -> dict[str, float | str] | None:
    """A low, a central and a high value: a central case may lie outside of both."""
    low, central, high = values
    if low is None or central is None or high is None:
        return None
    return Range(min(low, central), central, max(high, central), unit=unit).as_dict()


def _rows(frame: pd.DataFrame, **chosen: object) -> list[dict[str, Any]]:
    """Rows in which columns have given values; what is missing, or never, is None."""
    every = ({str(name): _known(x) for name, x in row.items()} for row in frame.to_dict("records"))
    return [row for row in every if chosen.items() <= row.items()]


def _cells(row: Row, cell: str) -> list[Any]:
    """What a row says in a column, or in the three of a range; or a record in it, by a path.

    Nothing is known where a record on the way is missing.
    """
    first, *path = cell.removesuffix("*").split(".")
    if not path:
        return [_known(row[column]) for column in columns(cell)]
    value = row[first]
    for name in path:
        value = None if value is None else getattr(value, name)
    return [*map(_known, ends(value))] if cell.endswith("*") else [_known(value)]


def _known(value: Any) -> Any:
    if isinstance(value, dt.date):
        return value.isoformat()
    return None if isinstance(value, float) and not math.isfinite(value) else value


SHOWN = (
    "own_tests", "paid_so_far", "budget", "gpus_by_year", "quiet_years", "timeline",
    "server_kinds", "readiness", "contract",
)  # fmt: skip
"""Frames behind the pages that no other section holds row by row."""


def _shown(read: _SectionReader) -> dict[str, Any]:
    """By frame, what the charts and tables of the body show, at its full precision."""
    study = read.study
    rows: dict[str, pd.DataFrame | Iterable[Row]]
    rows = {name: getattr(study, name)() for name in SHOWN}
    designs = study.designs().query("refused == ''")
    designs["rank"] = designs.groupby("option", observed=True).present.rank(method="max")
    cash = study.cash_flows()
    years = cash.groupby(["option", "year"], observed=True)[["paid", "booked"]].sum()
    cash["months"] = cash.month.where(cash.month > 0)
    fiscal = cash[cash.fiscal_year != ""].groupby(["option", "fiscal_year"], observed=True)
    fiscal_years = fiscal.agg({"months": "nunique", "paid": "sum", "booked": "sum"})
    gates = study.steps().groupby("day").agg(due=("due", "max"), price=("price", "sum"))
    gates = gates.assign(number=range(1, len(gates) + 1), spent=gates.price.cumsum())
    rows |= {
        "sizing_steps": study.sizing_steps().replace({"unit": {"": "1"}}),
        "cash_gap": _cash_gap(study),
        "money_terms": [{"tax": study.results.tax, "finance": study.scenario.finance}],
        "gates": gates,
        "gate": _gate(study),
        "plan_lines": _plan_lines(study.steps()),
        "exclusions": study.sums().dropna(subset="whose"),
        "yearly_costs": years.reset_index(),
        "fiscal_costs": fiscal_years.reset_index(),
        "loads": _loads(study),
        "hours": _rows(study.hours(), model=""),
        "designs": designs,
        "rule_points": _points(study),
        "for_counsel": study.law().query("status != 'no rule'"),
        "notice_chances": _rows(study.notice_chances(), mine=True, within=90),
    }
    for pool in _rows(study.pools(), shown=True):
        own = {"option": pool["base"], "model": pool["model"]}
        rows["latencies"] = _rows(_waits(study).assign(unit="s"), **own)
    return {name: read.each(found, name) for name, found in rows.items()}


def _loads(study: Study) -> Iterator[Row]:
    """Each workload, and the tokens that its busiest hours ask for a minute."""
    for asked, row in zip(study.results.loads.values(), _rows(study.loads()), strict=True):
        per_request = row["input_tokens"] + row["output_tokens"]
        yield row | {
            "load": asked,
            "requests": asked.requests(1).central,
            "tokens_per_minute": 60 * row["year_peak"] * per_request,
        }


def _cash_gap(study: Study) -> Iterator[Row]:
    """Cash of the choice against that of what it is held against; nothing without one."""
    (answer,) = _rows(study.answer())
    if not answer["held_against"]:
        return
    ahead = saved(study).cumsum()
    yield answer | {
        "saved": ahead[-1],
        "deepest": max(0.0, -ahead.min()),
        "deepest_month": int(ahead.argmin()),
    }


def _gate(study: Study) -> Iterator[Row]:
    """The day of go or no-go, and what it hangs on; nothing without a choice."""
    results = study.results
    chosen = results.decision.recommended
    if chosen is None:
        return
    (answer,) = _rows(study.answer())
    points = study.points()
    go = results.go
    ordered = (answer["once"] or 0.0) - (answer["own_hours"] or 0.0)
    planned = answer["planned_price"]
    yield answer | {
        "points": int(points.hard[points.option == answer["option"]].sum()),
        "ordered": round(ordered),
        "price_limit": planned and answer["price_times"] * planned,
        "results": results,
        "stated_day": None if go.stated is None else results.day(go.stated),
        "proofs": " and ".join(to_prove(chosen, results.sovereignty)) or None,
    }


def _points(study: Study) -> Iterator[Row]:
    """What is open for each option under the rules, what weighs most first."""
    shown = {(row["option"], row["point"]): row for row in _rows(study.points())}
    for name, option in study.results.sovereignty.options.items():
        for point in option.open_points:
            found = point.by_gravity
            yield shown[study.options[name].label, point.label] | {
                "law": point,
                "rules": "; ".join(f.rule.title for f in found),
                "provisions": "; ".join(f.provision for f in found),
                "questions": len(point.missing),
            }


def _plan_lines(steps: pd.DataFrame) -> pd.DataFrame:
    """Steps that are due on one day and differ in who does them alone, together: first who is
    paid for it, then who does it in hours of another line."""
    steps["is_other"] = steps.price == 0
    lines = steps.groupby(["day", "work"], sort=False)
    prices = lines[["price_low", "price", "price_high"]].sum(min_count=1)
    in_order = steps.sort_values("is_other", kind="stable").groupby(["day", "work"], sort=False)
    owners = in_order.owner.agg(lambda who: "; ".join(who.unique()))
    counted = lines.agg(
        due=("due", "first"), steps=("label", "size"), in_other_hours=("is_other", "sum")
    )
    return counted.assign(owners=owners).join(prices).reset_index()


def _decided(read: _SectionReader) -> dict[str, Any]:
    """The recommendation, what turns it and what to do."""
    study = read.study
    decision = study.results.decision
    (answer,) = _rows(study.answer())
    fallback = decision.fallback
    saving = study.results.saving
    below, above = decision.beliefs
    turning = study.variants().dropna(subset="rank")
    return {
        "recommendation": {
            **read(answer | _of_choice(study, answer), "recommendation"),
            "unit": study.client.currency,
            "level": list(decision.level),
            "fallback": fallback and read({"fallback": fallback}, "fallback"),
            "belief": {
                "value": decision.falling,
                "unit": "share",
                "below": below and picked(below, "at option"),
                "above": above and picked(above, "at option"),
            },
            "principles": [
                read(
                    {"principle": found, "stated": decision.premiums.get(found.property, 0.0)},
                    "principle",
                )
                for found in study.results.principles
            ],
            "tests": read.each(study.tests(), "test"),
            "saving": saving and read({"saving": saving}, "saving"),
        },
        "variants": [
            read({"variant": tried, "outcome": found}, "variant") | {"set": list(tried.set)}
            for tried, found in study.results.tried
        ],
        "turns": read.each(turning.sort_values("rank"), "turn"),
        "flip_points": [
            read({"switch": switch, "today": 1.0, "unit": "times the plan"}, "flip")
            for switch in study.results.switches
        ],
        "worth_knowing": {
            "unit": study.client.currency,
            "everything": answer["worth"],
            "inputs": {row["input"]: row["worth"] for row in _rows(study.knowledge())},
        },
        "plan": read.each(study.steps(), "step"),
    }


def _of_choice(study: Study, answer: Row) -> dict[str, Any]:
    """What no chapter shows of the choice: where it runs, when it serves, what the next best and
    its rival cost, and which option is first in the middle case."""
    decided = study.results.decision
    live = study.results.live
    best = decided.recommended
    is_next = answer["rival_is_kept"] is False
    return {
        "decision": decided,
        "own": best and study.options[best],
        "live": live and study.results.day(live.central),
        "live_low": live and study.results.day(live.low),
        "live_high": live and study.results.day(live.high),
        "next_in_all": answer["rival_in_all"] if is_next else None,
        "cheaper_than_next": answer["cheaper_than_rival"] if is_next else None,
        "behind": answer["rival"] and answer["rival_in_all"] - answer["in_all"],
        **_in_the_middle(decided, best),
    }


def _in_the_middle(decided: Decision, best: str | None) -> dict[str, Any]:
    """The option that is first in the middle case, where it is another, and what the dearest
    twentieth of the cases of the first one weighs in its mean."""
    medians = {name: np.median(mixed(decided, name)) for name in decided.means}
    middle = min(medians, key=medians.__getitem__, default=best)
    if best is None or middle == best:
        return {"middle": None, "dear_cases": None}
    cases = np.sort(mixed(decided, best))
    dearest = cases[-len(cases) // 20 :]
    return {"middle": middle, "dear_cases": float(dearest.sum() / cases.sum())}


def _option(read: _SectionReader, name: str, label: str) -> dict[str, Any]:
    """One option: its sum, its limits, and what each chapter says of it."""
    study = read.study
    own = {"option": label}
    (sums,) = _rows(study.sums(), **own)
    loss = study.results.stability.options[name]
    law = study.results.sovereignty.options[name]
    in_all = read(sums, "sums") | {"unit": study.client.currency}
    return {
        **read(sums | {"hosting": study.options[name].kind}, "standing"),
        "in_all": None if sums["in_all"] is None else in_all,
        "limits": _limits(study, name),
        "memory": _memory(read, name),
        "capacity": _capacity(read, name),
        "cost": _cost(read, name, label),
        "stability": {
            "expected_yearly_loss": loss.expected and loss.expected.as_dict(),
            "why_not": loss.why_not,
        },
        "sovereignty": {
            "verdict": worst(found.verdict for found in law.verdicts.values()),
            "counts": {word: law.counts[word] for word in ("fail", "review", "pass", "n.a.")},
            "verdicts": {
                row["rule_id"]: row["verdict"] for row in _rows(study.rule_verdicts(), **own)
            },
        },
    }


def _limits(study: Study, name: str) -> list[dict[str, str]]:
    """Limits of an option: those that it fails, those that are open, and conditions that hold."""
    found = study.results.decision.candidate(name)
    asked = study.scenario.limits
    fails = {barrier.line for barrier in found.barriers}
    held = [line for line in asked if line not in fails] if not found.uncleared else []
    return [
        *({"point": point, "state": "fail"} for point in found.struck),
        *({"point": doubt.point, "state": "open"} for doubt in found.uncleared),
        *({"point": line, "state": "pass"} for line in held),
    ]


def _memory(read: _SectionReader, name: str) -> dict[str, Any]:
    """By model: what it takes on a GPU, what it leaves, and how many requests fit."""
    found = {}
    for fit in read.study.results.memory.get(name, ()):
        if fit.memory is None:
            found[fit.model] = {"not_estimated": fit.reason}
            continue
        parts = {part.name: part.gib.as_dict() for part in fit.memory.parts}
        found[fit.model] = read({"memory": fit.memory}, "memory") | {"parts": parts}
    return found


def _capacity(read: _SectionReader, name: str) -> dict[str, Any]:
    study = read.study
    own = {"option": study.options[name].label}
    sized = study.results.capacity[name]
    pools = zip(sized.pools.items(), _rows(study.pools(), **own), strict=True)
    return {
        "gpus_by_year": [
            year["needed"] for year in read.each(study.gpus_by_year(), "gpus_by_year", **own)
        ],
        "utilisation": sized.mean_utilisation(),
        "keeps_limits": sized.keeps_limits,
        "not_estimated": dict(sized.not_estimated),
        "pools": {model: _pool(read, pool, row) for (model, pool), row in pools},
    }


MEASURES = {
    "first token": ("ttft_s", 1),
    "further token": ("tpot_ms", 1e3),
    "whole answer": ("whole_s", 1),
}
"""What a wait is called here by what is measured, and what a second is in its unit."""


def _pool(read: _SectionReader, sized: Pool, row: Row) -> dict[str, Any]:
    own = {"option": row["option"], "model": row["model"]}
    hours = sized.mix.hours_of_year()
    further = {
        "pool": sized,
        "mean_rate": float(hours.mean()),
        "busiest_rate": float(hours.max()),
        "at_work": sized.level(),
    }
    seen = _waits(read.study)
    return {
        **read({**row, **further}, "pool"),
        "replicas_by_year": [count.as_dict() for count in sized.replicas],
        "busy_hour": _latency(_rows(seen, **own, situation="usual peak")),
        "peak_hour": _latency(_rows(seen, **own, situation="busiest hour")),
        "replay": _replay(read, own),
    }


def _replay(read: _SectionReader, own: Row) -> dict[str, Any] | None:
    """The busiest day request by request, with as many replicas as were sized and with one fewer;
    None for options whose machines are not told first, and where nothing can replay."""
    if not read.study.has("replay"):
        return None
    frame = read.study.replay()
    found: dict[str, dict[str, Any]] = {}
    for row in _rows(frame, **own):
        case = "as_sized" if row["sized"] else "one_fewer"
        seen = found.setdefault(case, read(row, "replayed") | {"workloads": {}})
        none_yet = {**read(row, "waited"), "kept": True}
        waited = seen["workloads"].setdefault(row["workload"], none_yet)
        waited["kept"] &= row["kept"]
        waited[MEASURES[row["measure"]][0]] = _percentiles(row)
    return found or None


def _waits(study: Study) -> pd.DataFrame:
    """What users wait for, with the share of requests for which their limit holds."""
    limits: pd.DataFrame = study.loads()[["workload", "percentile"]]
    return pd.merge(study.latencies(), limits, how="left")


def _latency(hour: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Of the workload that comes nearest to its limits; None where all work may wait."""
    if not hour:
        return None
    worst = max(hour, key=_strain)
    found: dict[str, Any] = {}
    for row in hour:
        if row["workload"] == worst["workload"]:
            at_limit = {f"p{row['percentile']:.0f}": row["seen"]}
            found[MEASURES[row["measure"]][0]] = _percentiles(row, **at_limit)
    return found | {"concurrency": worst["concurrency"]}


def _strain(row: Row) -> float:
    """What is seen over its limit; without end where the load is never carried."""
    if row["limit"] is None:
        return 0.0
    return math.inf if row["seen"] is None else float(row["seen"] / row["limit"])


def _percentiles(row: Row, **at_limit: float | None) -> dict[str, float | None]:
    """Percentiles of a wait in the unit of its name; None is what never comes.

    at_limit: the one that the client's limit names.
    """
    waits = {q: row[q] for q in ("p50", "p95", "p99")} | at_limit
    _, scale = MEASURES[row["measure"]]
    return {q: None if wait is None else wait * scale for q, wait in waits.items()}


def _cost(read: _SectionReader, name: str, label: str) -> dict[str, Any]:
    study = read.study
    costs = study.results.cost
    if name in costs.plan.not_estimated:
        return {"not_estimated": costs.plan.not_estimated[name]}
    option = costs.options[name]
    flows = study.cash_flows().query("option == @label")
    items = (
        flows.groupby("item", sort=False)
        .amount.sum()
        .sort_values(key=abs, ascending=False, kind="stable")
    )
    items = items.map(functools.partial(round, ndigits=2))
    row = {"option": option, "totals": study.results.uncertainty.totals[name]}
    return {
        **read(row, "cost"),
        "unit": study.client.currency,
        "items": items.to_dict(),
        "model_moves_by_year": [
            _figure(moved.ends, "moves") for moved in moves(study.scenario, name)
        ],
        "servers_by_year": [*option.servers],
    }


def _training(read: _SectionReader) -> dict[str, Any]:
    """Fine-tuning jobs on each option."""
    return {
        job: [
            read({"plan": plan}, "job")
            if plan.peak
            else {"option": plan.option, "not_estimated": plan.reason}
            for plan in plans
        ]
        for job, plans in read.study.results.training.items()
    }


def _vendors(read: _SectionReader) -> dict[str, Any]:
    """Chances of short notice and red flags by the names that the scenario uses."""
    known = read.study.results.stability.vendors
    chances = read.study.notice_chances()
    chances["within"] = chances.within.map("at_most_{:.0f}_days".format)
    return {
        v["name"]: {
            "next_notice": {
                row["within"]: read(row, "notice_chances")["chance"]
                for row in _rows(chances, vendor=v["vendor"])
            },
            "events": v["events"],
            "notices": v["notices"],
            "red_flags": [*known[v["name"]].red_flags] if v["vendor"] else [],
        }
        for v in _rows(read.study.vendors())
    }


def _warning(row: Row) -> str:
    """A sentence that a reader must know before trusting the numbers."""
    why: str = row["why"]
    if row["subject"]:
        why = f"{row['subject']} not estimated, because {why}"
    return f"{row['about']}: {why}" if row["about"] else why


def _quality(read: _SectionReader) -> dict[str, Any]:
    """Verdicts on quality by option and workload, with their evidence."""
    found: dict[str, dict[str, Any]] = {name: {} for name in read.study.options}
    for parity in read.study.results.parities:
        margin = margin_of(read.study.scenario.workloads[parity.workload])
        row = {"parity": parity, "margin": margin}
        found[parity.option][f"{parity.workload}, {parity.model}"] = {
            **read(row, "parity"),
            "boards": {c.board.board: _board(read, c, margin) for c in parity.compared},
            "own": parity.own and read(row | {"unit": "score"}, "own"),
        }
    return {name: own for name, own in found.items() if own}


def _board(read: _SectionReader, compared: BoardComparison, margin: float) -> Any:
    """A model against its reference on one board."""
    board = compared.board
    low, high = compared.interval
    row = {
        "on": compared,
        "unit": board.unit,
        "date": (compared.model and compared.model.date) or board.date,
        "margin": margin / board.points_per_unit,
        "low": low,
        "difference": compared.difference,
        "high": high,
    }
    return read(row, "board")
