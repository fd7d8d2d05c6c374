"""What keys do with jobs: hold, release, remove, change, stop, and ask why they wait."""

from __future__ import annotations

from typing import ClassVar

from textual import work
from textual.binding import Binding, BindingType

from engine.launch.control import kill_job, stop_all
from engine.launch.job import HTCONDOR
from engine.launch.jobs import Job
from tui.dialogs import ConfirmDialog
from tui.job_menu import KEYS, JobMenu, meant_by, offers
from tui.screens.acting_on_jobs import ActingOnJobs


class JobActions(ActingOnJobs):
    """A page with a job that keys are for."""

    BEFORE_KEY = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("E", "edit", "Edit", tooltip="Change what it asks for; a held job goes on"),
        Binding("U", "release", "Release", tooltip="Let a held job go on"),
        Binding("H", "hold", "Hold", tooltip="Let it wait until it is released"),
        Binding("W", "why", "Why", tooltip="Why it does not run"),
        Binding("D", "remove", "Remove", tooltip="Have HTCondor end it for good"),
        Binding("Q", "act_on_job", "Act", show=False, tooltip="A menu of all that can be done"),
        Binding("X", "stop", "Stop", tooltip="Ask the job to save and end"),
        Binding("K", "kill", "Kill", tooltip="End its processes on this machine"),
    ]

    def job_meant(self) -> Job | None:
        """The job that a key is for."""
        raise NotImplementedError

    def is_offered(self, action: str) -> bool:
        """Whether a key does something with the job now; the others say why they do not."""
        job = self.job_meant()
        if action in KEYS:
            return job is not None and not why_not(action, job)
        if action in ("stop", "kill") and job is not None:
            return job.under_way and (action == "stop" or job.handle.target != HTCONDOR)
        return super().is_offered(action)

    # On HTCondor.

    def action_hold(self) -> None:
        """Let the job wait."""
        self._act_on_job("hold")

    def action_release(self) -> None:
        """Let the job go on."""
        self._act_on_job("release")

    def action_remove(self) -> None:
        """Have HTCondor end the job for good."""
        self._act_on_job("remove")

    def action_edit(self) -> None:
        """Change what the job asks for; one that is held goes on with that."""
        self._act_on_job("edit")

    def action_why(self) -> None:
        """Ask why the job does not run."""
        self._act_on_job("why")

    def action_act_on_job(self) -> None:
        """Choose what is done with the job."""
        self._act_on_job("")

    @work(exclusive=True, group="dialog")
    async def _act_on_job(self, action: str) -> None:
        job = self.job_meant()
        if job is None:
            return
        problem = why_not(action, job)
        if problem:
            self.notify(problem, timeout=3)
            return
        meant, chosen = meant_by(job), action or None
        if not action:
            menu = JobMenu(meant, f"what is to be done with {job.name}?")
            chosen = await self.app.push_screen_wait(menu)
        if chosen:
            await self.act(chosen, meant)

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
            await self.do(
                f"asking {job.name} to stop", lambda: stop_all(job), f"asked {job.name} to stop"
            )

    @work(exclusive=True, group="dialog")
    async def action_kill(self) -> None:
        """End the processes of the job."""
        job = self._may_change()
        if job is None:
            return
        if job.handle.target == HTCONDOR:
            self.notify("it is on HTCondor: D removes it", timeout=3)
            return
        details = (
            "Its processes on this machine get SIGTERM, on which they save and end, and SIGKILL "
            "after 10 seconds. What was done since the last checkpoint may be lost."
        )
        if await self.app.push_screen_wait(ConfirmDialog(f"kill {job.name}?", details)):
            told = f"ended {job.name}"
            await self.do(f"ending {job.name}", lambda: kill_job(job.handle), told)

    def _may_change(self) -> Job | None:
        """The job that a key is for, if it can be changed; says so if not."""
        job = self.job_meant()
        if job is None or not self.thesis.may_change():
            return None
        if not job.under_way:
            self.notify("it is over already", timeout=3)
            return None
        return job


def why_not(action: str, job: Job) -> str:
    """Why HTCondor cannot be asked to do something with a job; empty where it can."""
    if not job.under_way:
        return "it is over already"
    if job.handle.target != HTCONDOR:
        return "it runs on this machine, not on HTCondor: X asks it to stop, K ends it"
    if action in KEYS and action not in offers(meant_by(job)):
        return "it is held already" if action == "hold" else "it is not held"
    return ""
