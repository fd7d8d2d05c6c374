"""What the comments in a config file say about its keys. Reads lines, constructs nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

_KEY = re.compile(r"(?P<indent> *)(?P<key>[\w.-]+|\"[^\"]+\"|'[^']+'):(?:\s|$)")
_COMMENT = re.compile(r"\s*#\s?(?P<text>.*)")


def key_comments(path: Path) -> dict[str, str]:
    """Dotted key to the comment lines right above it, as one line; the file's own is left out."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return {}
    return dict(_comments(_behind_head(lines)))


def _behind_head(lines: list[str]) -> list[str]:
    """The lines after the comment that the file begins with, which is about all of it."""
    first = next((n for n, line in enumerate(lines) if not line.startswith("#")), len(lines))
    return lines[first:]


def _comments(lines: list[str]) -> Iterator[tuple[str, str]]:
    above: list[str] = []
    nodes: list[tuple[int, str]] = []  # indent and name of the keys that this line is below
    for line in lines:
        comment, key = _COMMENT.fullmatch(line), _KEY.match(line)
        if comment:
            above.append(comment["text"].strip())
            continue
        if key:
            indent, name = len(key["indent"]), key["key"].strip("\"'")
            nodes = [node for node in nodes if node[0] < indent] + [(indent, name)]
            if above:
                yield ".".join(node[1] for node in nodes), " ".join(above)
        above = []
