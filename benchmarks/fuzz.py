"""Feeds damaged scenarios and files to the readers: each is read, or refused with a clear message.

    python -m benchmarks.fuzz --count 100000 --compute 300 --files 100000

Fails on any other exception, on a message without a remedy, on a file that appears outside the
client's own or shows that a text was run, and on a scenario that takes more than a second of CPU
to load. Of those that load, every so many are computed, too: each gives a summary, or says in a
sentence why not. The files are tables for `siting import`, results of benchmarks, pictures and
`config.json`: damaged ones of each kind in turn.
"""

from __future__ import annotations

import argparse
import io
import json
import math
import os
import random
import re
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import siting_hf
from siting import study
from siting.catalogue import FactError
from siting.inputs import scenario, sheet
from siting.inputs.document import DocumentError
from siting_bills import bills
from siting_logs import load
from siting_report import plain_files

VALUES = (
    "no",
    "8e9",
    "-1",
    "0",
    "1e999",
    ".nan",
    "null",
    "true",
    '""',
    "[]",
    "{}",
    "[[[[",
    "0x10",
    "010",
    "1_000",
    "12:30:45",
    "'",
    '"',
    "|",
    ">",
    "%YAML",
    "2026-13-45",
    "2026-11-24",
    "../../etc/passwd",
    "/dev/zero",
    "$(touch owned)",
    "{{7*7}}",
    "#import",
    "é",
    "😀",
    "-",
    "office",
    "EU",
    "api",
    "hybrid",
    "*b",
    "&a",
    "<script>alert(1)</script>",
    "{a: {b: c}}",
    "!!python/object/apply:os.system [touch owned]",
    "!!binary aGk=",
    "&a [*a]",
    "<<: *a",
    "=cmd|' /C calc'!A0",
    "\u202e",
    "\x00",
    "\t",
    "x" * 3000,
    "9" * 400,
    "{low: 3, central: 2, high: 1}",
)


def damaged(client: str, base: str, chance: random.Random, count: int) -> Iterator[bytes]:
    """`count` scenarios, each damaged in one to four places."""
    words = sorted(set(re.findall(r"[a-z_0-9]{3,}", base)))
    for _ in range(count):
        text = chance.choice((client, client, base))
        for _ in range(chance.randint(1, 4)):
            text = _damage(text, words, chance)
        raw = text.encode("utf-8", "surrogatepass")
        yield _flipped(raw, chance) if chance.random() < 0.1 else raw


def _damage(text: str, words: list[str], chance: random.Random) -> str:
    lines = text.split("\n")
    at = chance.randrange(len(lines))
    kind = chance.randrange(9)
    if kind == 0:
        del lines[at]
    elif kind == 1:
        lines.insert(at, chance.choice(lines))
    elif kind == 2:
        lines[at] = re.sub(r":.*", lambda _: f": {chance.choice(VALUES)}", lines[at], count=1)
    elif kind == 3:
        lines[at] = re.sub(r"[a-z_]{3,}", lambda _: chance.choice(words), lines[at], count=1)
    elif kind == 4:
        lines[at] = " " * chance.randrange(6) + lines[at].lstrip()
    elif kind == 5:
        position = chance.randrange(len(lines[at]) + 1)
        lines[at] = lines[at][:position] + chance.choice(VALUES) + lines[at][position:]
    elif kind == 6:
        lines[at:] = [lines[at][: chance.randrange(len(lines[at]) + 1)]]
    elif kind == 7:
        lines.insert(at, f"{chance.choice(words)}: {chance.choice(VALUES)}")
    else:
        lines[at] = re.sub(r"\d+", lambda _: str(chance.choice((0, 7, 10**9))), lines[at], count=1)
    return "\n".join(lines)


def _flipped(raw: bytes, chance: random.Random) -> bytes:
    found = bytearray(raw or b" ")
    for _ in range(chance.randint(1, 3)):
        found[chance.randrange(len(found))] = chance.randrange(256)
    return bytes(found)


