"""An index of many runs: each is read once, and again when its files change."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import fields
from functools import partial
from typing import Any, NamedTuple

from engine.facts.job_report import JobReport
from engine.facts.state import ENDED
from engine.facts.text import natural
from engine.library.cache import Cache, Line
from engine.library.examine import judge, read, summarise
from engine.library.find import Found, find_runs, walk
from engine.library.fold import Fold
from engine.library.sharing import read_all
from engine.library.summary import RunSummary, summary_of

__all__ = ["Index", "find_runs", "summarise"]

SAVE_EVERY_S = 30.0
"""Between two writings of the cache, where an index is asked again and again."""

OLD_S = 60.0
"""What was changed within these seconds may change again with the same time of change: no file
server tells times apart that are closer than a few seconds."""

Record = dict[str, Any]


class _Entry(NamedTuple):
    """What is known about one run."""

    line: Line
    summary: RunSummary


class Index:
    """The summaries of all runs at or below a root, kept from one time to the next.

    What was read stands in one file in the user's cache folder. A run that has ended is listed
    from there as long as its files are as they were; of one that goes on only the new events are
    read, and its state is judged each time.

    Parameters
    ----------
    root
        An output root, a folder with runs, or a run directory.
    cache_dir
        Where the file lies; by default `thesis-ml` in the user's cache folder. Where it cannot be
        read or written there is no cache, and no error.
    """

    def __init__(
        self, root: str | os.PathLike[str], cache_dir: str | os.PathLike[str] | None = None
    ) -> None:
        self.root = os.path.abspath(root)
        self._cache = Cache(self.root, cache_dir, [one.name for one in fields(Fold)])
        self._entries: dict[bytes, _Entry] | None = None
        self._changed = False
        self._saved: float | None = None

    def refresh(
        self, now: float | None = None, jobs: Mapping[str, JobReport] | None = None
    ) -> list[RunSummary]:
        """The runs as they are, sorted by path; a broken one is there with its `problem`.

        Parameters
        ----------
        now
            Unix seconds; the present by default.
        jobs
            What launchers say about jobs, by the paths of the runs.

        Raises
        ------
        FactsError
            If there is no such folder.
        """
        now = time.time() if now is None else now
        if self._entries is None:
            self._entries = self._load()
        before, entries = self._entries, {}
        runs = {os.fsencode(found.path): found for found in walk(self.root)}
        unknown = [key for key in runs if key not in before]
        news = dict(zip(unknown, read_all([runs[key] for key in unknown]), strict=True))
        for key, found in runs.items():
            job = jobs.get(found.path) if jobs else None
            entries[key] = self._entry(before.get(key), news.pop(key, None), found, job, now)
        self._changed = self._changed or entries.keys() != before.keys()
        self._entries = entries
        self._save()
        return sorted(
            (entry.summary for entry in entries.values()), key=lambda run: natural(run.path)
        )

    def _entry(
        self,
        before: _Entry | None,
        record: Record | None,
        found: Found,
        job: JobReport | None,
        now: float,
    ) -> _Entry:
        """What is known about a run, with as little reading as will do.

        Parameters
        ----------
        record
            What was read of a run that was not known before.
        """
        mark = _signature(found)
        line = before.line if before is not None else None
        if before is not None and before.line.signature == mark and before.line.settled:
            return before
        if record is None:
            unsettled = line is not None and not line.settled
            known = self._cache.decode(line.record) if line is not None and unsettled else None
            as_it_was = line is not None and line.signature == mark and _is_old(found, now)
            record = known if as_it_was else None
            if record is None or record["problems"]:
                record, line = read(found, known), None
        judged = judge(record, found, job, now)
        settled = _is_settled(judged, found, now)
        summary = summary_of(found.path, judged)
        if settled:
            line = Line(mark, settled, self._cache.encode_summary(summary))
        elif line is None:
            line = Line(mark, settled, self._cache.encode(record))
        self._changed = self._changed or before is None or before.line != line
        return _Entry(line, summary)

    def _load(self) -> dict[bytes, _Entry]:
        """The entries of the cache; their summaries are filled when somebody looks at them."""
        entries = {}
        for path, line in self._cache.load().items():
            place = os.fsdecode(path)
            read_line = partial(_summary_in, place, self._cache, line)
            summary = RunSummary.later(place, os.path.basename(place), read_line)
            entries[path] = _Entry(line, summary)
        return entries

    def _save(self) -> None:
        """Write the cache if it changed, and was not written just now."""
        due = self._saved is None or time.monotonic() - self._saved >= SAVE_EVERY_S
        if self._changed and due and self._entries is not None:
            self._cache.save((path, entry.line) for path, entry in self._entries.items())
            self._changed, self._saved = False, time.monotonic()


def _summary_in(path: str, cache: Cache, line: Line) -> RunSummary:
    if line.settled:
        return cache.decode_summary(path, line.record)
    return summary_of(path, cache.decode(line.record))


def _signature(found: Found) -> bytes:
    """What tells a change: of the events, of the attempts, and of the files beside them.

    Every file of a run but its events is replaced by another one, or new, so the times of the
    folders tell.
    """
    events, folder = found.events, found.directory.st_mtime_ns
    try:
        attempts = os.lstat(f"{found.path}/attempts").st_mtime_ns
    except OSError:
        attempts = 0
    if events is None:
        return b"%d %d" % (folder, attempts)
    size, changed = events.st_size, events.st_mtime_ns
    return b"%d %d %d %d %d" % (folder, attempts, size, changed, events.st_ino)


def _is_settled(judged: Record, found: Found, now: float) -> bool:
    """Whether nothing but new evidence can change what is said about a run."""
    ended = judged["state"].get("state") in ENDED and not judged["problems"]
    ended = ended and judged["job_over"]
    return ended and found.events is not None and _is_old(found, now)


def _is_old(found: Found, now: float) -> bool:
    """Whether the next change must have another time than the last one."""
    events = found.events.st_mtime if found.events is not None else 0.0
    return max(events, found.directory.st_mtime) + OLD_S < now
