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
from engine.facts.text import plain

if TYPE_CHECKING:
    from engine.cli.event_lines import Event, Teller
    from engine.library.summary import RunSummary

OVER = ("finished", "stopped", "failed", "lost")
BADLY = ("failed", "lost")
"""States that the exit code 1 stands for."""

LINES = 10
"""Events of the past that are shown."""

_CLEAR_LINE = "\r\x1b[K"
_JUDGED_S = 1.0
"""Seconds after which the state is judged again, if nothing comes;"""
_SHARE = 20
"""and at least this many times what judging it has cost."""


class Look(NamedTuple):
    """What one look at a run finds."""

    events: list[Event]
    """Those that came since the last look."""
    restarted: bool
    """Whether the file begins anew with them."""
    whole: bool
    """Whether these are all that there are."""
    run: RunSummary
    """The run as it was last summed up."""
    last: bool
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
    from engine.cli.event_lines import parse, refuse_links
    from engine.facts.evidence import ENDS
    from engine.facts.follow import Follower, Pace
    from engine.facts.run_dir import RunDir
    from engine.library.index import summarise

    refuse_links(path)
    follower = Follower(RunDir(path).events, lambda: parse)
    pace = Pace()
    run, due = summarise(path), clock() + _JUDGED_S
    while True:
        batch = follower.poll()
        now = clock()
        moments = [event.record["moment"] for event in batch.records]
        begun_again = bool(moments) and moments[-1] not in ENDS
        # The state was told before this look at the file, so nothing can have come between.
        last = run.state in OVER and not batch.more and not begun_again
        news = run.state in OVER or not set(ENDS).isdisjoint(moments)
        if not batch.more and not last and (news or now >= due):
            run = summarise(path)
            due = clock() + max(_JUDGED_S, _SHARE * (clock() - now))
        yield Look(batch.records, batch.restarted, not batch.more, run, last)
        if last:
            return
        if not batch.more:
            wait(pace.next_interval(bool(batch.records), now))


class Printer:
    """Prints events, and changes of the state.

    Parameters
    ----------
    lines
        How many events of the past are shown; None shows all.
    as_json
        Print the events as they are written; what else is to be said goes to standard error.
    """

    def __init__(self, lines: int | None, as_json: bool) -> None:
        self.as_json = as_json
        self._past: deque[str] | None = deque(maxlen=lines)
        """What happened before; None once it is printed."""
        self._n_past = 0
        self._state: str | None = ""
        self._teller: Teller | None = None
        self._heartbeat = False
        """Whether the last line is a heartbeat: the next one takes its place."""

    def show(self, look: Look, last: bool) -> None:
        """Print what a look found; of the last one also how it ended."""
        if look.restarted:
            self._say_beside(f"{look.run.name}: the events begin anew")
        for event in look.events:
            text, heartbeat = self._line(event, look.run), event.record["moment"] == "on_progress"
            if self._past is None:
                self._print(text, heartbeat)
            else:
                self._keep(text, heartbeat, self._past)
        if look.whole:
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

    def _line(self, event: Event, run: RunSummary) -> str:
        from engine.cli.event_lines import Teller, json_line

        if self.as_json:
            return json_line(event)
        self._teller = self._teller or Teller(run.epochs)
        return self._teller.tell(event.record)

    def _keep(self, text: str, heartbeat: bool, past: deque[str]) -> None:
        """Keep a line of the past; of heartbeats the one that nothing followed, for people."""
        if self._heartbeat and past:
            past.pop()
        self._n_past += not self._heartbeat
        self._heartbeat = heartbeat and not self.as_json
        past.append(text)

    def _print_past(self) -> None:
        if self._past is None:
            return
        earlier = self._n_past - len(self._past)
        if earlier and not self.as_json:
            events = "event" if earlier == 1 else "events"
            told = f"{earlier:,} earlier {events}; --lines {self._n_past} shows them all"
            say(f"-- {told}")
        for text in self._past:
            say(text)
        self._past, self._heartbeat = None, False

    def _print(self, text: str, heartbeat: bool) -> None:
        """Print a line; on a terminal a heartbeat takes the place of the one before it."""
        self._clear_heartbeat()
        if heartbeat and on_terminal() and not self.as_json:
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


def follow(path: Path, printer: Printer, all_looks: Iterator[Look], once: bool) -> int:
    """Print until the run is over, or with `once` what is there; the exit code."""
    try:
        for look in all_looks:
            last = look.last or (once and look.whole)
            printer.show(look, last)
            if look.whole and look.run.state is None:
                raise FactsError(f"{path} tells no state: {look.run.problem}")
            if last:
                return 1 if look.run.state in BADLY else 0
    finally:
        printer.end_line()
    raise AssertionError("a look says that it is the last one")


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    add_run_argument(parser, many=False)
    text = f"show the last N events of the past first (default: {LINES}, with --json all)"
    parser.add_argument("--lines", metavar="N", type=int, help=text)
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
    return follow(path, Printer(lines, args.json), looks(path), args.once)


main = Command(
    name="follow",
    summary="Print the events of a run as they come, until it is over.",
    add_arguments=_add_arguments,
    work=_follow,
    details="""\
A line that begins with -- tells a change of the run's state. Of the heartbeats of the past only
the last is shown; on a terminal one takes the place of the one before. --json prints the events as
they are written, one object a line, and the state on standard error. A run that has not begun yet
is waited for; Ctrl-C ends the following, not the run.

exit code: 0 when the run finished or was stopped, 1 when it failed or was lost.

examples:
  engine follow last
  engine follow last --lines 100 --once
  engine follow last --json | jq -c 'select(.moment == "on_epoch_end") | [.epoch, .val_loss]'
  engine follow last && engine report last
""",
)
