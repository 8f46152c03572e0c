"""Feeds damaged scenarios to the loader: each must load or be refused with a clear message.

    python -m benchmarks.fuzz --count 100000 --compute 300

Fails on any other exception, on a message without a remedy, on a file that appears outside the
client's own or shows that a text was run, and on a scenario that takes longer than a second to
load. Of those that load, every so many are computed, too: each gives a summary, or says in a
sentence why not.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from siting import study
from siting.inputs import scenario
from siting.inputs.document import DocumentError

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


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--count", type=int, default=100_000)
    arguments.add_argument("--compute", type=int, default=300, help="of those that load")
    arguments.add_argument("--seed", type=int, default=1)
    chosen = arguments.parse_args()
    params = scenario.project() / "params"
    base = (params / "base.yaml").read_text(encoding="utf-8")
    clients = [(params / f"{n}.yaml").read_text(encoding="utf-8") for n in scenario.names()]
    chance, outcomes, slowest = random.Random(chosen.seed), Counter[str](), 0.0
    every = max(1, chosen.count // 11 // max(1, chosen.compute))  # about one in eleven loads
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "base.yaml").write_text(base, encoding="utf-8")
        path = Path(folder) / "client.yaml"
        os.chdir(folder)  # a command that runs leaves its mark where it is looked for
        for i in range(chosen.count):
            path.write_bytes(next(damaged(chance.choice(clients), base, chance, 1)))
            start = time.perf_counter()
            found = _loaded(path)
            slowest = max(slowest, time.perf_counter() - start)
            outcomes["loaded" if found else "refused"] += 1
            if found and chosen.compute and outcomes["loaded"] % every == 0:
                outcomes[_computed(found, path)] += 1
            if sorted(p.name for p in Path(folder).iterdir()) != ["base.yaml", "client.yaml"]:
                raise SystemExit(f"scenario {i} wrote a file: {path.read_bytes()!r}")
            if i % 1000 == 999:
                print(f"\r{i + 1:,} {dict(outcomes)}", end="", file=sys.stderr)
    print(f"\n{chosen.count:,} scenarios: {dict(outcomes)}, the slowest took {slowest:.2f} s")
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
