"""Pictures and scanned pages of a workload, as tokens that are read, billed and kept like those of
a prompt. `vision` says how many a model makes of one.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator

from siting.catalogue import Input, table
from siting.inputs.scenario.model import Scenario, Workload
from siting.quantity import NotEstimated, Range
from siting.vision import PictureTokens, is_blind, row


def tokens(workload: Workload, model: str) -> Range:
    """Tokens of the pictures of a request. [tokens]

    Raises NotEstimated where the model takes none, or nobody says how many tokens it makes.
    """
    if not workload.images_per_request:
        return Range.exact(0.0, "tokens")
    known = row(model)
    if known is not None:
        return known.range.scaled(workload.images_per_request, "tokens")
    if is_blind(model):
        raise NotEstimated(f"{model} takes no pictures, and a request holds some")
    raise NotEstimated(
        f"siting_facts/image_tokens.csv does not say how many tokens {model} makes of a picture; "
        "add a row, or count them into input_tokens instead of images_per_request"
    )


def read(workload: Workload, model: str) -> Workload:
    """A workload with its pictures as tokens that a model reads; without them where their number
    is not known: who sizes or prices it asks `tokens` first.

    Documents differ in pages as texts do in words: mean and 95th percentile rise by one factor, so
    that the longest request grows with them. Shares that repeat an earlier prefix, or are written
    to a cache, are of the text.
    """
    try:
        added = tokens(workload, model).central
    except NotEstimated:
        return workload
    return _with(workload, added)


def read_by_any(workload: Workload) -> Workload:
    """A workload with its pictures as the median of all known models reads them: for what is the
    same for every option."""
    known = [r.central for r in table("image_tokens", PictureTokens)]
    return _with(workload, workload.images_per_request * statistics.median(known))


def _with(workload: Workload, added: float) -> Workload:
    """A workload with so many more tokens in each prompt, none of which repeats."""
    if not added:
        return workload
    said = workload.input_tokens
    factor = 1 + added / said.mean
    longer = {"mean": said.mean * factor, "p95": said.p95 * factor}
    changes = {
        "input_tokens": said.model_copy(update=longer),
        "images_per_request": 0.0,
        "cached_input_share": workload.cached_share / factor,
    }
    return workload.model_copy(update=changes)


def of_options(scenario: Scenario, workload: str) -> dict[str, PictureTokens]:
    """What is known of the models that options run for a workload, by model."""
    served = {o.runs(workload) for o in scenario.options.values()}
    found = {model: row(model) for model in sorted(served)}
    return {model: known for model, known in found.items() if known is not None}


def inputs(scenario: Scenario) -> Iterator[Input]:
    """Tokens of a picture, by model, where a workload sends some."""
    for name, workload in scenario.workloads.items():
        for model, known in (
            of_options(scenario, name).items() if workload.images_per_request else ()
        ):
            yield Input(
                name=f"tokens of a picture or page, {model}",
                value=known.range,
                source=known.provenance,
            )
