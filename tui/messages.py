"""What the feeds tell the app: small messages, of which a slow screen sees only the newest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from textual.message import Message

from engine.library.summary import RunSummary

if TYPE_CHECKING:
    from tui.queue_feed import Standing


class RunsListed(Message):
    """A look at all runs below the root."""

    def __init__(self, runs: Sequence[RunSummary], problem: str = "") -> None:
        super().__init__()
        self.runs = tuple(runs)
        self.problem = problem
        """Why there is no list: the root is not there, or may not be looked into."""

    def can_replace(self, message: Message) -> bool:
        """A newer list makes an older one worthless."""
        return isinstance(message, RunsListed)


class CurvesGrown(Message):
    """There is more of the curves of some runs; `CurvesFeed.series` gives them."""

    def __init__(self, paths: frozenset[str]) -> None:
        super().__init__()
        self.paths = paths


class QueueTold(Message):
    """What HTCondor says of our jobs."""

    def __init__(self, standings: Mapping[str, Standing], problems: Sequence[str]) -> None:
        super().__init__()
        self.standings = dict(standings)
        """Path of a run to how its job stands."""
        self.problems = tuple(problems)
        """A sentence for each scheduler that does not answer."""

    def can_replace(self, message: Message) -> bool:
        """A newer answer makes an older one worthless."""
        return isinstance(message, QueueTold)


class FeedFailed(Message):
    """A feed has ended by an error that nobody thought of."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


class KeepingFailed(Message):
    """Something that the app keeps cannot be written, or read."""

    def __init__(self, problem: str) -> None:
        super().__init__()
        self.problem = problem
