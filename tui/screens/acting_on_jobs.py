"""What is done to jobs on HTCondor from any screen: held, released, changed, removed."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.message import Message

from engine.errors import ConfigError, EngineError
from engine.facts.words import count, first_line
from engine.launch.control import kill_job
from tui.dialogs import ConfirmDialog, TellDialog, TextDialog
from tui.job_menu import Meant, asked_now, changed, proposed, resources_of
from tui.page import Page
from tui.queue_words import by_keys, size
from tui.widgets.key_line import KeyLine
from tui.widgets.said_line import SaidLine

if TYPE_CHECKING:
    from engine.launch.condor.acting import Done
    from tui.queue_feed import Standing

MOST_TOLD = 8
"""Jobs of which it is told at once why they wait, or why something was not done."""

EDIT_HINT = (
    "memory, disk, cpus, gpus, category, requirements, priority: key=value, blanks between; "
    "the first key replaces what stands there, left and right go into it"
)


class ActingOnJobs(Page):
    """A page from which HTCondor is asked to do something."""

    BEFORE_KEY: ClassVar[str] = "Q, "
    """What is pressed here before a key of `job_menu.KEYS`: it opens the menu of them."""

    class Acted(Message):
        """Something was done to a job, or could not be."""

        def __init__(self, number: int, said: str, problem: str = "") -> None:
            super().__init__()
            self.number, self.said, self.problem = number, said, problem

    class Answered(Message):
        """Why jobs wait."""

        def __init__(self, number: int, title: str, text: str) -> None:
            super().__init__()
            self.number, self.title, self.text = number, title, text

    def look_again(self) -> None:
        """Something was done: look how the jobs are now."""

    def put_said_away(self) -> bool:
        """Take away the line that tells what went wrong; whether there was one."""
        return any(line.put_away() for line in self.query(SaidLine))

    async def act(self, action: str, meant: Meant) -> None:
        """Do one of `job_menu.KEYS`; what needs a word of somebody is asked before."""
        if action == "why":
            self._ask_why(
                meant, await self._told_at_once(f"asking HTCondor why {meant.name} waits")
            )
        elif self.thesis.may_change():
            ways = {
                "hold": self._hold, "release": self._release,
                "edit": self._edit, "remove": self._remove,
            }  # fmt: skip
            await ways[action](meant)

    async def _hold(self, meant: Meant) -> None:
        from engine.launch.condor.actions import hold

        jobs = meant.in_states("queued", "running")
        details = "They wait until they are released; what runs saves first."
        question = f"hold {count(len(jobs), 'run')} of {meant.name}?"
        if len(jobs) < 2 or await self._is_sure(question, details):
            await self.do(
                f"asking HTCondor to hold {meant.name}",
                lambda: told_done(hold(jobs), "held", meant.name),
            )

    async def _release(self, meant: Meant) -> None:
        from engine.launch.condor.actions import release

        jobs, name = meant.in_states("held"), meant.name
        await self.do(
            f"asking HTCondor to release {name}", lambda: told_done(release(jobs), "released", name)
        )

    async def _remove(self, meant: Meant) -> None:
        from engine.launch.condor.actions import remove

        jobs, name, sweep = meant.jobs, meant.name, meant.sweep
        several = sweep is not None or len(jobs) > 1
        what = f"its {count(len(jobs), 'run')} that have not ended" if several else "it"
        details = f"HTCondor ends {what} for good; what runs saves first, and can be resumed."
        if not await self._is_sure(f"remove {name}?", details):
            return
        if sweep is not None:  # with those of its runs that are still to come
            await self.do(
                f"asking HTCondor to remove {name}", lambda: kill_job(sweep), f"removed {name}"
            )
        else:
            await self.do(
                f"asking HTCondor to remove {name}",
                lambda: told_done(remove(jobs), "removed", name),
            )

    async def _edit(self, meant: Meant) -> None:
        from engine.launch.condor.actions import release
        from engine.launch.condor.changes import read_changes
        from engine.launch.condor.editing import edit

        jobs = meant.in_states("held") if meant.is_held else list(meant.jobs)
        told = await asyncio.to_thread(resources_of, jobs[0]) if jobs else {}
        title = f"change and release {meant.name}" if meant.is_held else f"change {meant.name}"
        standing = self.thesis.standings.get(str(jobs[0].directory)) if len(jobs) == 1 else None
        title = "; ".join(filter(None, [title, asks_and_takes(standing)]))
        now = asked_now(told, standing)
        dialog = TextDialog(
            title, proposed(now, standing), EDIT_HINT, check=wrong_change, is_replaced=True
        )
        text = await self.app.push_screen_wait(dialog)
        if text is None:
            return
        words = changed(text, now)  # of several, each keeps what is not changed
        changes = read_changes(words) if words else {}
        doing = f"asking HTCondor to change {meant.name}"
        if meant.is_held:
            act, done = partial(release, changes=changes), "changed and released"
            done = done if changes else "released"
            await self.do(doing, lambda: told_done(act(jobs), done, meant.name))
        elif changes:
            await self.do(doing, lambda: told_done(edit(jobs, changes), "changed", meant.name))
        else:
            self.notify("nothing is changed: it asks for that already", timeout=3)

    async def _is_sure(self, question: str, details: str) -> bool:
        return await self.app.push_screen_wait(ConfirmDialog(question, details))

    @work(thread=True, group="why", description="why")
    def _ask_why(self, meant: Meant, number: int) -> None:
        from engine.launch.condor.why import why

        told = []
        for handle in meant.jobs[:MOST_TOLD]:
            answer = why(handle) or f"HTCondor does not have it: {meant.sentence}"
            answer = by_keys(answer, handle.name, self.BEFORE_KEY)
            told.append(f"{handle.name}: {answer}" if len(meant.jobs) > 1 else answer)
        more = len(meant.jobs) - MOST_TOLD
        told += [f"and {more} more"] if more > 0 else []
        text = "\n\n".join(told or [meant.sentence or "HTCondor has none of them"])
        self.post_message(self.Answered(number, meant.name, text))

    @on(Answered)
    def _answered(self, message: Answered) -> None:
        message.stop()
        self._answer(message.number)
        if self.is_current:
            self.app.push_screen(TellDialog(message.title, message.text))

    async def do(self, what: str, change: Callable[[], object], said: str = "") -> None:
        """Do it in a thread, and tell what it gives, or `said`; until then, that it is asked."""
        self._do(await self._told_at_once(what), change, said)

    @work(thread=True, group="change", description="change")
    def _do(self, number: int, change: Callable[[], object], said: str) -> None:
        try:
            given, problem = change(), ""
        except EngineError as error:
            given, problem = "", error.in_a_line
        if not self.post_message(self.Acted(number, said or str(given), problem)) and problem:
            # The screen was left meanwhile.
            self.app.call_later(self.app.notify, problem, severity="error", timeout=60)

    @on(Acted)
    def _acted(self, message: Acted) -> None:
        message.stop()
        self._answer(message.number, message.problem)
        if not message.problem:
            self.notify(message.said, timeout=3)
        self.thesis.queue.acted()
        self.thesis.library.hurry()
        self.look_again()

    async def _told_at_once(self, what: str) -> int:
        """Say what is asked, before it is; the number is for the answer."""
        if not self.query(SaidLine):
            await self.mount(SaidLine(), before=self.query_one(KeyLine))
        return self.query_one(SaidLine).begin(what)

    def _answer(self, number: int, problem: str = "") -> None:
        for line in self.query(SaidLine):
            line.ended(number, problem)


def told_done(done: Done, verb: str, name: str) -> str:
    """What came of an action, in a sentence.

    Raises
    ------
    ConfigError
        With what could not be done.
    """
    n = len(done.jobs)
    said = f"{verb} {name}" if n == 1 and not done.problems else f"{verb} {count(n, 'run')}"
    if done.problems:
        told = [f"{job}: {why}" for job, why in done.problems.items()]
        more = len(told) - MOST_TOLD
        told = told[:MOST_TOLD] + ([f"and {more} more"] if more > 0 else [])
        raise ConfigError("; ".join([said] * bool(n) + told))
    changes = [*dict.fromkeys(done.changes.values())]
    said += f": {changes[0]}" if len(changes) == 1 else ""
    rest = dict.fromkeys([*done.already.values(), *done.remarks.values()])
    return ". ".join([said] * bool(n) + [*rest])


def asks_and_takes(standing: Standing | None) -> str:
    """How much memory a job asks for and took."""
    job = standing.job if standing else None
    if job is None or not job.memory_asked_mib:
        return ""
    taken = f", took {size(job.memory_mib)}" if job.memory_mib else ""
    return f"it asks for {size(job.memory_asked_mib)} of memory{taken}"


def wrong_change(text: str) -> str:
    """What is wrong with a change, in a sentence; empty where nothing is."""
    from engine.launch.condor.changes import read_changes

    try:
        read_changes(shlex.split(text))
    except ConfigError as error:
        return first_line(error.message)
    except ValueError:
        return "close what is quoted"
    return ""
