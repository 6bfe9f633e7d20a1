"""What a process uses: physical memory, now and at most, and the processor's time; as Linux tells it."""

from __future__ import annotations

import os
from pathlib import Path


def memory_of(process: int | None = None) -> tuple[int, int]:
    """Bytes of the resident set now, and its peak (VmRSS, VmHWM); 0 where the process has ended, or without /proc.

    `process`: its id, None: this one. The peak of getrusage will not do: a child begins with that of its parent.
    """
    found = {"VmRSS": 0, "VmHWM": 0}
    try:
        status = Path(f"/proc/{process or os.getpid()}/status").read_text(encoding="utf-8")
    except OSError:
        status = ""
    for line in status.splitlines():
        name, _, value = line.partition(":")
        if name in found:
            found[name] = int(value.split()[0]) * 1024
    return found["VmRSS"], found["VmHWM"]


def processor_seconds_of(process: int | None = None) -> float:
    """Seconds that all threads of a process have been computing; 0 where it has ended or there is no /proc."""
    try:
        status = Path(f"/proc/{process or os.getpid()}/stat").read_text(encoding="utf-8")
    except OSError:
        return 0.0
    user, system = status.rpartition(")")[2].split()[11:13]  # the name before may hold anything
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
