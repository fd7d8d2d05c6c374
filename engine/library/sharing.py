"""Reading many runs at once: shared out between processes, each of which reads its part.

What a run comes to is found in its own files alone, so nothing is lost by reading in parts. The
others are told the paths and answer with a line for each; whoever does not answer is not waited
for, and the rest is read here.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import engine
from engine.library.examine import read
from engine.library.find import Found, look_at

WORTH = 150
"""Runs that a further process must have to read; below that its start costs more than it saves."""

AT_MOST = 4
"""Processes together: others work on this machine, too."""

Record = dict[str, Any]

_PROGRAM = (
    "import sys; sys.path.insert(0, sys.argv[1]); from engine.library.sharing import serve; serve()"
)


def read_all(runs: Sequence[Found]) -> list[Record]:
    """What `examine.read` says of each run, read by several processes where that is faster."""
    n = max(1, min(AT_MOST, _processors(), len(runs) // WORTH))
    parts = [runs[number::n] for number in range(n)]
    with contextlib.ExitStack() as ending:
        answers = [_ask(part, ending) for part in parts[1:]]
        records = [[read(found) for found in parts[0]]]
        for part, answer in zip(parts[1:], answers, strict=True):
            records.append(list(_taken(part, answer())))
    return [records[place % n][place // n] for place in range(len(runs))]


def _ask(part: Sequence[Found], ending: contextlib.ExitStack) -> Callable[[], Iterable[bytes]]:
    """Start a process that reads a part; gives what waits for the lines of its answer."""
    root = str(Path(engine.__file__).parents[1])
    # -P: what lies in the present folder is nobody's module.
    command = [sys.executable, "-P", "-c", _PROGRAM, root]
    try:
        asked = ending.enter_context(TemporaryFile())  # noqa: SIM115 - the stack closes it
        answer = ending.enter_context(TemporaryFile())  # noqa: SIM115
        asked.write(json.dumps([found.path for found in part]).encode())
        asked.seek(0)
        process = subprocess.Popen(command, stdin=asked, stdout=answer, stderr=subprocess.DEVNULL)
    except OSError:  # no room for files, or no further process for this user
        return lambda: ()
    ending.callback(process.wait)
    ending.callback(process.kill)  # of one that has ended this does nothing

    def lines() -> Iterable[bytes]:
        process.wait()
        answer.seek(0)
        return answer

    return lines


def _taken(part: Sequence[Found], answer: Iterable[bytes]) -> Iterator[Record]:
    """The records of a part: those that were answered, and the others read here."""
    lines = iter(answer)
    for found in part:
        line = next(lines, b"")
        record = json.loads(line) if line.endswith(b"\n") else None
        yield read(found) if record is None else record


def serve() -> None:
    """What the other processes do: read the runs named on standard input, a line for each."""
    for path in json.loads(sys.stdin.buffer.read()):
        found = look_at(path)
        record = read(found) if found is not None else None
        sys.stdout.buffer.write(json.dumps(record).encode() + b"\n")


def _processors() -> int:
    """How many processors this process may use."""
    with contextlib.suppress(AttributeError):  # not Linux
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
