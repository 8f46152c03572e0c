"""What `process.Child` starts in a new interpreter: it serves the connection that it is handed.

A module of its own, as what `process` sent as `__main__`, no other process could read.
"""

import sys
from multiprocessing.connection import Connection

from siting_report.run import process

if __name__ == "__main__":
    process.serve(Connection(int(sys.argv[1])))
