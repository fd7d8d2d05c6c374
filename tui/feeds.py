"""Threads that look at files, so that the screen never waits: what they find goes to the app.

Each feed looks again and again, often while something happens and seldom while nothing does; its
`look` is what one look does, for whoever wants to call it without a thread.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from textual.message import Message

from engine.errors import FactsError
from engine.facts.curves import CurvesFollower
from engine.facts.follow import Pace
from engine.facts.job_report import JobReport
from engine.facts.series import Restart, Series
from engine.facts.state import UNDER_WAY
from engine.library.index import Index
from engine.library.summary import RunSummary
from tui.messages import CurvesGrown, FeedFailed, RunsListed
from tui.table.sparks import NO_SPARK, Spark

Post = Callable[[Message], object]

LIST_EVERY_S = (1.0, 15.0)
"""Shortest and longest time between two looks at all runs,"""
SHARE = 10
"""and at least this many times what a look costs, so that the app takes a tenth of a core."""

MOST_LOADED = 64
"""Runs whose curves are kept; those that nobody has looked at for longest are forgotten."""

TELL_EVERY_S = 0.5
"""Between two tellings of a long run that is being read."""

BUDGET_MS = 8.0
"""How long curves are read before others get a turn: what a key press may have to wait;"""
LEAST_WAIT_S = 0.0002
"""and how long that turn is, should they not need it."""

SPARKS_AT_ONCE = 100
"""Small curves that are drawn together."""


class Feed(threading.Thread):
    """A thread that looks, waits for as long as the look said, and looks again until `stop`."""

    def __init__(self, name: str, post: Post) -> None:
        super().__init__(name=name, daemon=True)
        self._post = post
        self._wake = threading.Event()
        self._over = False

    def look(self) -> float:
        """Look once; the seconds until the next time."""
        raise NotImplementedError

    def run(self) -> None:
        """Look until `stop`; an error that nobody thought of is told, and ends the feed."""
        try:
            while not self._over:
                self._wake.wait(self.look())
                self._wake.clear()
        except Exception as error:  # noqa: BLE001 - a thread that dies in silence shows old news
            self._post(FeedFailed(error))

    def hurry(self) -> None:
        """Look now."""
        self._wake.set()

    def stop(self) -> None:
        """End after the present look."""
        self._over = True
        self._wake.set()


class LibraryFeed(Feed):
    """Lists the runs below a root, and tells the app when anything about them changes."""

    def __init__(self, index: Index, post: Post, clock: Callable[[], float] = time.time) -> None:
        super().__init__("library", post)
        self._index, self._clock = index, clock
        self._told: tuple[tuple[RunSummary, ...], str] = ((), "not listed yet")
        self.jobs: Mapping[str, JobReport] = {}
        """What a cluster says of the jobs of runs, by their paths."""
        self._pace = Pace(*LIST_EVERY_S, hot_for=10.0)

    def look(self) -> float:
        """List the runs once."""
        began = time.perf_counter()
        # Of the list before, which somebody has read meanwhile: to read all of a new one in this
        # thread would hold up the one that draws it.
        busy = any(run.state in UNDER_WAY for run in self._told[0])
        try:
            runs, problem = tuple(self._index.refresh(self._clock(), self.jobs)), ""
        except FactsError as error:
            runs, problem = (), error.in_a_line
        changed = self._told != (runs, problem)
        if changed:
            self._told = (runs, problem)
            self._post(RunsListed(runs, problem))
        took = time.perf_counter() - began
        wait = self._pace.next_interval(changed or busy, time.monotonic())
        return max(wait, SHARE * took)


@dataclass
class _Followed:
    """A run whose curves are read."""

    follower: CurvesFollower
    lock: threading.Lock = field(default_factory=threading.Lock)
    """Held while the curves grow, or are copied."""
    names: list[str] = field(default_factory=list)
    restarts: list[Restart] = field(default_factory=list)
    pace: Pace = field(default_factory=Pace)
    due: float = 0.0
    version: int = 0
    whole: bool = False
    is_news: bool = False
    """Whether something was read that the app was not told of; and when it was told last."""
    told: float = 0.0
    problem: str = ""
    series: dict[tuple[str, str | None], tuple[int, Series]] = field(default_factory=dict)


class CurvesFeed(Feed):
    """Reads the curves of the runs that are looked at, and follows them while they grow."""

    def __init__(self, post: Post) -> None:
        super().__init__("curves", post)
        self._runs: dict[str, _Followed] = {}  # the last looked at stands last
        self._wanted: tuple[str, ...] = ()

    def want(self, paths: Iterable[str]) -> None:
        """The runs to follow from now on; what is known of others is kept for a while."""
        wanted = tuple(dict.fromkeys(paths))
        if wanted == self._wanted:
            return
        self._wanted = wanted
        for path in wanted:
            known = self._runs.pop(path) if path in self._runs else None
            self._runs[path] = known or _Followed(CurvesFollower(path))
        for path in [path for path in self._runs if path not in wanted][:-MOST_LOADED]:
            del self._runs[path]
        self.hurry()

    def names(self, path: str) -> list[str]:
        """The numbers of a run so far, in the order in which they appeared."""
        known = self._runs.get(path)
        return list(known.names) if known else []

    def series(self, path: str, name: str, kind: str | None = None) -> Series | None:
        """One number of a run: see `Curves.series`; None while nothing is read.

        Whoever draws never waits for a file: while the run is being read it is the series of a
        moment ago, or None, and `CurvesGrown` follows.
        """
        known = self._runs.get(path)
        if known is None or not known.version:
            return None
        version, series = known.series.get((name, kind), (0, None))
        if series is not None and version == known.version:
            return series
        if not known.lock.acquire(blocking=False):
            known.is_news = True
            return series
        try:
            series = known.follower.curves.series(name, kind)
            known.series[name, kind] = (known.version, series)
        finally:
            known.lock.release()
        return series

    def restarts(self, path: str) -> list[Restart]:
        """The restarts of a run."""
        known = self._runs.get(path)
        return list(known.restarts) if known else []

    @property
    def is_idle(self) -> bool:
        """Whether all runs that are wanted have been read to their present end."""
        return all(self.is_whole(path) or self.problem(path) for path in self._wanted)

    def is_whole(self, path: str) -> bool:
        """Whether all that is written so far has been read."""
        known = self._runs.get(path)
        return known is not None and known.whole

    def problem(self, path: str) -> str:
        """Why a run cannot be read; empty if it can."""
        known = self._runs.get(path)
        return known.problem if known else ""

    def look(self) -> float:
        """Read on in each run that is due, for a few milliseconds each."""
        grown, now = set(), time.monotonic()
        for path in self._wanted:
            known = self._runs.get(path)
            if known is None or known.due > now:
                continue
            known.is_news = self._read(known, now) or known.is_news
            if known.is_news and (known.whole or known.problem or now - known.told >= TELL_EVERY_S):
                known.is_news, known.told = False, now
                grown.add(path)
        if grown:
            self._post(CurvesGrown(frozenset(grown)))
        due = [known.due for path in self._wanted if (known := self._runs.get(path))]
        return max(LEAST_WAIT_S, min(due, default=30.0) - time.monotonic())

    def _read(self, known: _Followed, now: float) -> bool:
        """Read on in one run; whether there is anything new to draw."""
        with known.lock:
            try:
                growth = known.follower.poll(BUDGET_MS)
                problem = ""
            except FactsError as error:
                growth, problem = None, error.message
            curves = known.follower.curves
            known.names, known.restarts = curves.names(), list(curves.restarts)
            changed = problem != known.problem or not known.version
            known.problem = problem
            if growth is not None:
                changed = changed or growth.n_events > 0 or growth.restarted
                changed = changed or known.whole == growth.more
                known.whole = not growth.more
            if changed:
                known.version += 1
        more = growth is not None and growth.more
        known.due = now if more else now + known.pace.next_interval(changed, now)
        return changed


class SparksFeed(Feed):
    """Reads one number of the runs that a table shows, for the small curves in it."""

    def __init__(self, post: Post, name: str = "val_loss") -> None:
        super().__init__("sparks", post)
        self._number = name
        self._asked: dict[str, float | None] = {}
        self._readers: dict[str, CurvesFollower] = {}
        self._known: dict[str, Spark] = {}

    def ask(self, updated: Mapping[str, float | None]) -> None:
        """The runs that are on the screen, each with the time of its last event."""
        self._asked = dict(updated)
        if any(self._is_old(path, when) for path, when in updated.items()):
            self.hurry()

    @property
    def is_idle(self) -> bool:
        """Whether all runs that were asked for have been read."""
        return not any(self._is_old(path, when) for path, when in self._asked.items())

    def values(self, path: str) -> Sequence[float]:
        """Some values of a run; none while they are not read, or where there are none."""
        return self._known[path].values if path in self._known else ()

    def smoothed(self, path: str) -> float | None:
        """The last value, smoothed; None likewise."""
        return self._known[path].end if path in self._known else None

    def look(self) -> float:
        """Read on in the runs that were asked for and have changed since."""
        asked, grown = self._asked, set()
        self._readers = {path: one for path, one in self._readers.items() if path in asked}
        for path, updated in asked.items():
            if self._is_old(path, updated):
                spark = self._read(path, updated)
                if not spark.looks_like(self._known.get(path, NO_SPARK)):
                    grown.add(path)
                self._known[path] = spark
            if len(grown) == SPARKS_AT_ONCE:
                self._post(CurvesGrown(frozenset(grown)))
                grown.clear()
        if grown:
            self._post(CurvesGrown(frozenset(grown)))
        return 60.0

    def _is_old(self, path: str, updated: float | None) -> bool:
        return path not in self._known or self._known[path].updated != updated

    def _read(self, path: str, updated: float | None) -> Spark:
        """Read a run; a reader is kept of one that has grown since, as it may grow on."""
        reader = self._readers.get(path) or CurvesFollower(path, [self._number])
        if path in self._known:
            self._readers[path] = reader
        try:
            while reader.poll(BUDGET_MS).more:
                time.sleep(0)  # let the screen have its turn
        except FactsError:
            return Spark.of((), updated)
        values = reader.curves.series(self._number, "epochs").values
        return Spark.of(values, updated)
