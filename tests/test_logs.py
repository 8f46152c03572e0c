"""Logs as gateways, tracers and vendors write them, from invented samples of each format."""

import csv
import datetime as dt
import itertools
import json
from pathlib import Path

import numpy as np
import pytest
import time_machine
from commands import siting
from siting.inputs import bounds, scenario
from siting.inputs.document import DocumentError
from siting_logs import load
from traced import within

SAMPLES = Path(__file__).parent / "data" / "logs"
TOKENS = ("input_tokens", "output_tokens")
PROFILE = ("users", "requests_per_day", "hours", "weekdays", "peak_factor")


def imported(path: Path) -> dict[str, object]:
    fields: dict[str, object] = load.load(path).fields
    return fields


def completed(piece: str) -> str:
    """What was imported, and beside it what a client states of the workload that no log tells."""
    stated = {
        "requests_per_day": "40_000",
        "input_tokens": "{mean: 3_000}",
        "output_tokens": "{mean: 400}",
    }
    lacking = {k: v for k, v in stated.items() if f"    {k.removesuffix('_day')}" not in piece}
    lines = "".join(f"    {field}: {said}\n" for field, said in lacking.items())
    paths = ", ".join(f"workloads.assistant.{field}" for field in lacking)
    source = f"  - {{fields: [{paths}], source: Acme, date: 2026-11-01}}\n" if lacking else ""
    piece = piece.replace("  assistant:\n", f"  assistant:\n{lines}", 1)
    return piece.replace("evidence:\n", f"evidence:\n{source}", 1)


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("azure.csv", (*PROFILE, *TOKENS)),
        ("litellm.csv", (*PROFILE, *TOKENS, "cached_input_share")),
        ("opentelemetry.csv", (*PROFILE, *TOKENS, "cached_input_share")),
        ("otlp.json", (*PROFILE, *TOKENS)),
        ("langfuse.jsonl", (*PROFILE, *TOKENS, "cached_input_share")),
        ("openai_usage.json", (*PROFILE, "cached_input_share")),
        ("mooncake.jsonl", (*TOKENS, "cached_input_share")),
        ("burstgpt.csv", TOKENS),
    ],
)
def test_a_log_as_it_is_becomes_a_piece_of_scenario_that_checks(name, fields, tmp_path):
    with time_machine.travel("2026-11-20"):  # where a log tells no day, it has that of its import
        made = siting("import", "load", str(SAMPLES / name))
    assert made.exit_code == 0, made.output
    client = tmp_path / "acme.yaml"
    client.write_text("client: {name: Acme}\n" + completed(made.stdout), encoding="utf-8")
    checked = siting("check", str(client))
    assert checked.exit_code == 0, checked.output
    loaded = scenario.load(client)
    assert set(imported(SAMPLES / name)) == set(fields)
    for field in fields:
        assert loaded.origin(f"workloads.assistant.{field}").kind == "measured"


# --- what formats mean by their figures, recomputed from the files ------------------------------


def rows(name: str) -> list[dict[str, str]]:
    with (SAMPLES / name).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def objects(name: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in (SAMPLES / name).read_text().splitlines()]


def test_a_request_that_failed_or_was_answered_by_a_gateways_cache_is_left_out_and_counted():
    burst = [int(r["Request tokens"]) for r in rows("burstgpt.csv") if r["Response tokens"] != "0"]
    read = load.load(SAMPLES / "burstgpt.csv")
    assert read.fields["input_tokens"]["mean"] == round(np.mean(burst), 1)
    assert f"left out as failed: {len(rows('burstgpt.csv')) - len(burst)}" in read.extent
    paid = [int(r["prompt_tokens"]) for r in rows("litellm.csv") if r["cache_hit"] == "False"]
    assert imported(SAMPLES / "litellm.csv")["input_tokens"]["mean"] == round(np.mean(paid), 1)


def test_cached_tokens_are_part_of_the_input_of_openai_and_beside_it_in_langfuse():
    shares = {"openai_usage.json": 900 / 2200}
    used = [r["usage_details"] for r in objects("langfuse.jsonl") if r["type"] == "GENERATION"]
    cached = sum(u.get("input_cached_tokens", 0) for u in used)
    shares["langfuse.jsonl"] = cached / sum(u["total"] - u["output"] for u in used)
    for name, share in shares.items():
        assert imported(SAMPLES / name)["cached_input_share"] == round(share, 3)


def test_what_blocks_repeat_is_the_share_that_a_cache_without_limit_finds():
    held: set[int] = set()
    found = total = 0
    for row in objects("mooncake.jsonl"):
        leading = list(itertools.takewhile(held.__contains__, row["hash_ids"]))
        found += min(512 * len(leading), row["input_length"] - 1)
        total += row["input_length"]
        held.update(row["hash_ids"])
    share = imported(SAMPLES / "mooncake.jsonl")["cached_input_share"]
    assert 0.2 < share == round(found / total, 3)