LOG = "time,requests,input_tokens\n" + "".join(
    f"2026-09-{day:02}T{hour:02}:00:00,5,900\n" for day in range(1, 15) for hour in range(24)
)
QUOTES = """item,value,unit,source,date,low,high
gpu_hour,2.1,EUR/GPU-h,Offer 1,2026-10-01,2,2.5
server_price,110000,EUR,Offer 2,2026-10-02,100000,120000
"""
FOCUS = """BilledCost,BillingCurrency,ChargePeriodStart,ChargePeriodEnd,ServiceName,ChargeCategory
1000,USD,2026-08-01T00:00:00Z,2026-09-01T00:00:00Z,OpenAI,Usage
900,USD,2026-09-01T00:00:00Z,2026-10-01T00:00:00Z,OpenAI,Usage
190,USD,2026-09-01T00:00:00Z,2026-10-01T00:00:00Z,OpenAI,Tax
-40,USD,2026-09-15T00:00:00Z,2026-09-16T00:00:00Z,OpenAI,Credit
"""
RUN = {"max_concurrency": 16, "output_throughput": 800.0, "mean_ttft_ms": 300.0,
       "mean_tpot_ms": 20.0, "completed": 100, "total_input_tokens": 200_000,
       "total_output_tokens": 40_000}  # fmt: skip
GUIDE = {
    "benchmarks": [
        {
            "metrics": {
                "output_tokens_per_second": {"successful": {"mean": 700}},
                "inter_token_latency_ms": {"successful": {"mean": 18}},
            }
        }
    ]
}
CONFIG = {"model_type": "llama", "num_hidden_layers": 32, "hidden_size": 4096,
          "intermediate_size": 14336, "num_attention_heads": 32, "num_key_value_heads": 8,
          "vocab_size": 128256, "max_position_embeddings": 131072, "torch_dtype": "bfloat16",
          "quantization_config": {"quant_method": "fp8"}}  # fmt: skip
SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><path d="M0 0h1v1z"/></svg>'


def _png() -> bytes:
    from PIL import Image

    made = io.BytesIO()
    Image.new("RGB", (24, 8), "#0b62a8").save(made, "PNG")
    return made.getvalue()


def file_kinds() -> dict[str, tuple[bytes, Callable[[Path], object]]]:
    """A good file of each kind by its name, and what reads it."""

    def table(path: Path) -> object:
        return sheet.read(path, {"item": sheet.TEXT, "value": sheet.NUMBER, "date": sheet.DAY})

    return {
        "log.csv": (LOG.encode(), load.load),
        "quotes.csv": (QUOTES.encode(), table),
        "focus.csv": (FOCUS.encode(), lambda path: bills.read([path])),
        "config.json": (json.dumps(CONFIG, indent=1).encode(), siting_hf.read),
        "logo.png": (_png(), lambda path: plain_files.picture(path.read_bytes())),
        "logo.svg": (SVG.encode(), lambda path: plain_files.picture(path.read_bytes())),
    }


def _damaged_file(good: bytes, chance: random.Random) -> bytes:
    kind = chance.randrange(6)
    if kind == 0:
        return good[: chance.randrange(len(good) + 1)]
    if kind == 1:
        at = chance.randrange(len(good) + 1)
        return good[:at] + chance.choice(VALUES).encode("utf-8", "surrogatepass") + good[at:]
    if kind == 2:
        text = good.decode("latin-1")
        return re.sub(r"\d+", lambda m: chance.choice((m[0], *VALUES)), text).encode(
            errors="replace"
        )
    if kind == 3:
        return good.replace(
            *chance.choice(((b":", b": ["), (b"{", b"["), (b",", b",,"), (b"5", b"-")))
        )
    if kind == 4:
        return good * chance.randrange(3)
    return _flipped(good, chance)


def paced(count: int, minutes: float, what: Callable[[], object]) -> Iterator[int]:
    """Numbers from 0 to `count`, or until so many minutes are over; tells of every thousandth."""
    end = time.monotonic() + 60 * minutes
    for i in range(count):
        if time.monotonic() > end:
            return
        yield i
        if i % 1000 == 999:
            print(f"\r{i + 1:,} {what()}", end="", file=sys.stderr)


