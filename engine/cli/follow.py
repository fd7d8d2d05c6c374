"""The command `engine follow`: the events of a run, a line each, as they come."""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from engine.cli.output import Command, add_json_option, on_terminal, remark, say, write
from engine.cli.select import add_root_option, add_run_argument, select_one
from engine.errors import ConfigError, FactsError
from engine.facts.state import BADLY, OVER
from engine.facts.text import plain

if TYPE_CHECKING:
    from engine.cli.event_lines import Event, Teller
    from engine.library.summary import RunSummary

LINES = 10
"""Events of the past that are shown."""

_CLEAR_LINE = "\r\x1b[K"
_JUDGED_S = 1.0
"""Seconds after which the state is judged again, if nothing comes;"""
_SHARE = 20
"""and at least this many times what judging it has cost."""


class Look(NamedTuple):
    """What one look at a run finds."""

    name: str
    """Of the run."""
    events: list[Event]
    """Those that came since the last look."""
    restarted: bool
    """Whether the file begins anew with them."""
    run: RunSummary | None = None
    """The run as it was last summed up; None while there are more events to read at once."""
    last: bool = False
    """Whether nothing more is to come."""


def looks(
    path: Path,
    wait: Callable[[float], object] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Look]:
    """Look at a run again and again, with waits between, until it is over.

    Parameters
    ----------
    wait
        Called with the seconds until the next look.
    clock
        Gives seconds that only go on.

    Raises
    ------
    FactsError
        If the run cannot be read.
    """
    from engine.cli.event_lines import parse
    from engine.facts.evidence import ENDS
    from engine.facts.follow import Follower, Pace
    from engine.facts.run_dir import RunDir
    from engine.library.index import summarise

    follower = Follower(RunDir(path).events, lambda: parse)
    pace = Pace()
    run, due = None, 0.0
    while True:
        batch = follower.poll()
        now = clock()
        if batch.more:
            yield Look(path.name, batch.records, batch.restarted)
            continue
        moments = [event.record["moment"] for event in batch.records]
        begun_again = bool(moments) and moments[-1] not in ENDS
        # The state was told before this look at the file, so nothing can have come between.
        over = run is not None and run.state in OVER
        last = over and not begun_again
        news = over or not set(ENDS).isdisjoint(moments)
        first = run is None
        if run is None or (not last and (news or now >= due)):
            run = summarise(path)
            due = clock() + max(_JUDGED_S, _SHARE * (clock() - now))
        yield Look(path.name, batch.records, batch.restarted, run, last)
        if last:
            return
        if not (first and run.state in OVER):
            wait(pace.next_interval(bool(batch.records), now))


