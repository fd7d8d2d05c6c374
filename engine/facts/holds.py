"""Why HTCondor holds a job, in words, and what to do about it.

The codes are those of HTCondor's manual, "Job ClassAd Attributes", `HoldReasonCode`.
"""

from __future__ import annotations

import errno
import os

from engine.facts.words import first_line

BY_SOMEBODY, BY_ITS_POLICY, NOT_STARTED, NO_OUTPUT = 1, 3, 6, 7
NO_DIRECTORY, SPOOLING, BY_THE_SITE, OUT_OF_RESOURCES = 14, 16, 26, 34
TOO_LONG, RAN_TOO_LONG = 46, 47
OUT_OF_MEMORY, OUT_OF_DISK = 102, 104
"""Subcodes of `OUT_OF_RESOURCES`."""

_WORDS = {
    BY_ITS_POLICY: "by the job's own rule",
    NOT_STARTED: "its program cannot be started",
    NO_OUTPUT: "the file for what it prints cannot be opened",
    NO_DIRECTORY: "its directory cannot be entered",
    BY_THE_SITE: "by a rule of the cluster",
    OUT_OF_RESOURCES: "it took more than it asked for",
    TOO_LONG: "it took longer than a job may",
    RAN_TOO_LONG: "it ran longer than a job may",
}
_RESOURCES = {
    OUT_OF_MEMORY: "it took more memory than it asked for",
    OUT_OF_DISK: "it took more disk than it asked for",
}
PERSISTENT = (NOT_STARTED, NO_OUTPUT, NO_DIRECTORY, OUT_OF_RESOURCES)
"""Codes of causes that a release alone does not take away."""


def hold_words(code: int | None, subcode: int | None, reason: str | None) -> str:
    """Why a job is held, in a few words, with what HTCondor says of it."""
    said = first_line(reason)
    words = _RESOURCES.get(subcode or 0) if code == OUT_OF_RESOURCES else None
    words = words or _WORDS.get(code or 0, "")
    if code in (NOT_STARTED, NO_OUTPUT, NO_DIRECTORY) and subcode in errno.errorcode:
        words += f" ({os.strerror(subcode or 0)})"
    return f"{words}: {said}" if words and said else words or said


def hold_remedy(code: int | None, subcode: int | None, name: str) -> str:
    """What to do about it, for the job that people call `name`."""
    release = f"engine jobs release {name}"
    if code == OUT_OF_RESOURCES:
        asks = {OUT_OF_MEMORY: "--memory 8GB", OUT_OF_DISK: "--disk 8GB"}.get(subcode or 0)
        return f"{release} {asks or '--memory 8GB'} asks for more and lets it go on"
    if code == NOT_STARTED:
        return f"see to it that the node can execute that file, then {release}"
    if code in (NO_OUTPUT, NO_DIRECTORY):
        return f"see to it that the node can write there, then {release}"
    if code in (TOO_LONG, RAN_TOO_LONG):
        return f"engine jobs edit {name} category=long, then {release}"
    return f"{release} lets it go on"
