"""What was launched, from here or elsewhere: how it is, what it prints, and how to end it."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Static

from engine.launch.jobs import Job
from tui.jobs.job_list import JobList
from tui.jobs.lines import head, told, where_printed
from tui.run.log_view import LogView
from tui.screens.job_actions import JobActions
from tui.widgets.key_line import KeyLine
from tui.widgets.listing import Listing
from tui.widgets.search_line import SearchLine

LEAST_HEIGHT = 20
"""In fewer lines the log is shown in the place of the list, by its key alone."""


class JobsPage(JobActions):
    """The jobs of the output root, with the log of the one under the cursor."""

    HELP_TITLE = "jobs"
    OWN_KEYS_FIRST = True
    DEFAULT_CSS = """
    JobsPage {
        layout: vertical; background: $surface;
        & #head, & #titles { height: 1; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis; }
        & #head { background: $panel; text-style: bold; }
        & #titles { padding: 0; color: $text-muted; }
        & #told { height: auto; max-height: 3; padding: 0 1; color: $text-muted; }
        &.low #told { max-height: 2; }
        &.low JobList { height: 1fr !important; }
        & LogView { height: 1fr; border-top: solid $foreground 20%; }
        &.log JobList, &.log #titles { display: none; }
        &.log LogView { border-top: none; }
        &.low LogView { display: none; }
        &.low.log LogView { display: block; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("l", "log", "Log", tooltip="The log as large as the screen, or the list again"),
        Binding("a", "everything", "All", tooltip="Show old jobs as well, or not"),
        Binding("y", "copy_path", "Copy the path", show=False),
        Binding("Y", "copy_command", "Copy the command", show=False),
        Binding("escape,q", "back", "Back", key_display="esc"),
    ]

    def compose(self) -> ComposeResult:
        """Head, titles, list, what is said about the job, its log, search, keys."""
        app = self.thesis
        yield Static("", id="head", markup=False)
        yield Static("", id="titles", markup=False)
        yield JobList(str(app.root), app.look)
        yield Static("", id="told", markup=False)
        yield LogView("", id="log")
        yield SearchLine()
        yield KeyLine()

    def on_mount(self) -> None:
        """Begin to look."""
        self.job_list.standings = self.thesis.standings
        self.job_list.watch_files(True)
        self.job_list.focus()
        self._tell()

    def on_screen_resume(self) -> None:
        """Ask HTCondor more often while this is seen."""
        self.thesis.queue.watch(True)

    def on_screen_suspend(self) -> None:
        """And less often again."""
        self.thesis.queue.watch(False)

    def job_meant(self) -> Job | None:
        """The job under the cursor."""
        return self.job_list.job if self.query(JobList) else None

    def look_again(self) -> None:
        """Look at the jobs at once."""
        self.job_list.look_now()

    def queue_changed(self) -> None:
        """HTCondor has said more of the jobs, or is silent."""
        if self.is_mounted and self.query(JobList):
            self.job_list.standings = self.thesis.standings
            self.job_list.refresh()
            self._tell()

    @property
    def job_list(self) -> JobList:
        """The jobs."""
        return self.query_one(JobList)

    @property
    def _log(self) -> LogView:
        return self.query_one(LogView)

    @property
    def is_settled(self) -> bool:
        """Whether the jobs, and the log of the one under the cursor, are there."""
        jobs = self.job_list
        return jobs.is_settled and (jobs.job is None or self._log.is_settled)

    def runs_changed(self) -> None:
        """The app knows more of the runs: look at the jobs anew."""
        if self.is_mounted and self.query(JobList) and self.thesis.listed:
            self.job_list.runs = self.thesis.runs
            self.job_list.look_now()

    def on_resize(self) -> None:
        """Leave the log out where there are few lines."""
        self.set_class(self.size.height < LEAST_HEIGHT, "low")
        self.call_after_refresh(self._tell)

    @on(JobList.Changed)
    @on(JobList.Picked)
    def _tell(self) -> None:
        """Everything around the list."""
        if not self.query(LogView):
            return
        jobs, job = self.job_list, self.job_list.job
        root, urgent = str(self.thesis.root), "; ".join(self.thesis.silences)
        self.query_one("#head", Static).update(head(root, jobs.jobs, jobs.shown, urgent))
        self.query_one("#titles", Static).update(jobs.title_line() if jobs.shown else "")
        self.query_one("#told", Static).update(told(job) if job else "")
        # As many lines as there are jobs; the log has the others.
        jobs.styles.height = min(max(3, len(jobs.shown)), self.size.height // 2)
        path = str(where_printed(job)) if job else ""
        if path != self._log.path:
            self._log.show_run(path)
        self._log.watch_files(bool(path))
        self._log.visible = bool(path)
        self.refresh_bindings()

    @on(JobList.Opened)
    def _opened(self, message: JobList.Opened) -> None:
        job = message.job
        if job.handle.kind != "sweep":
            self.thesis.open_run(str(job.handle.directory))
        elif job.runs:
            from tui.screens.compared_runs import CURVES  # it has much to load

            self.thesis.compare([run.path for run in job.runs], CURVES)
        else:
            self.notify("no run of this sweep has begun", timeout=3)

    @on(Listing.SearchAsked)
    def _search(self, event: Listing.SearchAsked) -> None:
        self.query_one(SearchLine).ask(event.listing)

    def action_log(self) -> None:
        """Show the log as large as the screen, or the list again."""
        self.toggle_class("log")
        (self._log if self.has_class("log") else self.job_list).focus()

    def action_everything(self) -> None:
        """Show old jobs as well, or not."""
        self.job_list.everything = not self.job_list.everything
        self.job_list.choose_shown()

    def action_copy_path(self) -> None:
        """Copy the path of the job."""
        if self.job_list.job is not None:
            self.thesis.copy(str(self.job_list.job.handle.directory), "the path")

    def action_copy_command(self) -> None:
        """Copy the command that starts the same."""
        job = self.job_list.job
        if job is not None and job.handle.command:
            self.thesis.copy(job.handle.command, "the command")

    def action_back(self) -> None:
        """End a search, make the log small again, or leave."""
        if self.put_said_away():
            return
        for view in (self._log, self.job_list):
            if view.searched:
                view.search("")
                return
        if self.has_class("log"):
            self.action_log()
        else:
            self.dismiss(None)
