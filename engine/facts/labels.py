"""What people say about a run, in `labels.json`: tags, a note, whether it is archived."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from engine.errors import ConfigError, FactsError
from engine.facts.records import read_record
from engine.facts.run_dir import RunDir
from engine.facts.text import plain

LONGEST_TAG = 64
MOST_TAGS = 100
LONGEST_NOTE = 10_000


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
