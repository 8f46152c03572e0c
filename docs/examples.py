"""Writes the worked examples and what they print: `python docs/examples.py`.

A test carries them out anew and compares, so that a page never shows what a reader does not get.
"""

# ruff: noqa: E501

from __future__ import annotations

import contextlib
import io
from pathlib import Path

PAGE = Path(__file__).parent / "examples.md"
INTRODUCTION = """\
# Three examples from Python

Written by `make generated`, which carries them out; change `docs/examples.py`. Each runs by itself, as it stands, in JupyterLab (`make lab`) or with `.venv/bin/python`.
"""
EXAMPLES = {
    "Does a model fit on a card?": (
        "Memory depends on model, card, format of the weights, longest request and how many such requests are held at once. No scenario is needed. [How it is worked out](method/memory.md)",
        """
from siting import catalogue
from siting.memory import vram
from siting.memory.deployment import Deployment, planned

runs = planned(
    Deployment(
        model=catalogue.model("google/gemma-4-31B-it"),  # or the path of a config.json
        gpu=catalogue.gpu("l40s-48gb"),
        weights="fp8",
    )
)
one_card = vram.inference(runs, context=32_768, concurrency=8)
print(f"on one card: {one_card.verdict}")
print(f"needs {one_card.need_gib.low:.0f} to {one_card.need_gib.high:.0f} GiB")

fewest = vram.fewest_gpus(runs, context=32_768, concurrency=8)
if fewest is None:
    print("does not fit on 8 cards")
else:
    held = fewest.max_concurrency
    print(f"on {fewest.deployment.gpus} cards: {fewest.verdict}")
    print(f"holds {held.low:.0f} to {held.high:.0f} requests of 32,768 tokens")
""",
    ),
    "What does it cost, and what would twice the load cost?": (
        "Costs belong to a scenario: here the shipped one, and the same with twice the users. Low and high leave one case in ten below and above. [How it is worked out](method/cost.md)",
        """
from siting.inputs import scenario
from siting.study import Study

planned = scenario.load("base")
twice = scenario.changed(planned, {"workloads.assistant.users": 4_000})
for name, s in {"as planned": Study(planned), "twice the users": Study(twice)}.items():
    print(name)
    for cost in s.sums().to_dict("records"):
        span = s.span(cost["present_low"], cost["present_high"])
        print(f"  {cost['option']}: {span}, {s.money(cost['in_all'])} in all")
""",
    ),
    "How stable is a vendor?": (
        "What the record says of one vendor: what happened, how much notice it has given, and how likely the next notice is a short one. [How it is worked out](method/stability.md)",
        """
from siting import study

s = study.open("base")
events = s.vendor_events()
events = events[events.vendor == "OpenAI"]
print(f"{len(events)} events on record, {(events.direction == 'adverse').sum()} of them adverse")

habits = s.vendors().set_index("vendor").loc["OpenAI"]
print(f"{habits.dated:.0f} notices; a quarter gave {habits.quartile:.0f} days or fewer")

chances = s.notice_chances()
for chance in chances[chances.vendor == "OpenAI"].to_dict("records"):
    span = s.span(chance["chance_low"], chance["chance_high"], "share")
    print(f"next notice of {chance['within']:.0f} days or fewer: {span}")
""",
    ),
}


def printed(code: str) -> str:
    """What a piece of code prints."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(code, "example", "exec"), {})
    return out.getvalue()


def page() -> str:
    """The whole page."""
    parts = [INTRODUCTION]
    for title, (words, code) in EXAMPLES.items():
        block = f"```python{code}```\n\nprints\n\n```text\n{printed(code)}```\n"
        parts.append(f"## {title}\n\n{words}\n\n{block}")
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
