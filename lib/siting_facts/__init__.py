"""The tables of facts: every number that a client could dispute, with source, date and kind.

Data alone, with a version that is the day of their last change. It may import nothing of the other
packages: whoever reads a table declares its columns and checks them (`siting.catalogue`).
"""

from pathlib import Path

FOLDER = Path(__file__).parent
"""Holds the tables, one CSV file each, and VERSION."""
__version__ = (FOLDER / "VERSION").read_text(encoding="utf-8").strip()