class Printer:
    """Prints events, and changes of the state.

    Parameters
    ----------
    lines
        How many events of the past are shown; None shows all.
    as_json
        Print the events as they are written; what else is to be said goes to standard error.
    metrics
        Tell the metrics of an epoch, too.
    """

    def __init__(self, lines: int | None, as_json: bool, metrics: bool = False) -> None:
        self.as_json = as_json
        self._past: deque[Event] | None = None if lines is None else deque()
        """What happened before and is to be shown; None once it is."""
        self._most = lines
        self._n_past = 0
        self._state: str | None = ""
        self._metrics = metrics
        self._teller: Teller | None = None
        self._heartbeat = False
        """Whether the last line is a heartbeat: the next one takes its place."""

    def show(self, look: Look, last: bool) -> None:
        """Print what a look found; of the last one also how it ended."""
        if look.restarted:
            self._say_beside(f"{look.name}: the events begin anew")
        for event in look.events:
            if self._past is None:
                self._print(event)
            else:
                self._keep(event, self._past)
        if look.run is not None:
            self._print_past()
            changed = look.run.state != self._state and look.run.state not in OVER
            if changed or last:
                self._tell_state(look.run)
        sys.stdout.flush()

    def end_line(self) -> None:
        """Leave the cursor at the beginning of a line."""
        if self._heartbeat:
            write("\n")
        self._heartbeat = False

    @property
    def teller(self) -> Teller:
        """What tells events in words; it has to see all of them."""
        from engine.cli.event_lines import Teller

        self._teller = self._teller or Teller(metrics=self._metrics)
        return self._teller

    def _line(self, event: Event) -> str:
        from engine.cli.event_lines import json_line

        return json_line(event) if self.as_json else self.teller.tell(event.record)

    def _keep(self, event: Event, past: deque[Event]) -> None:
        """Keep an event of the past; of heartbeats the one that nothing followed, for people."""
        if self._heartbeat and past:
            past.pop()
        self._n_past += not self._heartbeat
        self._heartbeat = _is_heartbeat(event) and not self.as_json
        past.append(event)
        if len(past) > (self._most or 0):
            self.teller.learn(past.popleft().record)

    def _print_past(self) -> None:
        if self._past is None:
            return
        earlier = self._n_past - len(self._past)
        if earlier and not self.as_json:
            events = "event" if earlier == 1 else "events"
            told = f"{earlier:,} earlier {events}; --lines {self._n_past} shows them all"
            say(f"-- {told}")
        for event in self._past:
            say(self._line(event))
        self._past, self._heartbeat = None, False

    def _print(self, event: Event) -> None:
        """Print a line; on a terminal a heartbeat takes the place of the one before it."""
        text = self._line(event)
        self._clear_heartbeat()
        if _is_heartbeat(event) and on_terminal() and not self.as_json:
            write(text[: shutil.get_terminal_size().columns - 1])
            self._heartbeat = True
        else:
            say(text)

    def _clear_heartbeat(self) -> None:
        if self._heartbeat:
            write(_CLEAR_LINE)
        self._heartbeat = False

    def _tell_state(self, run: RunSummary) -> None:
        from engine.cli.run_text import state_sentence

        self._state = run.state
        self._say_beside(f"{run.name}: {state_sentence(run)}")

    def _say_beside(self, text: str) -> None:
        """Say what is no event."""
        self._clear_heartbeat()
        if self.as_json:
            remark(text)
        else:
            say(f"-- {plain(text)}")


def _is_heartbeat(event: Event) -> bool:
    return event.record["moment"] == "on_progress"


def follow(path: Path, printer: Printer, all_looks: Iterator[Look], once: bool) -> int:
    """Print until the run is over, or with `once` what is there; the exit code."""
    try:
        for look in all_looks:
            run = look.run
            last = look.last or (once and run is not None)
            printer.show(look, last)
            if run is not None and run.state is None:
                raise FactsError(f"{path} tells no state: {run.problem}")
            if run is not None and last:
                return 1 if run.state in BADLY else 0
    finally:
        printer.end_line()
    raise AssertionError("a look says that it is the last one")


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    add_run_argument(parser, many=False)
    text = f"show the last N events of the past first (default: {LINES}, with --json all)"
    parser.add_argument("--lines", metavar="N", type=int, help=text)
    metrics = "the metrics of each epoch as well"
    parser.add_argument("-v", "--metrics", action="store_true", help=metrics)
    once = "print what is there, and end"
    parser.add_argument("--once", "--no-wait", action="store_true", help=once)
    add_json_option(parser)
    add_root_option(parser)


def _follow(args: argparse.Namespace) -> int:
    if args.lines is not None and args.lines < 0:
        raise ConfigError(f"--lines {args.lines}: it is a number of events")
    lines = args.lines
    if lines is None and not args.json:
        lines = LINES
    path = select_one(args.runs[0], args.root)
    return follow(path, Printer(lines, args.json, args.metrics), looks(path), args.once)


main = Command(
    name="follow",
    summary="Print the events of a run as they come, until it is over.",
    add_arguments=_add_arguments,
    work=_follow,
    details="""\
An epoch is told as the training tells it: losses, a * at the lowest validation loss so far, speed,
seconds, and how long the rest takes. A line that begins with -- tells a change of the run's state.
Of the heartbeats of the past only the last is shown; on a terminal one takes the place of the one
before. --json prints the events as they are written, one object a line, and the state on standard
error. A run that has not begun yet is waited for; Ctrl-C ends the following, not the run.

exit code: 0 when the run finished or was stopped, 1 when it failed or was lost.

examples:
  engine follow last
  engine follow last --lines 100 --once
  engine follow last --json | jq -c 'select(.moment == "on_epoch_end") | [.epoch, .val_loss]'
  engine follow last && engine report last
""",
)
