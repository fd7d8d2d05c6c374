"""Errors whose text is meant for the person who made the run.

Each carries one sentence that names the thing, a hint that says what to do, and the exit code
of the command it ends: 2 for what the user can put right in the command, 1 for a failure.
"""

from __future__ import annotations

from collections.abc import Sequence


class EngineError(Exception):
    """A failure with a sentence for a human.

    Parameters
    ----------
    message
        One sentence that names the thing that is wrong.
    hint
        What to do about it; empty where the message says it.
    """

    exit_code = 1
    problems: tuple[str, ...] = ()
    """Each of several problems that the message lists; empty where it tells of one."""

    told = False
    """Whether the user has read it."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    @property
    def in_a_line(self) -> str:
        """The message, and the hint behind it."""
        return f"{self.message.removesuffix('.')}. {self.hint}" if self.hint else self.message

    def __str__(self) -> str:
        return f"{self.message}\n  {self.hint}" if self.hint else self.message


class ConfigError(EngineError):
    """The command or the config asks for something impossible; lists every problem found."""

    exit_code = 2

    @classmethod
    def from_problems(cls, problems: Sequence[str]) -> ConfigError:
        """One error for all `problems`; a single one stands alone, several become a list."""
        if len(problems) == 1:
            return cls(problems[0])
        indented = (problem.replace("\n", "\n  ") for problem in problems)
        lines = "".join(f"\n  - {problem}" for problem in indented)
        error = cls(f"{len(problems)} problems in this configuration:{lines}")
        error.problems = tuple(problems)
        return error


class DataError(EngineError):
    """A data file is missing, damaged, or not what the config says."""

    exit_code = 2


class FactsError(EngineError):
    """A run directory or its facts cannot be read or written."""


class TrainingError(EngineError):
    """A training cannot go on: a loss that is not finite, memory that is not there."""


class LaunchError(EngineError):
    """A job cannot be started, followed or stopped."""


class Stopped(BaseException):
    """A signal asked the training to end.

    Like `KeyboardInterrupt` it is no `Exception`, so that a sweep ends with it.
    """

    def __init__(self, signum: int) -> None:
        super().__init__(f"stopped by signal {signum}")
        self.exit_code = 128 + signum


class StartsAgain(Stopped):
    """A job ends so that its scheduler starts it again: its time is over, or it cannot begin yet.

    Parameters
    ----------
    exit_code
        What tells the scheduler so.
    why
        The reason, for who debugs it.
    """

    def __init__(self, exit_code: int, why: str) -> None:
        BaseException.__init__(self, why)
        self.exit_code = exit_code
