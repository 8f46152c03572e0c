"""`python -m siting_validation docs/validation.md` writes the page on how far the kit is off."""

import sys
from pathlib import Path

from siting_validation import page

page.write(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/validation.md"))
