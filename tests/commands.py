"""The command line and Python, as those who use them run them."""

import subprocess
import sys
from typing import Any

from click.testing import CliRunner, Result
from siting.cli import cli


def siting(*words: object) -> Result:
    """What the command line says, in this process."""
    return CliRunner().invoke(cli, [*map(str, words)], prog_name="siting")


def python(*words: str, **how: Any) -> subprocess.CompletedProcess[str]:
    """What Python says, in a process of its own; how: as `subprocess.run` has it."""
    command = [sys.executable, *words]
    return subprocess.run(command, **{"capture_output": True, "text": True, **how})
