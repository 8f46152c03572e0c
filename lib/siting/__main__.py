from __future__ import annotations

import os
import sys


def main() -> None:
    """Entry point of `siting` and of `python -m siting`."""
    if any(name.startswith("PYTHON") for name in os.environ):
        _start_anew()
    from siting.cli import cli

    cli(prog_name="siting")


def _start_anew() -> None:
    """Starts the same command without settings of Python that would change what it does."""
    from siting_report.run.process import UNHEARD, environment

    if os.environ.keys() & UNHEARD:
        asked = [sys.executable, "-P", "-m", "siting", *sys.argv[1:]]
        os.execve(sys.executable, asked, environment())


if __name__ == "__main__":
    main()
