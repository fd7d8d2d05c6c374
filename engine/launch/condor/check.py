"""What can be seen before a submission to go wrong on a node: pure functions, and what they ask.

These are warnings: a pool of one machine sees its own disks, and an estimate is no measurement.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.facts.words import in_words
from engine.launch.resources import CATEGORIES, Resources

OWN_FOLDERS = ("/tmp", "/var/tmp", "/dev/shm", "/run")
"""Folders that every machine has for itself."""
OWN_KINDS = ("tmpfs", "ramfs", "devtmpfs")
"""File systems in the memory of a machine."""
SERVED_KINDS = ("nfs", "nfs4", "cifs", "smb3", "ceph", "lustre", "gpfs", "beegfs", "fuse.sshfs")
"""File systems of a server, where each step waits for the network."""
LEAST_FREE = 256 * 2**20
"""Bytes below which a disk is as good as full."""
LEAST_MEMORY_MIB = 200
"""Less than the smallest training takes: Python with PyTorch alone is more."""
SPARE = 0.9
"""Share of the time of a category that an estimate may take."""

_ESCAPED = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True)
class Mount:
    """A file system and where it is."""

    point: str
    kind: str


def read_mounts(text: str) -> list[Mount]:
    """The file systems in `/proc/self/mounts`."""
    lines = [line.split() for line in text.splitlines()]
    return [
        Mount(_ESCAPED.sub(lambda code: chr(int(code[1], 8)), line[1]), line[2])
        for line in lines
        if len(line) > 2
    ]


def mount_of(path: str, mounts: Sequence[Mount]) -> Mount | None:
    """The file system on which a path lies that has no links on the way."""
    fit = [mount for mount in mounts if _is_below(path, mount.point)]
    return max(fit, key=lambda mount: len(mount.point)) if fit else None


def unshared(places: Mapping[str, str], mounts: Sequence[Mount]) -> list[str]:
    """A sentence for each folder of this machine's own in which something lies that nodes need.

    Parameters
    ----------
    places
        What lies there to its path, without links on the way.
    """
    found: dict[str, list[str]] = {}
    for what, path in places.items():
        mount = mount_of(path, mounts)
        own = next((folder for folder in OWN_FOLDERS if _is_below(path, folder)), None)
        if own is None and mount is not None and mount.kind in OWN_KINDS:
            own = mount.point
        if own is not None:
            found.setdefault(own, []).append(what)
    return [
        f"{folder} is this machine's own, and other nodes do not see what lies there:"
        f" {', '.join(whats)}"
        for folder, whats in found.items()
    ]


def too_short(resources: Resources, estimate_s: float | None) -> str:
    """Why a category does not do for a training of this length; empty if it does, as far as known.

    A run that needs longer saves and goes on at its next start, which it has to wait for.
    """
    limit = resources.limit_s
    if limit is None or estimate_s is None or estimate_s <= SPARE * limit:
        return ""
    longer = [name for name, seconds in CATEGORIES.items() if estimate_s <= SPARE * seconds]
    hints = [f"; launcher.category={name} gives it {in_words(CATEGORIES[name])}" for name in longer]
    return (
        f"launcher.category={resources.category}: it takes about {in_words(estimate_s)}, and has"
        f" {in_words(limit)}{hints[0] if hints else ''}"
    )


def too_little(resources: Resources) -> str:
    """Why the memory cannot be enough for any training; empty where it can."""
    if resources.memory_mib >= LEAST_MEMORY_MIB:
        return ""
    takes = f"the smallest training takes {LEAST_MEMORY_MIB} MB and more"
    return f"memory={resources.memory}: {takes}, and may be held or ended where it asks for less"


def too_full(folder: str, free: int | None) -> str:
    """Why there is no room for runs; empty if there is, as far as known."""
    if free is None or free >= LEAST_FREE:
        return ""
    return f"{folder}: {free // 2**20} MB are free, and checkpoints need more"


def findings(
    places: Mapping[str, Path], output: Path, resources: Resources, estimate_s: float | None = None
) -> list[str]:
    """All that looks wrong here with a submission, a sentence each.

    Parameters
    ----------
    places
        What nodes need, to its path.
    output
        Where run directories are made.
    estimate_s
        How long a training takes; None where nobody knows.
    """
    real = {what: os.path.realpath(path) for what, path in places.items()}
    told = unshared(real | {"run directories": os.path.realpath(output)}, mounts_here())
    told += [too_full(os.fspath(output), _free(output)), too_short(resources, estimate_s)]
    little = too_little(resources)
    told += [f"launcher.{little}"] if little else []
    return [text for text in told if text]


def is_served(path: Path) -> bool:
    """Whether a folder lies on the file system of a server."""
    mount = mount_of(os.path.realpath(path), mounts_here())
    return mount is not None and mount.kind in SERVED_KINDS


def mounts_here() -> list[Mount]:
    """The file systems of this machine; none where it does not say."""
    try:
        return read_mounts(Path("/proc/self/mounts").read_text(errors="surrogateescape"))
    except OSError:
        return []


def _free(folder: Path) -> int | None:
    """Bytes that are free for a folder, which need not be there yet."""
    for place in (folder, *folder.parents):
        if place.is_dir():
            return shutil.disk_usage(place).free
    return None


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder.rstrip('/')}/")
