"""What the feeds tell the app: small messages, of which a slow screen sees only the newest."""

from __future__ import annotations

from collections.abc import Sequence

from textual.message import Message

from engine.library.summary import RunSummary


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
