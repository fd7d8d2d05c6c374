"""From a problem to the field where it is put right."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType

from tui.configure.check_list import CheckList
from tui.configure.form_list import FormList
from tui.configure.launching import Launching
from tui.configure.override_line import OverrideLine
from tui.configure.rows import key_in
from tui.configure.told_lines import ProblemLines


class Jumping(Launching):
    """A page on which one goes from problem to problem."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("exclamation_mark", "next_problem", "Next problem", key_display="!"),
    ]

    def __init__(self, run: str = "") -> None:
        super().__init__(run)
        self.problem_at = -1
        """The problem that was gone to last; -1 for none."""

    def show_form_part(self) -> None:
        """The form is wanted."""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """There is a next problem while there are any."""
        if action == "next_problem":
            return bool(self.form and self.problems())
        return super().check_action(action, parameters)

    def action_next_problem(self) -> None:
        """Go to the field of the next problem."""
        problems = self.problems()
        if problems:
            self._jump_to((self.problem_at + 1) % len(problems))

    @on(ProblemLines.Clicked)
    def _problem_clicked(self, message: ProblemLines.Clicked) -> None:
        self._jump_to(message.number)

    def _jump_to(self, number: int) -> None:
        self.problem_at = number
        problem = self.problems()[number]
        self._jump(problem.key or key_in(problem.text))
        self.show_report()

    @on(CheckList.Jumped)
    def _jump_asked(self, message: CheckList.Jumped) -> None:
        self._jump(message.key)

    def _jump(self, key: str) -> None:
        """Go to a field; where there is none, to the override that is wrong."""
        if self.query_one(FormList).go_to_key(key):
            self.show_form_part()
        else:
            self.query_one(OverrideLine).open(key)
