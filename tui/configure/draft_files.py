"""The files of drafts: one each, so that nobody who writes one can harm another."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.errors import FactsError
from engine.facts.files import as_facts_error, replace_file
from tui.configure.draft_state import Draft
from tui.state_files import lock, read_own, set_aside

_NAMED = "name-"
_ENDS = ".json"


@dataclass(frozen=True)
class Kept:
    """A draft as it is kept."""

    draft: Draft
    before: tuple[Draft, ...] = ()
    """The last ones that it came from, the oldest first."""
    at: float = 0.0
    """When it was written; seconds since 1970."""

    def as_record(self) -> dict[str, Any]:
        """All of it as JSON knows it."""
        before = [one.as_record() for one in self.before]
        return {"draft": self.draft.as_record(), "before": before, "at": self.at}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Kept:
        """What `as_record` gave; what is damaged in it is left out."""
        found, before, at = (record.get(name) for name in ("draft", "before", "at"))
        steps = before if isinstance(before, list) else []
        return cls(
            draft=Draft.from_record(found if isinstance(found, dict) else {}),
            before=tuple(Draft.from_record(one) for one in steps if isinstance(one, dict)),
            at=float(at) if isinstance(at, int | float) and 0 <= at < 1e12 else 0.0,
        )


def place_of(name: str) -> str:
    """The place of the draft of a name."""
    return _NAMED + hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:24]


def new_place() -> str:
    """A place that no other draft has."""
    return f"draft-{time.time_ns()}-{os.urandom(4).hex()}"


def is_named(place: str) -> bool:
    """Whether a place is that of a draft with a name."""
    return place.startswith(_NAMED)


class DraftFiles:
    """The files in a folder, by their places. A window holds those without a name that it writes.

    Parameters
    ----------
    folder
        Where they lie; None where nothing can be kept.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self.problems: list[str] = []
        """What is to be told about them; whoever tells it takes it out."""
        self._held: dict[str, int] = {}

    def read(self) -> dict[str, Kept]:
        """All drafts. A file that cannot be read gets another name, and nothing is lost of it."""
        found: dict[str, Kept] = {}
        if self.folder is None:
            return found
        with contextlib.suppress(OSError):
            for name in os.listdir(self.folder):
                place = name.removesuffix(_ENDS)
                record = self._record(place) if name.endswith(_ENDS) and name[0] != "." else None
                if record is not None:
                    found[place] = Kept.from_record(record)
        return found

    def _path(self, place: str) -> Path:
        return (self.folder or Path(os.devnull)) / f"{place}{_ENDS}"

    def _lock_of(self, place: str) -> Path:
        return self._path(place).with_suffix(".lock")

    def _record(self, place: str) -> dict[str, Any] | None:
        path = self._path(place)
        try:
            return read_own(path)
        except FactsError as error:
            with contextlib.suppress(FactsError):
                aside = set_aside(path)
                self.problems.append(f"{error.message}. The draft is kept as {aside.name}.")
        return None

    def write(self, place: str, kept: Kept) -> None:
        """Write a draft, whole or not at all.

        Raises
        ------
        FactsError
            If it cannot be written.
        """
        line = json.dumps(kept.as_record()).encode()
        if self.folder is not None:
            with as_facts_error(self.folder):
                self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            replace_file(self._path(place), lambda handle: handle.write(line))

    def remove(self, place: str) -> None:
        """Remove a draft, unless another window is at it.

        Raises
        ------
        FactsError
            If it cannot be removed.
        """
        if self.folder is None or not (is_named(place) or self.hold(place)):
            return
        with as_facts_error(self._path(place), "remove"):
            self._path(place).unlink(missing_ok=True)
            self._lock_of(place).unlink(missing_ok=True)
        self.let_go(place)

    def hold(self, place: str) -> bool:
        """Have a place for this window alone until its process ends; False if another has it.

        Raises
        ------
        FactsError
            If that cannot be found out.
        """
        if place in self._held or self.folder is None:
            return True
        path = self._lock_of(place)
        with as_facts_error(path):
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        if lock(handle):
            self._held[place] = handle
            return True
        os.close(handle)
        return False

    def let_go(self, place: str) -> None:
        """Let other windows have a place."""
        handle = self._held.pop(place, None)
        if handle is not None:
            os.close(handle)

    def let_go_but(self, place: str) -> None:
        """Let other windows have all places but this one."""
        for one in [one for one in self._held if one != place]:
            self.let_go(one)
