"""What a report shows, set as page and paper: the step that needs no kernel, nor knows one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from siting_report.kit import kit_named
from siting_report.print import document, page, paper
from siting_report.run.job import Job


def publish(job: Job, shown: Mapping[str, bytes], scenario: str) -> dict[str, bytes]:
    """Page, paper and letters of executed chapters. Raises ValueError where they cannot be made."""
    chapters = [
        document.chapter(json.loads(shown[path]), Path(path).stem, placed.part, placed.own)
        for path, placed in job.notebooks.items()
    ]
    composed = document.compose(chapters, kit_named(job.kit).cover(scenario))
    files = {name: text.encode() for name, text in composed.letters.items()}
    if "html" in job.formats:
        files["report.html"] = page.page(composed).encode()
    if "pdf" in job.formats:
        files["report.pdf"] = paper.typeset(composed)
    return files
