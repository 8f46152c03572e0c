"""What runs notebooks: the chapters of a report, one report, many, and the shelf they stand on."""

import sys

# JupyterLab brings it, and jsonschema would import it for nbformat: a grammar of URIs that takes
# three seconds to compile, and that no schema of notebooks asks for.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]  # None: not to be had
