"""Formats of logs of requests: where their records hold what (siting_facts/log_files.csv).

Apart from `logs`, which reads them with pandas: a command that checks the table needs none.
"""

from __future__ import annotations

from typing import Literal

from siting.catalogue import Fact


class LogFile(Fact, tables="log_files", key="format"):
    """A format of logs. A place is keys joined by ` > `, which lead inward, also into JSON text;
    of several, joined by ` | `, the first counts at which something stands."""

    format: str
    marks: str
    """Places at which a record of every such file holds something, joined by ` | `."""
    records: str = ""
    """Keys that lead to the records through lists, where a file is one object."""
    time: str
    """Place; `:s`, `:ms` or `:ns` where it is a number, else date and time."""
    clock: Literal["day", "utc", "start"]
    """Whether times are of a day, of one in UTC though they may not say so, or count from the
    start of the log."""
    input_tokens: str
    output_tokens: str
    cached_tokens: str = ""
    cached_is: Literal["inside", "beside", ""] = ""
    """Whether the input tokens hold those from a cache."""
    requests: str = ""
    """Number of requests, where a record is a sum of several; blank: it is one."""
    identity: str = ""
    """What tells a record from all others."""
    model: str = ""
    session: str = ""
    blocks: str = ""
    """Hashes of blocks of the prompt, each over its block and all before it."""
    block_tokens: float = 0
    only: str = ""
    """`place=value value …` of records that are requests; all others are left out."""
    skipped: str = ""
    """`place=value value …` of records that cost no inference."""
    skipped_because: str = ""
