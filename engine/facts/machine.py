"""What this machine tells of itself and of a process on it; None where the system does not say."""

from __future__ import annotations

import contextlib
import functools
import os
import re
import socket
import time
from pathlib import Path, PurePosixPath

PROC = Path("/proc")
CGROUP = Path("/sys/fs/cgroup")

_LARGEST_PID = 2**22
"""The most that Linux gives; larger, negative and zero ids name no single process."""


@functools.cache
def host_name() -> str:
    """The name of this machine."""
    return socket.gethostname()


def boot_id() -> str | None:
    """A text that is new after each restart of this machine."""
    return _read_once(PROC / "sys/kernel/random/boot_id")


def uptime_s() -> float | None:
    """Seconds since this machine started."""
    text = _read("uptime")
    return float(text.split()[0]) if text else None


def pid_namespace() -> str | None:
    """Which numbering of processes this one belongs to; a container may have its own."""
    return _link_once(PROC / "self/ns/pid")


def process_exists(pid: int) -> bool | None:
    """Whether a process, other than one that ended and waits to be reaped, has this id.

    None where it cannot be told: an id that no single process can have, or another system.
    """
    if os.name != "posix" or not 0 < pid <= _LARGEST_PID:
        return None
    try:
        os.kill(pid, 0)  # asks, and sends nothing
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # somebody else's
    fields = stat_fields(pid)
    return not fields or fields[0] not in ("Z", "X")


def process_start(pid: int) -> int | None:
    """When a process started, in clock ticks since this machine did."""
    fields = stat_fields(pid)
    return int(fields[19]) if len(fields) > 19 else None


def process_age_s() -> float | None:
    """Seconds since this process began, whatever program it ran at first."""
    ticks, clock = process_start(os.getpid()), getattr(time, "CLOCK_BOOTTIME", None)
    if ticks is None or clock is None:
        return None
    return max(0.0, time.clock_gettime(clock) - ticks / os.sysconf("SC_CLK_TCK"))


def memory_limit_mib() -> int | None:
    """The memory that this process may use, in MiB: the machine's, or its control group's."""
    limits = [*_machine_memory(), *_group_limits()]
    return min(limits) // 2**20 if limits else None


def oom_kills() -> int | None:
    """How many processes this machine ended for lack of memory since it started."""
    match = re.search(r"^oom_kill (\d+)$", _read("vmstat") or "", re.MULTILINE)
    return int(match[1]) if match else None


def _read(name: str) -> str | None:
    """A text of the system, as it is now."""
    try:
        return (PROC / name).read_text(errors="replace").strip()
    except OSError:
        return None


@functools.cache
def _read_once(path: Path) -> str | None:
    """A text that stays the same as long as this process lives."""
    return _read(str(path))


@functools.cache
def _link_once(path: Path) -> str | None:
    """The target of a link that stays the same as long as this process lives."""
    try:
        return os.readlink(path)
    except OSError:
        return None


def stat_fields(pid: int) -> list[str]:
    """The fields of a process from its state on; its name before them may hold anything."""
    text = _read(f"{pid}/stat") or ""
    return text.rpartition(")")[2].split()


def _machine_memory() -> list[int]:
    text = _read("meminfo") or ""
    return [int(x.split()[1]) * 1024 for x in text.splitlines() if x.startswith("MemTotal:")]


def _group_limits() -> list[int]:
    """Limits of this process's control group and those above it, of both versions, in bytes."""
    limits = []
    for line in (_read("self/cgroup") or "").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers not in ("", "memory"):
            continue
        root = CGROUP / controllers
        file = "memory.limit_in_bytes" if controllers else "memory.max"
        group = PurePosixPath(path.lstrip("/"))
        for folder in (group, *group.parents):
            with contextlib.suppress(OSError, ValueError):  # not there, or "max"
                limits.append(int((root / folder / file).read_text()))
    return limits