def test_sums_of_a_bucket_tell_requests_and_a_mean_but_no_spread():
    read = load.load(SAMPLES / "openai_usage.json")
    assert not {*TOKENS} & set(read.fields)
    assert "mean input tokens 2,200, spread not told" in read.extent
    data = json.loads((SAMPLES / "openai_usage.json").read_text())["data"]
    first = [b["results"][0]["num_model_requests"] for b in data]
    assert read.fields["requests_per_day"] == pytest.approx(sum(first) / 8, rel=0.2)


# --- bunching and growth -------------------------------------------------------------------------


def azure(path: Path, moments: list[dt.datetime]) -> Path:
    lines = [f"{m:%Y-%m-%d %H:%M:%S.%f},900,90" for m in sorted(moments)]
    path.write_text("TIMESTAMP,ContextTokens,GeneratedTokens\n" + "\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize(("varies", "kind"), [(0.2, "people"), (1.0, "agents")])
def test_bunching_is_told_by_how_minutes_vary(varies, kind, tmp_path):
    rng = np.random.default_rng(5)
    start = dt.datetime(2026, 10, 5, 9)
    sigma = np.sqrt(np.log1p(varies**2))
    moments = []
    for minute in range(240):
        rate = 40 * np.exp(sigma * rng.standard_normal() - sigma**2 / 2)
        for second in rng.uniform(0, 60, rng.poisson(rate)):
            moments.append(start + dt.timedelta(minutes=minute, seconds=float(second)))
    read = load.load(azure(tmp_path / "log.csv", moments))
    assert read.fields["arrivals"] == kind
    assert "4 busy hours" in read.extent


# --- what cannot be read --------------------------------------------------------------------------


def damaged(tmp_path: Path, name: str, old: str, new: str) -> Path:
    path = tmp_path / name
    path.write_text((SAMPLES / name).read_text().replace(old, new, 1))
    return path


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("mooncake.jsonl", "}\n{", "}\n{oops", "2: is not JSON"),
        ("mooncake.jsonl", '"input_length": ', '"input_length": 1e400, "x": ', "is no count"),
        ("mooncake.jsonl", '"output_length"', '"output"', "'' is no count"),
        ("mooncake.jsonl", "}\n{", "}\n7\n{", "'7' is no record"),
        ("langfuse.jsonl", '"2026-10-05 ', '"5 October ', "is no time"),
        ("litellm.csv", "r1,", "r0,", "is the same as a row above it"),
        ("azure.csv", "GeneratedTokens", "Tokens", "this column is missing"),
        ("azure.csv", ".", ".x", "is no time"),
        ("openai_usage.json", "{", "{{", "is not JSON"),
        ("openai_usage.json", '"num_model_requests"', '"requests"', "is blank"),
    ],
)
def test_a_damaged_log_is_refused_in_one_message(name, old, new, said, tmp_path):
    refused = siting("import", "load", str(damaged(tmp_path, name, old, new)))
    assert refused.exit_code == 2, refused.output
    problems = [line for line in refused.output.splitlines() if name in line]
    assert len(problems) == 1 and said in problems[0], refused.output
    assert "Traceback" not in refused.output


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("[]", "holds no record"),
        ('{"a": 1}', "is JSON of no known log"),
        ("[" * 200, "is not JSON"),
    ],
)
def test_a_file_that_is_no_log_is_refused_in_one_message(text, said, tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_text(text)
    with pytest.raises(DocumentError, match=said) as refused:
        load.load(path)
    assert len(refused.value.problems) == 1


# --- small files ----------------------------------------------------------------------------------


def test_spans_share_what_stands_around_them(tmp_path):
    tokens = [
        {"key": f"gen_ai.usage.{side}_tokens", "value": {"intValue": 5}}
        for side in ("input", "output")
    ]
    tokens.append({"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}})
    spans = [{"startTimeUnixNano": str(10**18 + n), "attributes": tokens} for n in range(1_000)]
    around = {f"member-{n}": n for n in range(12_000)}
    path = tmp_path / "spans.json"
    path.write_text(json.dumps({"resourceSpans": [{**around, "scopeSpans": [{"spans": spans}]}]}))
    with within(50 * path.stat().st_size >> 20):
        found = load.logged(path)
    assert len(found.table.rows) == 1_000


def test_a_file_of_countless_records_is_refused_before_it_is_held(tmp_path, monkeypatch):
    assert bounds.RECORDS == 500_000
    monkeypatch.setattr(bounds, "RECORDS", 20_000)
    path = tmp_path / "log.jsonl"
    path.write_text("{}\n" * 100_000)
    with within(8), pytest.raises(DocumentError, match="holds more than 20,000 records"):
        load.load(path)
