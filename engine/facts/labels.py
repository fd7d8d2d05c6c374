"""What people say about a run, in `labels.json`: tags, a note, whether it is archived."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from engine.errors import ConfigError, FactsError
from engine.facts.files import as_facts_error
from engine.facts.records import read_record
from engine.facts.run_dir import RunDir
from engine.facts.text import plain

LONGEST_TAG = 64
MOST_TAGS = 100
LONGEST_NOTE = 10_000

PATIENCE_S = 10.0
"""How long a change waits for another one of the same run."""

_NO_LOCKS = (errno.EBADF, errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)
"""What a file system says that locks no folders, as many across a network do."""


@dataclass(frozen=True)
class Labels:
    """The labels of a run; all empty where nobody has said anything."""

    tags: tuple[str, ...] = ()
    """One word each, sorted, each once."""
    note: str = ""
    archived: bool = False


def clean_tags(tags: Iterable[str]) -> tuple[str, ...]:
    """`tags` without control characters, sorted, each once.

    Raises
    ------
    ConfigError
        If one is no single word, or there are too many.
    """
    cleaned = sorted({_clean_tag(tag) for tag in tags})
    if len(cleaned) > MOST_TAGS:
        raise ConfigError(f"{len(cleaned)} tags are too many", f"Use at most {MOST_TAGS}.")
    return tuple(cleaned)


def read_labels(run_dir: RunDir) -> Labels:
    """The labels of a run; what is no label in the file is left out.

    Raises
    ------
    FactsError
        If the file cannot be read or is no JSON object.
    """
    record = read_record(run_dir.labels) or {}
    tags, note = record.get("tags"), record.get("note")
    texts = [tag for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else []
    return Labels(
        tags=tuple(sorted({tag for tag in map(plain, texts) if _is_tag(tag)})[:MOST_TAGS]),
        note=plain(note, keep_lines=True)[:LONGEST_NOTE] if isinstance(note, str) else "",
        archived=record.get("archived") is True,
    )


def change_labels(run_dir: RunDir, change: Callable[[Labels], Labels]) -> Labels:
    """Read the labels of a run, and write what `change` makes of them; gives what they are then.

    One change at a time: of two at once each finds what the other one wrote. Where the file system
    locks no folders, the later one of two within milliseconds may win.

    Raises
    ------
    ConfigError
        If a tag is no single word, or the note is too long.
    FactsError
        If the file cannot be read or written, or another change does not end.
    """
    with _locked(run_dir):
        before = read_labels(run_dir)
        after = change(before)
        if after != before:
            write_labels(run_dir, after)
            after = read_labels(run_dir)
    return after


@contextlib.contextmanager
def _locked(run_dir: RunDir) -> Iterator[None]:
    """Keep other changes away; the system ends it if this process dies."""
    with as_facts_error(run_dir.labels):
        handle = os.open(run_dir.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        deadline = time.monotonic() + PATIENCE_S
        while not _lock(handle, run_dir):
            if time.monotonic() > deadline:
                raise FactsError(
                    f"somebody else is changing the labels of {run_dir.path}", "Try again."
                )
            time.sleep(0.005)
        yield
    finally:
        os.close(handle)


def _lock(handle: int, run_dir: RunDir) -> bool:
    """Whether the lock is ours, or there is none to be had."""
    with as_facts_error(run_dir.labels):
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
        return True


def write_labels(run_dir: RunDir, labels: Labels) -> None:
    """Replace the labels of a run, whole or not at all.

    Raises
    ------
    ConfigError
        If a tag is no single word, or the note is too long.
    FactsError
        If the file cannot be written, or this is no directory.
    """
    note = plain(labels.note, keep_lines=True)
    if len(note) > LONGEST_NOTE:
        raise ConfigError(
            f"a note of {len(note):,} characters is too long",
            f"Use at most {LONGEST_NOTE:,}, and a file of its own for the rest.",
        )
    record = {"tags": clean_tags(labels.tags), "note": note, "archived": labels.archived}
    if not run_dir.path.is_dir():
        raise FactsError(f"{run_dir.path} is no run directory", "Was it removed or moved?")
    run_dir.write_text(run_dir.labels, json.dumps(record, ensure_ascii=False) + "\n")


def _clean_tag(tag: str) -> str:
    cleaned = plain(tag).strip()
    if not _is_tag(cleaned):
        raise ConfigError(
            f"{cleaned[:LONGEST_TAG]!r} is no tag",
            f"A tag is one word of at most {LONGEST_TAG} characters, without spaces and commas.",
        )
    return cleaned


def _is_tag(text: str) -> bool:
    """Whether this is one word."""
    return text.split() == [text] and "," not in text and len(text) <= LONGEST_TAG
