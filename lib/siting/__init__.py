"""siting: where should an LLM workload live? Sourced, ranged reports from notebooks.

The domain: scenarios, memory, serving, cost, vendors, rules, the verdict, and the frames that
notebooks ask for. It may import `siting_facts`, and `siting_report`, of which it takes formats and
what reads files.
"""

import siting_report as siting_report  # sets how many threads numpy takes: before numpy is imported

__version__ = "0.2.0"
