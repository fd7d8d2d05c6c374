"""What keys do with jobs on HTCondor: hold, release, remove, edit, and ask why they wait."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.binding import Binding, BindingType
from textual.message import Message

from engine.errors import ConfigError, EngineError
from engine.facts.words import count, first_line
from engine.launch.control import kill_job, stop_all
from engine.launch.job import HTCONDOR
from engine.launch.jobs import Job
from tui.dialogs import ConfirmDialog, TellDialog, TextDialog
from tui.page import Page
from tui.queue_words import size

if TYPE_CHECKING:
    from engine.launch.condor_actions import Done
    from engine.launch.job import JobHandle
    from tui.queue_feed import Standing

MOST_TOLD = 8
"""Jobs of which it is told at once why they wait, or why something was not done."""

EDIT_HINT = "memory, disk, cpus, gpus, category, priority: key=value, blanks between"

_OF_CLUSTER = ("hold", "release", "remove", "edit", "why")


class JobActions(Page):
    """A page with a job that keys are for."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("E", "edit", "Edit", tooltip="Change what it asks for; a held job goes on"),
        Binding("U", "release", "Release", tooltip="Let a held job go on"),
        Binding("H", "hold", "Hold", tooltip="Let it wait until it is released"),
        Binding("W", "why", "Why", tooltip="Why it does not run"),
        Binding("D", "remove", "Remove", tooltip="Have HTCondor end it for good"),
        Binding("X", "stop", "Stop", tooltip="Ask the job to save and end"),
        Binding("K", "kill", "Kill", tooltip="End its processes on this machine"),
    ]

    class Changed(Message):
        """Something was done to a job, or could not be."""

        def __init__(self, said: str, problem: str = "") -> None:
            super().__init__()
            self.said, self.problem = said, problem

    class Answered(Message):
        """Why jobs wait."""

        def __init__(self, title: str, text: str) -> None:
            super().__init__()
            self.title, self.text = title, text

    def job_meant(self) -> Job | None:
        """The job that a key is for."""
        raise NotImplementedError

    def look_again(self) -> None:
        """Something was done: look how the jobs are now."""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Whether a key does something with the job."""
        job = self.job_meant() if action in (*_OF_CLUSTER, "stop", "kill") else None
        if action in _OF_CLUSTER:
            return job is not None and fits(action, job)
        if action == "kill":
            return job is None or job.handle.target != HTCONDOR
        return super().check_action(action, parameters)

    # On HTCondor.

    def action_hold(self) -> None:
        """Let the job wait."""
        from engine.launch.condor_actions import hold

        self._act_on(hold, "held")

    def action_release(self) -> None:
        """Let the job go on."""
        from engine.launch.condor_actions import release

        self._act_on(release, "released", ("held",))

    @work(exclusive=True, group="dialog")
    async def action_remove(self) -> None:
        """Have HTCondor end the job for good."""
        from engine.launch.condor_actions import remove

        job = self._may_change()
        if job is None:
            return
        runs = count(len(job.on_cluster), "run")
        what = f"its {runs} that have not ended" if job.handle.kind == "sweep" else "it"
        details = f"HTCondor ends {what} for good; what runs saves first, and can be resumed."
        if not await self.app.push_screen_wait(ConfirmDialog(f"remove {job.name}?", details)):
            return
        if job.handle.kind == "sweep":  # with those of its runs that are still to come
            self._do(lambda: kill_job(job.handle), f"removed {job.name}")
        else:
            self._act_on(remove, "removed")

    @work(exclusive=True, group="dialog")
    async def action_edit(self) -> None:
        """Change what the job asks for; one that is held goes on with that."""
        from engine.launch.condor_actions import edit, release
        from engine.launch.condor_changes import read_changes

        job = self._may_change()
        if job is None:
            return
        is_held = "held" in job.counts
        title = f"change and release {job.name}" if is_held else f"change {job.name}"
        standing = self.thesis.standings.get(str(job.handle.directory))
        title = "; ".join(filter(None, [title, asks_and_takes(standing)]))
        dialog = TextDialog(title, proposed(standing), EDIT_HINT, check=wrong_change)
        text = await self.app.push_screen_wait(dialog)
        if text is not None:
            changes = read_changes(shlex.split(text))
            if is_held:
                self._act_on(partial(release, changes=changes), "changed and released", ("held",))
            else:
                self._act_on(partial(edit, changes=changes), "changed")

    def action_why(self) -> None:
        """Ask why the job does not run."""
        job = self.job_meant()
        if job is not None:
            self.notify("asking HTCondor …", timeout=2)
            self._ask_why(job)

    @work(thread=True, group="why", description="why")
    def _ask_why(self, job: Job) -> None:
        from engine.launch.condor_why import why

        told = []
        for handle in job.on_cluster[:MOST_TOLD]:
            answer = why(handle) or f"HTCondor does not have it: {job.state.sentence}"
            told.append(f"{handle.name}: {answer}" if job.handle.kind == "sweep" else answer)
        more = len(job.on_cluster) - MOST_TOLD
        told += [f"and {more} more"] if more > 0 else []
        self.post_message(self.Answered(job.name, "\n\n".join(told or [job.state.sentence])))

    @on(Answered)
    def _answered(self, message: Answered) -> None:
        message.stop()
        if self.is_current:
            self.app.push_screen(TellDialog(message.title, message.text))

    def _act_on(
        self,
        act: Callable[[Sequence[JobHandle]], Done],
        done: str,
        states: Sequence[str] = (),
    ) -> None:
        """Do something to the runs of the job that HTCondor has, in some states or in any."""
        job = self._may_change()
        if job is None:
            return
        wanted = [run.path for run in job.runs if not states or run.state in states]
        handles = [one for one in job.on_cluster if str(one.directory) in wanted]
        self._do(lambda: told_done(act(handles), done, job.name))

    # Wherever it runs.

    @work(exclusive=True, group="dialog")
    async def action_stop(self) -> None:
        """Ask the job to save and end."""
        job = self._may_change()
        if job is None:
            return
        more = ", and no further runs begin" if job.handle.kind == "sweep" else ""
        details = f"Each run finishes its present step, saves, and ends{more}."
        if job.handle.target == HTCONDOR and not job.counts.get("running"):
            details += " One that waits does so once it starts: D takes it out of the queue."
        if await self.app.push_screen_wait(ConfirmDialog(f"stop {job.name}?", details)):
            self._do(lambda: stop_all(job), f"asked {job.name} to stop")

    @work(exclusive=True, group="dialog")
    async def action_kill(self) -> None:
        """End the processes of the job."""
        job = self._may_change()
        if job is None:
            return
        details = (
            "Its processes on this machine get SIGTERM, on which they save and end, and SIGKILL "
            "after 10 seconds. What was done since the last checkpoint may be lost."
        )
        if await self.app.push_screen_wait(ConfirmDialog(f"kill {job.name}?", details)):
            self._do(lambda: kill_job(job.handle), f"ended {job.name}")

    def _may_change(self) -> Job | None:
        """The job that a key is for, if it can be changed; says so if not."""
        job = self.job_meant()
        if job is None or not self.thesis.may_change():
            return None
        if not job.under_way:
            self.notify("it is over already", timeout=3)
            return None
        return job

    @work(thread=True, group="change", description="change")
    def _do(self, change: Callable[[], object], said: str = "") -> None:
        """Do it in a thread, and tell what it gives, or `said`."""
        try:
            given = change()
        except EngineError as error:
            self.post_message(self.Changed("", f"{error.message}. {error.hint}".strip()))
            return
        self.post_message(self.Changed(said or str(given)))

    @on(Changed)
    def _changed(self, message: Changed) -> None:
        message.stop()
        if message.problem:
            self.notify(message.problem, severity="error")
        else:
            self.notify(message.said, timeout=3)
        self.thesis.queue.acted()
        self.thesis.library.hurry()
        self.look_again()


def fits(action: str, job: Job) -> bool:
    """Whether something can be done to a job on HTCondor."""
    if job.handle.target != HTCONDOR or not job.under_way:
        return False
    states = set(job.counts)
    if action == "release":
        return "held" in states
    if action == "hold":
        return bool(states & {"queued", "running"})
    return True


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
    remarks = dict.fromkeys(done.remarks.values())
    return ". ".join([said, *remarks])


def asks_and_takes(standing: Standing | None) -> str:
    """How much memory a job asks for and took."""
    job = standing.job if standing else None
    if job is None or not job.memory_asked_mib:
        return ""
    taken = f", took {size(job.memory_mib)}" if job.memory_mib else ""
    return f"it asks for {size(job.memory_asked_mib)} of memory{taken}"


def proposed(standing: Standing | None) -> str:
    """A change to begin with: twice the memory."""
    asked = standing.job.memory_asked_mib if standing else None
    return f"memory={2 * asked / 1024:g}GB" if asked else "memory=8GB"


def wrong_change(text: str) -> str:
    """What is wrong with a change, in a sentence; empty where nothing is."""
    from engine.launch.condor_changes import read_changes

    try:
        read_changes(shlex.split(text))
    except ConfigError as error:
        return first_line(error.message)
    except ValueError:
        return "close what is quoted"
    return ""
