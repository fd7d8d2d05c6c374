"""A key for runs whose jobs HTCondor has: a menu of what can be done with them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import ClassVar

from textual import work
from textual.binding import Binding, BindingType

from engine.facts.words import count
from engine.library.summary import RunSummary
from tui.job_menu import JobMenu, meant_by_runs, on_htcondor
from tui.screens.acting_on_jobs import ActingOnJobs


class RunsOnHTCondor(ActingOnJobs):
    """A page with runs that a key is for, some of them on HTCondor."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("Q", "act_on_job", "Act", tooltip="Choose what is done with its job"),
    ]

    _offered: tuple[bool, ...] = ()

    def targets(self) -> tuple[RunSummary, ...]:
        """The runs that a key is for."""
        raise NotImplementedError

    def told_unseen(self, runs: Sequence[RunSummary], end: str = "") -> str:
        """How many of the runs are not shown; empty if all are."""
        return ""

    def runs_on_htcondor(self) -> list[RunSummary]:
        """Those of the runs whose jobs are there and not over."""
        return on_htcondor(self.targets())

    def is_offered(self, action: str) -> bool:
        """Whether there is such a job."""
        if action == "act_on_job":
            return bool(self.runs_on_htcondor())
        return super().is_offered(action)

    def offer_keys(self) -> None:
        """Name the keys, or no more: there may be another run, or it is over."""
        offered = tuple(map(self.is_offered, ("act_on_job", "stop", "resume_run")))
        if offered != self._offered:
            self._offered = offered
            self.refresh_bindings()

    @work(exclusive=True, group="dialog")
    async def action_act_on_job(self) -> None:
        """Choose what is done with the jobs of the runs."""
        runs = self.runs_on_htcondor()
        if not runs:
            self.notify("HTCondor has no job of it that waits or runs", timeout=3)
            return
        meant = await asyncio.to_thread(meant_by_runs, named(runs), runs)
        title = f"what is to be done with {meant.name}?"
        title = " ".join(filter(None, [title, self.told_unseen(runs, end=".")]))
        action = await self.app.push_screen_wait(JobMenu(meant, title))
        if action:
            await self.act(action, meant)


def named(runs: Sequence[RunSummary]) -> str:
    """The name of a run, or how many they are."""
    return runs[0].name if len(runs) == 1 else count(len(runs), "run")
