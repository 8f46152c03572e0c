from __future__ import annotations

import gc
import os
import sys


def main() -> None:
    """Entry point of `siting` and of `python -m siting`."""
    # What a command imports and reads it keeps: looking through it again and again for what could
    # be freed would take a sixth of its start.
    gc.set_threshold(200_000, 20, 20)
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
