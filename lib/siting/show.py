"""Where chapters of an earlier day find what shows: `siting_report.show` under its former name."""

from siting_report.show import *  # noqa: F403