def files(count: int, chance: random.Random, folder: Path, minutes: float) -> Counter[str]:
    """Feeds damaged files to their readers; fails on a traceback, or on memory without a bound."""
    outcomes = Counter[str]()
    kinds = file_kinds()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in paced(count, minutes, lambda: "files"):
        name = chance.choice(list(kinds))
        good, read = kinds[name]
        path = folder / name
        path.write_bytes(_damaged_file(good, chance))
        try:
            read(path)
            outcomes[f"{name} read"] += 1
        except (DocumentError, FactError, ValueError) as error:
            if len(str(error).splitlines()) != 1 or not str(error):
                raise SystemExit(f"no one line for {path.read_bytes()!r}: {error}") from error
            outcomes[f"{name} refused"] += 1
        except BaseException:
            print(f"\n{name}: {path.read_bytes()!r}", file=sys.stderr)
            raise
    more = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10
    print(
        f"\n{outcomes.total():,} files: {dict(sorted(outcomes.items()))}, at most {more} MiB more"
    )
    if more > 256:
        raise SystemExit("a file took more than 256 MiB")
    return outcomes


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--count", type=int, default=100_000)
    arguments.add_argument("--compute", type=int, default=300, help="of those that load")
    arguments.add_argument("--files", type=int, default=100_000)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--minutes", type=float, default=math.inf, help="at most, of each half")
    chosen = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        files(chosen.files, random.Random(chosen.seed), Path(folder), chosen.minutes)
    params = scenario.project() / "params"
    base = (params / "base.yaml").read_text(encoding="utf-8")
    clients = [(params / f"{n}.yaml").read_text(encoding="utf-8") for n in scenario.names()]
    chance = random.Random(chosen.seed)
    outcomes = Counter[str]()
    slowest = 0.0
    every = max(1, chosen.count // 11 // max(1, chosen.compute))  # about one in eleven loads
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "base.yaml").write_text(base, encoding="utf-8")
        path = Path(folder) / "client.yaml"
        scenario.load(Path(folder) / "base.yaml")  # reads the tables of facts
        os.chdir(folder)  # a command that runs leaves its mark where it is looked for
        for i in paced(chosen.count, chosen.minutes, lambda: dict(outcomes)):
            path.write_bytes(next(damaged(chance.choice(clients), base, chance, 1)))
            start = time.process_time()
            found = _loaded(path)
            slowest = max(slowest, time.process_time() - start)
            outcomes["loaded" if found else "refused"] += 1
            if found and chosen.compute and outcomes["loaded"] % every == 0:
                outcomes[_computed(found, path)] += 1
            if sorted(p.name for p in Path(folder).iterdir()) != ["base.yaml", "client.yaml"]:
                raise SystemExit(f"scenario {i} wrote a file: {path.read_bytes()!r}")
    fed = outcomes["loaded"] + outcomes["refused"]
    print(f"\n{fed:,} scenarios: {dict(outcomes)}, the slowest took {slowest:.2f} s")
    return 0 if slowest < 1 else 1


def _loaded(path: Path) -> scenario.Scenario | None:
    try:
        return scenario.load(path)
    except DocumentError as error:
        if not error.problems or not all(p.wrong and p.write for p in error.problems):
            raise SystemExit(f"no clear message for {path.read_bytes()!r}") from error
        return None
    except BaseException:
        print(f"\nloading {path.read_bytes()!r}", file=sys.stderr)
        raise


def _computed(found: scenario.Scenario, path: Path) -> str:
    try:
        study.Study(found).summary()
    except ValueError as error:
        print(f"\nnot computed: {error}", file=sys.stderr)
        return "computed to a reason"
    except BaseException:
        kept = Path(tempfile.gettempdir()) / "crash.yaml"
        kept.write_bytes(path.read_bytes())
        print(f"\ncomputing {kept}", file=sys.stderr)
        raise
    return "computed to a summary"


if __name__ == "__main__":
    sys.exit(main())
