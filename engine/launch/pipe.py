"""Talking to another process for so long and no longer."""

from __future__ import annotations

import os
import select
import time
from typing import IO


def next_line(pipe: IO[bytes], until: float) -> bytes:
    """The next line; nothing if the other side has ended.

    Raises
    ------
    TimeoutError
        If it does not come in time.
    """
    parts = b""
    while not parts.endswith(b"\n"):
        ready, _, _ = select.select([pipe], [], [], max(0.0, until - time.monotonic()))
        if not ready:
            raise TimeoutError
        part = os.read(pipe.fileno(), 1 << 16)
        if not part:
            return b""
        parts += part
    return parts


def send(pipe: IO[bytes], data: bytes, until: float) -> None:
    """Write all of it; a process that does not read lets a large request wait.

    Raises
    ------
    TimeoutError
        If it is not taken in time.
    BrokenPipeError
        If the other side has ended.
    """
    os.set_blocking(pipe.fileno(), False)
    rest = memoryview(data)
    while rest:
        _, ready, _ = select.select([], [pipe], [], max(0.0, until - time.monotonic()))
        if not ready:
            raise TimeoutError
        rest = rest[os.write(pipe.fileno(), rest) :]
