"""The file in which an index keeps what it has read of the runs below one root.

One line per run: its path, its signature, whether the run is settled, and as JSON what is known: of
a settled run its summary, of any other the record with which reading goes on. Lines are taken apart
one by one, when they are asked for. A checksum over all of them tells damage; a file that is not as
it was written counts as none. Nothing in it is executed.

Most runs share most of their config, so a line holds only what differs from that of one run.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
import zlib
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any, NamedTuple

from engine.library.summary import Number, RunSummary

FORMAT = 2
"""Version of the file; a file of another one is not read."""

Record = dict[str, Any]

_EXACT = (str, int, bool)

_FIELDS = tuple(one.name for one in fields(RunSummary) if one.name not in ("path", "name"))
_TUPLES = ("nonfinite", "overrides", "tags")

_encode = json.JSONEncoder(separators=(",", ":")).encode
_decode = json.JSONDecoder().decode


class Line(NamedTuple):
    """What the cache holds of a run."""

    signature: bytes
    settled: bool
    record: bytes


class Cache:
    """The lines of one root.

    Parameters
    ----------
    root
        The folder with the runs.
    folder
        Where the file lies; None for the user's folder for such files.
    layout
        Names what the records hold, beside the fields of a summary; a file of another layout is
        not read.
    """

    def __init__(
        self, root: str, folder: str | os.PathLike[str] | None = None, layout: Iterable[str] = ()
    ) -> None:
        self.root = root
        self._layout = zlib.crc32(" ".join([*layout, *_FIELDS]).encode())
        self.path = _file_of(root, folder)
        self._base: dict[str, Any] = {}

    def load(self) -> dict[bytes, Line]:
        """The lines by the paths of their runs; none if there is no file that can be used."""
        self._base = {}
        try:
            header, _, body = self.path.read_bytes().partition(b"\n") if self.path else (b"",) * 3
        except (OSError, ValueError):
            return {}
        if header != self._header(body):
            return {}
        first, *lines = body.split(b"\n")
        about = _decode(first.decode())
        if about["root"] != self.root:
            return {}
        self._base = about["config"]
        parts = (line.split(b"\t", 3) for line in lines)
        return {path: Line(mark, settled == b"+", text) for path, mark, settled, text in parts}

    def save(self, lines: Iterable[tuple[bytes, Line]]) -> None:
        """Replace the file at once; where that cannot be done there is no cache, and no error."""
        if self.path is None:
            return
        about = _encode({"root": self.root, "config": self._base}).encode()
        rows = [
            b"\t".join((path, line.signature, b"+" if line.settled else b"-", line.record))
            for path, line in lines
            if b"\t" not in path and b"\n" not in path
        ]
        body = b"\n".join([about, *rows])
        beside = self.path.with_name(f".{self.path.name}.{os.getpid()}-{threading.get_ident()}")
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
        with contextlib.suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            try:
                with open(os.open(beside, flags, 0o600), "wb") as file:
                    file.write(self._header(body) + b"\n" + body)
                os.replace(beside, self.path)
            finally:
                beside.unlink(missing_ok=True)

    def _header(self, body: bytes) -> bytes:
        return b"thesis-ml index %d %08x %08x" % (FORMAT, self._layout, zlib.crc32(body))

    def encode(self, record: Record) -> bytes:
        """A record as it stands in a line."""
        fold = dict(record["fold"])
        config = fold.pop("config")
        return _encode(record | {"fold": fold, "config": self._difference(config)}).encode()

    def decode(self, text: bytes) -> Record:
        """A record again."""
        record: Record = _decode(text.decode())
        change = record.pop("config")
        record["fold"]["config"] = self._changed(change) if change is not None else {}
        return record

    def encode_summary(self, summary: RunSummary) -> bytes:
        """A summary as it stands in the line of a settled run."""
        known = {name: getattr(summary, name) for name in _FIELDS}
        return _encode([*(known | {"config": self._difference(summary.config)}).values()]).encode()

    def decode_summary(self, path: str, text: bytes) -> RunSummary:
        """A summary again."""
        known = dict(zip(_FIELDS, _decode(text.decode()), strict=True))
        change, numbers = known["config"], known["numbers"].items()
        known["config"] = self._changed(change) if change is not None else {}
        known["numbers"] = {name: Number._make(number) for name, number in numbers}
        for name in _TUPLES:
            known[name] = tuple(known[name])
        return RunSummary(path, os.path.basename(path), **known)

    def _difference(self, config: dict[str, Any]) -> list[Any] | None:
        """The entries that the first config has not, or has otherwise; and those only it has."""
        if not config:
            return None
        self._base = self._base or config
        base = self._base
        changed = {k: v for k, v in config.items() if k not in base or not _same(v, base[k])}
        return [changed, [key for key in base if key not in config]]

    def _changed(self, difference: list[Any]) -> dict[str, Any]:
        config = self._base | difference[0]
        for key in difference[1]:
            del config[key]
        return config


def cache_folder() -> Path | None:
    """The user's folder for files that can be made again; None where there is no home."""
    place = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(place):
        return Path(place) / "thesis-ml"
    home = os.path.expanduser("~")
    return Path(home) / ".cache" / "thesis-ml" if os.path.isabs(home) else None


def _file_of(root: str, folder: str | os.PathLike[str] | None) -> Path | None:
    place = cache_folder() if folder is None else Path(folder)
    name = f"{os.path.basename(root)[:40]}-{zlib.crc32(os.fsencode(root)):08x}.index"
    return place / name if place else None


def _same(one: Any, other: Any) -> bool:
    """Whether two values are written alike; 1, 1.0 and true are not."""
    if type(one) is not type(other):
        return False
    return bool(one == other) if type(one) in _EXACT else repr(one) == repr(other)
