"""Reading from another process for so long and no longer."""

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
