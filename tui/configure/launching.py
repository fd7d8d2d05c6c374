"""What comes after the draft: it is checked in a process of its own, and started."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import ClassVar

from textual import work
from textual.binding import Binding, BindingType

from engine.config import draft
from engine.errors import ConfigError, EngineError
from engine.launch.job import LOCAL, JobSpec
from engine.launch.record import command_text
from tui.configure import preflight, starting
from tui.configure.draft_state import Draft
from tui.configure.launch_dialog import LaunchDialog
from tui.configure.points_list import PointsList
from tui.configure.preflight import Problem, Report
from tui.configure.rows import key_in
from tui.configure.target_words import asked_for, place
from tui.configure.targeting import Targeting
from tui.widgets.said_line import SaidLine

ROOT_KEY = "env.output_root"

AT_ONCE = "configure.at_once"
"""What the app remembers: how many points train at the same time."""


class Launching(Targeting):
    """A page whose draft can be checked and launched."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("P", "check", "Check", tooltip="Build the model and try a batch, in a process"),
        Binding("L", "launch", "Launch", tooltip="Check, ask once, and start"),
    ]

    def __init__(self, run: str = "") -> None:
        super().__init__(run)
        self.report: Report | None = None
        """What the last check of the present draft found."""
        self.doing = ""
        """What is being done, in words."""

    def show_report(self) -> None:
        """There is another report, or something is being done."""

    def show_check(self) -> None:
        """The part with the report is wanted."""

    # What is asked for.

    @property
    def points_list(self) -> PointsList:
        """The points."""
        return self.query_one(PointsList)

    @property
    def is_sweep(self) -> bool:
        """Whether there are several runs to be."""
        return bool(self.points_list.points) or draft.is_sweep(self.draft.overrides)

    @property
    def overrides(self) -> tuple[str, ...]:
        """The overrides with the output root of the app, where the config has another one."""
        overrides, root = self.draft.overrides, str(self.thesis.root)
        entries = self.form.entries if self.form else ()
        entry = next((one for one in entries if one.key == ROOT_KEY), None)
        if entry is None or draft.find(overrides, ROOT_KEY) is not None:
            return overrides
        if os.path.abspath(os.path.expanduser(str(entry.value))) == root:
            return overrides
        return (*overrides, f"{ROOT_KEY}={draft.text_of(root)}")

    @property
    def command(self) -> str:
        """The command for a shell that trains the same."""
        return "thesis-train" if self.form is None else command_text(self._spec())

    def epoch_s(self) -> float | None:
        """What the check has found an epoch to take."""
        return self.report.epoch_s if self.report else None

    def problems(self) -> list[Problem]:
        """All that is wrong: with the draft, and what the check found, each once."""
        told = self.form.problems if self.form else ()
        told = (*told, self.points_list.why) if self.points_list.why else told
        found = [Problem(key_in(text), text) for text in told]
        found += self.report.problems if self.report else ()
        return list({problem.text: problem for problem in found}.values())

    # The check.

    def forget_report(self) -> None:
        """The draft has changed: what was found, and what is being looked for, is old."""
        self.workers.cancel_group(self, "check")
        self.report, self.doing = None, ""
        self.show_report()

    def action_check(self) -> None:
        """Check the draft."""
        self.show_check()
        self._check()

    @work(exclusive=True, group="check", description="check")
    async def _check(self) -> None:
        await self._checked()

    async def _checked(self) -> Report:
        """The report on the present draft."""
        self.report, self.doing = None, "building the model and trying a batch …"
        self.show_report()
        spec = self._spec()
        report = await preflight.check(
            spec.overrides,
            spec.config_dirs,
            sweep=spec.sweep,
            leave_out=spec.leave_out,
            at_once=spec.at_once,
            trusted=spec.trust if spec.parent else None,
        )
        self.report, self.doing = report, ""
        self.show_report()
        return report

    # The start.

    def action_launch(self) -> None:
        """Check, ask once, and start."""
        if not self.thesis.may_change():
            return
        if self.doing:
            self.notify(f"not yet: {self.doing}", timeout=3, markup=False)
            return
        self._launch()

    @work(exclusive=True, group="check", description="launch")
    async def _launch(self) -> None:
        self.query_one(SaidLine).put_away()
        await self.until_composed()  # what was typed may be ahead of the form
        if not self.problems() and not self.points_list.wrong and self.report is None:
            self.show_check()
            await self._checked()
        why = self._why_not()
        if why:
            self.show_check()
            self.notify(why, severity="warning", timeout=5, markup=False)
            return
        spec = await self._placed(self._spec())
        if spec is None:
            return
        is_here = spec.target == LOCAL
        facts, at_once = (
            partial(self._facts, spec),
            spec.at_once if spec.sweep and is_here else None,
        )
        dialog = LaunchDialog(self._title(), facts, self._warnings(spec), at_once)
        if not is_here:
            self._ask_scheduler(spec, dialog)
        answer = await self.app.push_screen_wait(dialog)
        if answer is not None:
            if at_once is not None:
                self.thesis.remembered.keep(AT_ONCE, answer)
            self.doing = "starting …" if is_here else f"submitting to {place(spec.target)} …"
            self.show_report()
            self._start(replace(spec, at_once=answer if is_here else 1), self.draft)

    @work(group="scheduler", exclusive=True, description="scheduler")
    async def _ask_scheduler(self, spec: JobSpec, dialog: LaunchDialog) -> None:
        """Say in the dialog which scheduler it is, or that it does not answer."""
        try:
            name = await asyncio.to_thread(starting.scheduler, spec)
            dialog.tell("target", f"HTCondor, scheduler {name}")
        except EngineError as error:
            dialog.tell("target", "HTCondor")
            dialog.warn(error.in_a_line)

    async def _placed(self, spec: JobSpec) -> JobSpec | None:
        """The same with its directory, and its runs if each is a job; None, and told, if none."""
        if self._feed is None:
            return None
        try:
            asked = self._feed.place(spec.overrides, sweep=spec.sweep)
            runs = self._runs_of(spec) if spec.sweep and spec.target != LOCAL else ()
            return replace(spec, directory=await asyncio.wrap_future(asked), runs=runs)
        except ConfigError as error:
            self._tell_failure(error)
            return None

    def _runs_of(self, spec: JobSpec) -> tuple[tuple[str, ...], ...]:
        from engine.config.points import words_of_runs

        points = self.points_list.points
        more = tuple(one for one in spec.overrides if one not in self.draft.overrides)
        found = words_of_runs(points, spec.overrides, spec.leave_out)
        return tuple((*words, *more) for words in found)

    def _tell_failure(self, error: EngineError) -> None:
        """Say why nothing was started, until it is read: as the page of the jobs does."""
        self.query_one(SaidLine).failed(f"not started: {error.in_a_line}")

    def _why_not(self) -> str:
        """Why this cannot be started; empty if it can."""
        if self.problems():
            return "it would not train: ! goes from problem to problem"
        points = self.points_list
        if points.wrong:
            return f"{len(points.wrong)} points would not train: x strikes them out"
        return "all points are struck out" if points.points and not points.n_left else ""

    def _title(self) -> str:
        points = self.points_list
        return f"start {points.n_left} runs?" if points.points else "start this training?"

    def _facts(self, spec: JobSpec, at_once: int) -> list[tuple[str, str]]:
        points, parent = self.points_list, spec.parent
        told = points.note() if points.points else ""
        is_here = spec.target == LOCAL
        target = place(spec.target) + ("" if is_here else ", asking its scheduler …")
        facts = [("name", spec.directory.name), ("target", target), ("points", told)]
        asked = "" if is_here else asked_for(spec.resources)
        facts.append(("each asks" if spec.sweep else "asks for", asked))
        facts += [("directory", str(spec.directory)), ("parent", parent or "")]
        facts.append(("command", command_text(replace(spec, at_once=at_once))))
        return [(name, text) for name, text in facts if text]

    def _warnings(self, spec: JobSpec) -> list[str]:
        report = self.report or Report()
        told = [f"not checked: {report.failure}"] if report.failure else []
        if self.thesis.root not in spec.directory.parents:
            told.append(f"not in {self.thesis.root}, whose runs are in the table")
        if spec.target != LOCAL and self.form is not None:
            from engine.launch.suggest import too_little_memory

            told += filter(None, [too_little_memory(self.thesis.runs, self.form.settings)])
        return [*told, *report.warnings]

    def _spec(self) -> JobSpec:
        """What would be started, in a directory that is not known yet."""
        overrides, sweep = self.overrides, self.is_sweep
        if self.points_list.points:  # these know which ones are left out
            overrides = draft.without(overrides, draft.LEAVE_OUT)
        launcher = self.launcher
        is_here = launcher.target == LOCAL
        at_once = int(self.thesis.remembered.number(AT_ONCE, 1))
        return JobSpec(
            overrides=overrides,
            directory=self.thesis.root,
            sweep=sweep,
            at_once=max(1, at_once) if sweep and is_here else 1,
            config_dirs=tuple(Path(os.path.abspath(d)) for d in self.thesis.settings.config_dirs),
            leave_out=self.points_list.left_out,
            parent=os.path.basename(self.draft.parent) or None,
            trust=self.thesis.settings.trusted,
            points=self.points_list.n_left if sweep and self.points_list.points else None,
            target=launcher.target,
            resources=launcher.resources,
        )

    def _started(self, spec: JobSpec) -> Path:
        """The directory of what is started; for a thread, which ends after a page that is left."""
        try:
            return starting.launch(spec)
        except EngineError as error:
            if not self.is_running:
                told = f"{spec.directory.name} not started: {error.in_a_line}"
                self.app.call_later(self.app.notify, told, severity="error", timeout=60)
            raise

    @work(group="start", description="start")
    async def _start(self, spec: JobSpec, launched: Draft) -> None:
        """Start it in a thread, and go to see it."""
        try:
            path = await asyncio.to_thread(self._started, spec)
        except EngineError as error:
            self.doing = ""
            self.show_report()
            self._tell_failure(error)
            return
        self.doing = ""
        if self.draft == launched:  # it may have been changed while this was started
            self.history.amend(replace(self.draft, started=True))
        self.drafts.keep()
        self.thesis.save_soon()
        self.thesis.show_started(path, sweep=spec.sweep)
