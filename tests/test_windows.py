"""Where modules of POSIX are missing, as on Windows: what starts, and what is refused in a line."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
HIDDEN = """
import importlib.abc, os, select, signal, socket, sys

POSIX = {"fcntl", "resource", "pwd", "grp", "termios", "tty", "pty"}

class Hidden(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name in POSIX:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

for name in POSIX & sys.modules.keys():
    del sys.modules[name]
sys.meta_path.insert(0, Hidden())
from siting.__main__ import main

for module, names in {
    os: ("fork", "O_NOFOLLOW", "O_NONBLOCK", "getuid", "geteuid", "setsid", "killpg", "waitid"),
    signal: ("SIGKILL",),
    select: ("poll",),
    socket: ("send_fds", "recv_fds"),
}.items():
    for name in names:
        delattr(module, name)
main()
"""
"""Hides what POSIX alone has, then runs the command line."""


def test_a_command_starts_without_modules_of_posix():
    asked = [sys.executable, "-P", "-c", HIDDEN, "check", "base"]
    done = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "1 scenario checked, no problem." in done.stdout


def test_a_report_is_refused_in_one_line_where_no_group_of_processes_can_be_ended():
    asked = [sys.executable, "-P", "-W", "ignore", "-c", HIDDEN, "report", "base"]
    done = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 2
    assert done.stderr.startswith("reports are made in groups of processes")
    assert len(done.stderr.splitlines()) == 1
