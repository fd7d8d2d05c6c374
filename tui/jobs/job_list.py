"""The list of jobs, kept up to date."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from rich.style import Style
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.message import Message

from engine.errors import EngineError
from engine.facts.text import plain
from engine.launch.jobs import Job, JobFinder
from engine.library.summary import RunSummary
from tui.jobs.lines import JobScene, columns_for, line_of, titles
from tui.look import STATE_COLOURS, Look
from tui.watch import Watch, Watching
from tui.widgets.listing import Listing

if TYPE_CHECKING:
    from tui.queue_feed import Standing

RECENT_S = 86400.0
"""Jobs that are over are shown so long, unless all are asked for."""

AGES_S = 5.0
"""Between two looks at the ages on the screen."""


class JobList(Watching, Listing):
    """One line a job; the newest first.

    Parameters
    ----------
    root
        The output root.
    look
        The signs of the terminal.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"job--{state}" for state in STATE_COLOURS}
    DEFAULT_CSS = "\n".join(
        f"JobList > .job--{state} {{ color: {colour}; }}" for state, colour in STATE_COLOURS.items()
    )
    SEARCH_HINT = "search the jobs"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Open"),
    ]

    class Listed(Message):
        """What the thread that looks found."""

        def __init__(self, jobs: Sequence[Job], problem: str) -> None:
            super().__init__()
            self.jobs, self.problem = tuple(jobs), problem

        def can_replace(self, message: Message) -> bool:
            """A newer list makes an older one worthless."""
            return isinstance(message, JobList.Listed)

    class Changed(Message):
        """There are other jobs, or more of them is known."""

    class Picked(Message):
        """The cursor stands on another job."""

    class Opened(Message):
        """Enter was pressed on a job."""

        def __init__(self, job: Job) -> None:
            super().__init__()
            self.job = job

    def __init__(self, root: str, look: Look, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._look = look
        self.jobs: tuple[Job, ...] = ()
        self.shown: tuple[Job, ...] = ()
        self.everything = False
        """Whether old jobs are shown as well."""
        self.problem = "looking for jobs …"
        self.standings: Mapping[str, Standing] = {}
        """How jobs stand on HTCondor, by the paths of their runs."""
        self.runs: tuple[RunSummary, ...] | None = None
        """The runs of the root as the app knows them; None while it does not."""
        finder = JobFinder(root)

        def see() -> tuple[bool, bool]:
            before = self.jobs
            try:
                jobs, problem = tuple(finder.refresh(self.runs)), ""
            except EngineError as error:
                jobs, problem = (), error.message
            self.post_message(self.Listed(jobs, problem))
            return jobs != before or any(job.under_way for job in jobs), False

        self._watch = Watch("jobs", see, self.app.post_message, fastest=1.0, slowest=10.0)

    def on_mount(self) -> None:
        """Let the ages grow."""
        self.set_interval(AGES_S, self.refresh_ages)
        self.show_lines(1)

    def look_now(self) -> None:
        """Look at once."""
        if self._watch is not None:
            self._watch.hurry()

    @property
    def is_settled(self) -> bool:
        """Whether the jobs have been looked for."""
        return self.problem != "looking for jobs …"

    @property
    def job(self) -> Job | None:
        """The job under the cursor."""
        return self.shown[self.cursor] if self.cursor < len(self.shown) else None

    def on_job_list_listed(self, message: Listed) -> None:
        """Take what was found; the cursor stays on its job."""
        message.stop()
        if message.jobs == self.jobs and message.problem == self.problem:
            return
        self.jobs, self.problem = message.jobs, message.problem
        self.choose_shown()

    def choose_shown(self) -> None:
        """Choose the jobs that are shown."""
        held, before, since = self.job, self.shown, time.time() - RECENT_S
        self.shown = tuple(
            job
            for job in self.jobs
            if self.everything or job.under_way or (job.submitted or 0.0) > since
        )
        places = [job.handle.path for job in self.shown]
        if held is not None and held.handle.path in places:
            self.cursor = places.index(held.handle.path)
        same = [job.handle.path for job in before] == places
        self.show_lines(max(1, len(self.shown)), redraw=not same)
        for number, (old, new) in enumerate(zip(before, self.shown, strict=False)):
            if same and old != new:
                self.redraw_line(number)
        self.post_message(self.Changed())

    def refresh_ages(self) -> None:
        """Draw the ages anew."""
        if self._watch is not None and self._watch.on and self.shown:
            self.refresh()

    def go_to(self, number: int) -> None:
        """Put the cursor on a job, and say so."""
        super().go_to(number)
        self.post_message(self.Picked())

    def action_open(self) -> None:
        """Open the job under the cursor."""
        if self.job is not None:
            self.post_message(self.Opened(self.job))

    def title_line(self) -> str:
        """The titles of the columns."""
        return titles(columns_for(self.size.width, self.shown, self._scene))

    @property
    def _scene(self) -> JobScene:
        return JobScene(self._look, time.time(), self.standings)

    def found(self, number: int) -> bool:
        """Whether a job has what is looked for in its line or among its overrides."""
        words = " ".join(self.shown[number].handle.overrides) if number < len(self.shown) else ""
        return super().found(number) or self.searched.lower() in words.lower()

    def line(self, number: int) -> Text:
        """One job."""
        if number >= len(self.shown):
            told = self.problem or "no job under way, and none of the last day"
            return Text(f" {plain(told)}", self.style_of("muted"))
        scene, text = self._scene, Text(no_wrap=True, end="")
        columns = columns_for(self.size.width, self.shown, scene)
        for piece, style in line_of(self.shown[number], columns, scene):
            text.append(piece, self._styled(style))
        return text

    def _styled(self, name: str) -> Style:
        if name in STATE_COLOURS:
            return self.get_component_rich_style(f"job--{name}", partial=True)
        return self.style_of(name) if name in ("muted", "value") else Style.null()
