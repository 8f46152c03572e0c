from __future__ import annotations

import gc
import sys
import warnings


def main() -> None:
    """Entry point of `siting` and of `python -m siting`."""
    if sys.flags.optimize > 1:
        print(
            "PYTHONOPTIMIZE=2 takes away what frames say of their columns; unset it",
            file=sys.stderr,
        )
        sys.exit(2)
    # What a command imports and reads it keeps: looking through it again and again for what could
    # be freed would take a sixth of its start.
    gc.set_threshold(200_000, 20, 20)
    warnings.simplefilter("ignore")  # what libraries say to each other, whatever PYTHONWARNINGS is
    from siting.cli import cli

    cli(prog_name="siting")


if __name__ == "__main__":
    main()
