"""Runs the chapters and keeps what they may keep: the text of cells tagged `keep_output`.

    python notebooks/figures.py [CHAPTER.ipynb …]

All other outputs and counts are removed, so that differences stay readable. nbval later compares
the kept text with what the chapter then prints.
"""

from __future__ import annotations

import copy
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).parent


def keep(path: Path) -> None:
    """Runs one chapter and rewrites it."""
    notebook = nbformat.read(path, as_version=4)
    ran = copy.deepcopy(notebook)
    NotebookClient(ran, timeout=600, resources={"metadata": {"path": str(path.parent)}}).execute()
    for cell, done in zip(notebook.cells, ran.cells, strict=True):
        if cell.cell_type == "code":
            kept = "keep_output" in cell.metadata.get("tags", [])
            cell.execution_count = 1 if kept else None
            cell.outputs = [o for o in done.outputs if kept and o.get("name") == "stdout"]
    nbformat.write(notebook, path)


if __name__ == "__main__":
    for chapter in map(Path, sys.argv[1:] or sorted(HERE.glob("[0-9]*.ipynb"))):
        print(chapter.name, file=sys.stderr)
        keep(chapter)
