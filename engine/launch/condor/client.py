"""HTCondor's scheduler, asked through a helper process that is ended when it does not answer.

"It could not be asked" is an error, `CouldNotAsk`; an empty answer is one that it gave.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import IO, Any, Literal

from engine.facts.text import plain
from engine.launch.condor.ads import CLUSTERS, WANTED_OF_CLUSTERS, Cluster, read_cluster
from engine.launch.condor.answers import WAIT, Acted, Answer, CouldNotAsk, condensed, read_answer
from engine.launch.local import environment
from engine.launch.pipe import next_line, send

__all__ = ["DEADLINES_S", "MOST_HISTORY", "Action", "Condor", "CouldNotAsk"]

Action = Literal["hold", "release", "remove", "vacate"]

DEADLINES_S = {
    **dict.fromkeys(("ping", "query", "clusters", "act", "edit", "match"), 25),
    "fit": 5,  # nobody needs to know
    **dict.fromkeys(("history", "submit", "submit_each", "submit_cluster"), 60),
}
"""How long the scheduler may take for each call; the bindings themselves wait for ever."""

MOST_HISTORY = 100


class Condor:
    """A scheduler; each call starts the helper process where there is none.

    Calls from several threads take turns. As a context manager it ends the helper.

    Parameters
    ----------
    schedd
        Its name; None for the one that this machine is set up for.
    deadlines_s
        Call to how long it may take, instead of `DEADLINES_S`.
    """

    def __init__(
        self, schedd: str | None = None, deadlines_s: Mapping[str, float] | None = None
    ) -> None:
        self.schedd = schedd
        self.asked = 0
        """How many requests were sent."""
        self._deadlines_s = {**DEADLINES_S, **(deadlines_s or {})}
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._said: IO[bytes] | None = None

    def __enter__(self) -> Condor:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the helper process, whoever waits for it; another call starts a new one."""
        while not self._lock.acquire(timeout=0.05):
            process = self._process
            if process is not None:
                process.kill()  # so that the call in another thread ends, too
        try:
            self._end()
        finally:
            self._lock.release()

    def ping(self) -> str:
        """The name of the scheduler, if it answers.

        Raises
        ------
        CouldNotAsk
            If it does not; so do all calls.
        """
        return self._ask("ping").schedd

    def submit(self, description: Mapping[str, str]) -> Answer:
        """Submit one job; its cluster.

        After `CouldNotAsk` the job may be in the queue: look for its id before another try.

        Raises
        ------
        LaunchError
            If the scheduler refuses it.
        """
        return self._ask("submit", description=dict(description))

    def submit_each(self, descriptions: Sequence[Mapping[str, str]]) -> tuple[list[int], str]:
        """Submit jobs in this order up to the first that is refused: their clusters, and why.

        After `CouldNotAsk` any of them may be in the queue.
        """
        told = self._ask("submit_each", descriptions=[dict(one) for one in descriptions]).value
        return list(told["taken"]), condensed(plain(told["refused"] or ""))

    def submit_cluster(
        self, description: Mapping[str, str], items: Sequence[Mapping[str, str]]
    ) -> int:
        """Submit one cluster, all of it or nothing; its number. Job N is that of item N.

        Raises
        ------
        LaunchError
            If the scheduler refuses it.
        """
        entries = {"description": dict(description), "items": [dict(one) for one in items]}
        return int(self._ask("submit_cluster", **entries).value)

    def clusters(self, constraint: str) -> list[Cluster]:
        """Those that fulfil an expression of the clusters whose jobs are made a few at a time."""
        ads = self._ads("clusters", f"{CLUSTERS} && ({constraint})", WANTED_OF_CLUSTERS)
        return [read_cluster(ad) for ad in ads]

    def query(
        self, constraint: str, attributes: Sequence[str], *, mine: bool = False
    ) -> list[dict[str, Any]]:
        """These attributes of the jobs in the queue that fulfil a ClassAd expression.

        Each has `ServerTime`, the scheduler's clock, besides; what is not known is left out. With
        `mine` only jobs of whoever asks.
        """
        return self._ads("query", constraint, attributes, mine=mine)

    def history(
        self, constraint: str, attributes: Sequence[str], most: int = MOST_HISTORY
    ) -> list[dict[str, Any]]:
        """The same of jobs that have left the queue, the newest first; it costs the scheduler."""
        return self._ads("history", constraint, attributes, most=most)

    def act(self, action: Action, constraint: str, reason: str) -> Acted:
        """Do something to jobs; what came of it: a job that is not there is no error."""
        told = self._ask("act", action=action, constraint=constraint, reason=reason).value
        return Acted(int(told["done"]), int(told["refused"]), plain(told["why"]))

    def edit(self, constraint: str, attribute: str, expression: str) -> int:
        """Set an attribute of jobs to a ClassAd expression, in how many jobs it was done.

        A text has its own quotes.

        Raises
        ------
        LaunchError
            If it is no expression, or the scheduler refuses it for any of the jobs.
        """
        entries = {"attribute": attribute, "expression": expression}
        return int(self._ask("edit", constraint=constraint, **entries).value)

    def match(self, constraint: str) -> dict[str, Any]:
        """How the one job that fulfils a ClassAd expression fits the slots of the pool.

        See `engine.launch.condor.match`; nothing where there is no such job.
        """
        return dict(self._ask("match", constraint=constraint).value)

    def fit(self, asked: Mapping[str, Any], requirements: str) -> dict[str, Any]:
        """The same of a job that is not there yet, with these attributes.

        Raises
        ------
        LaunchError
            If its requirements are no expression.
        """
        return dict(self._ask("fit", asked=dict(asked), expression=requirements).value)

    def _ads(self, call: str, constraint: str, attributes: Sequence[str], **more: Any) -> list[Any]:
        asked = {"constraint": constraint, "attributes": list(attributes)}
        return list(self._ask(call, **asked, **more).value)

    def _ask(self, call: str, **entries: Any) -> Answer:
        """Send a request and wait for its answer, for as long as it may take."""
        with self._lock:
            self.asked += 1
            deadline_s = self._deadlines_s[call]
            request = {"call": call, "schedd": self.schedd, "deadline_s": deadline_s, **entries}
            try:
                told = self._exchange(request, deadline_s)
            except BaseException:  # an interrupt, too, would leave an answer in the pipe
                self._end()
                raise
            self._forget_what_it_said()
        return read_answer(told)

    def _exchange(self, request: dict[str, Any], deadline_s: float) -> dict[str, Any]:
        process = self._started()
        if process.stdin is None or process.stdout is None:
            return {}
        until = time.monotonic() + deadline_s
        try:
            send(process.stdin, json.dumps(request).encode() + b"\n", until)
            line = next_line(process.stdout, until)
        except BrokenPipeError:
            line = b""
        except TimeoutError:
            raise CouldNotAsk(
                f"HTCondor's scheduler did not answer within {deadline_s:g} s",
                f"It is stuck or overloaded. {WAIT}",
            ) from None
        if not line:
            raise CouldNotAsk("the process that talks to HTCondor has ended", self._last_words())
        told = json.loads(line)
        return told if isinstance(told, dict) else {}

    def _started(self) -> subprocess.Popen[bytes]:
        """The helper; a new one where there is none that lives."""
        if self._process is not None and self._process.poll() is None:
            return self._process
        self._end()
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - as long as the helper lives
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "engine.launch.condor.helper"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._said,
                start_new_session=True,  # Ctrl-C is for who asks
                env=environment(),
            )
        except OSError as error:
            raise CouldNotAsk(f"{sys.executable} cannot be started: {error}") from error
        return self._process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            for pipe in (process.stdin, process.stdout):
                with contextlib.suppress(OSError):
                    pipe.close() if pipe else None
            process.wait()
        if self._said is not None:
            self._said.close()
            self._said = None

    def _last_words(self) -> str:
        """The last line that the helper wrote on standard error."""
        if self._said is None:
            return ""
        self._said.seek(0)
        lines = plain(self._said.read().decode("utf-8", "replace"), keep_lines=True).split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "")

    def _forget_what_it_said(self) -> None:
        """Both processes have one place in the file, so that the next words are its first."""
        if self._said is not None:
            self._said.seek(0)
            self._said.truncate()
