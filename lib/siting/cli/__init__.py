"""The command line: reads arguments, calls the library, prints. Nothing is computed here.

Results go to stdout, progress and problems to stderr. Exit status: 0 done; 1 some reports
failed, the others are complete; 2 the input is wrong and nothing was written.
"""

from siting.cli import evidence, reports, scenarios, sizing, tables
from siting.cli.frame import cli

__all__ = ["cli", "evidence", "reports", "scenarios", "sizing", "tables"]
