"""Small questions on top of a screen: a text, a yes or no, a choice. Esc is no answer."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Footer, Input, OptionList, SelectionList, Static
from textual.widgets.option_list import Option
from textual.widgets.selection_list import Selection

from engine.facts.text import plain
from tui.widgets.prompt import Prompt

_FRAME = """
{name} {{
    align: center middle;
    background: $background 60%;
}}
{name} > Vertical, {name} > VerticalScroll {{
    width: 70;
    max-width: 95%;
    height: auto;
    max-height: 90%;
    padding: 1 2;
    background: $panel;
}}
{name} .title {{
    text-style: bold;
}}
{name} .hint {{
    color: $text-muted;
}}
{name} .problem {{
    color: $text-error;
}}
{name} Input, {name} OptionList, {name} SelectionList {{
    border: none;
    padding: 0 1;
    margin: 1 0;
    max-height: 16;
    background: $surface;
}}
{name} Input {{
    height: 1;
}}
{name} Input:focus, {name} OptionList:focus, {name} SelectionList:focus {{
    border: none;
}}
"""


class TextDialog(ModalScreen[str | None]):
    """Asks for one line of text.

    Parameters
    ----------
    title
        The question.
    value
        What stands there to begin with: of several lines one is made, unless it is left as it is.
    hint
        What may be typed.
    problem
        Why what stands there cannot be.
    check
        Says what is wrong with a text, while it is typed; nothing is answered as long as it does.
    is_replaced
        Whether the first key replaces what stands there.
    """

    DEFAULT_CSS = _FRAME.format(name="TextDialog")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "OK", show=True),
        Binding("escape", "dismiss_none", "Cancel"),
    ]

    def __init__(
        self,
        title: str,
        value: str = "",
        hint: str = "",
        problem: str = "",
        check: Callable[[str], str] | None = None,
        *,
        is_replaced: bool = False,
    ) -> None:
        super().__init__()
        self._is_replaced = is_replaced
        self._title, self._value, self._hint = title, value, hint
        self._problem, self._check = problem, check
        self._line = plain(value)

    def compose(self) -> ComposeResult:
        """Title, line, what is wrong with it, hint."""
        with Vertical():
            yield Static(plain(self._title), classes="title", markup=False)
            yield Prompt(self._line, {"escape": self.action_dismiss_none})
            if self._problem or self._check:
                problem = plain(self._problem, keep_lines=True)
                yield Static(problem, classes="problem", markup=False)
            if self._hint:
                yield Static(self._hint, classes="hint", markup=False)
        yield Footer()

    def on_mount(self) -> None:
        """Have the first key replace what stands there."""
        if self._is_replaced:
            self.query_one(Input).action_select_all()

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        if self._check is not None:
            self.query_one(".problem", Static).update(plain(self._check(event.value)))

    @on(Input.Submitted)
    def _answer(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_submit()

    def action_submit(self) -> None:
        """Answer with what stands there, unless something is wrong with it."""
        typed = self.query_one(Input).value
        if self._check is not None and self._check(typed):
            return
        self.dismiss(self._value if typed == self._line else typed)

    def action_dismiss_none(self) -> None:
        """Give no answer."""
        self.dismiss(None)


class ConfirmDialog(ModalScreen[bool]):
    """Asks whether to do something; only `y` does it.

    Parameters
    ----------
    question
        What is to be done.
    details
        What it means.
    """

    DEFAULT_CSS = _FRAME.format(name="ConfirmDialog")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "Yes"),
        Binding("n,escape", "answer(False)", "No", key_display="n"),
    ]

    def __init__(self, question: str, details: str = "") -> None:
        super().__init__()
        self._question, self._details = question, details

    def compose(self) -> ComposeResult:
        """Question, details, keys."""
        with Vertical():
            yield Static(plain(self._question), classes="title", markup=False)
            if self._details:
                yield Static(plain(self._details), classes="hint", markup=False)
            yield Static("y yes   n no", classes="hint", markup=False)
        yield Footer()

    def action_answer(self, answer: bool) -> None:
        """Give the answer."""
        self.dismiss(answer)


class TellDialog(ModalScreen[None]):
    """Tells something that one has asked for.

    Parameters
    ----------
    title
        What it is about.
    text
        What is told.
    """

    DEFAULT_CSS = _FRAME.format(name="TellDialog")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter,q", "close", "Close", key_display="esc"),
    ]

    def __init__(self, title: str, text: str) -> None:
        super().__init__()
        self._title, self._text = title, text

    def compose(self) -> ComposeResult:
        """Title, text, keys."""
        with VerticalScroll():
            yield Static(plain(self._title), classes="title", markup=False)
            yield Static(plain(self._text, keep_lines=True), markup=False)
        yield Footer()

    def action_close(self) -> None:
        """Have read it."""
        self.dismiss(None)


class ChoiceDialog(ModalScreen[str | None]):
    """Asks for one of several things.

    Parameters
    ----------
    title
        The question.
    options
        What is answered, and what is shown for it.
    selected
        The option to begin at.
    """

    DEFAULT_CSS = _FRAME.format(name="ChoiceDialog")
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss_none", "Cancel")]

    def __init__(self, title: str, options: Sequence[tuple[str, str]], selected: str = "") -> None:
        super().__init__()
        self._title, self._options, self._selected = title, options, selected

    def compose(self) -> ComposeResult:
        """Title and list."""
        with Vertical():
            yield Static(plain(self._title), classes="title", markup=False)
            yield OptionList(*(Option(Content(plain(label))) for _, label in self._options))
        yield Footer()

    def on_mount(self) -> None:
        """Begin at the selected option."""
        answers = [answer for answer, _ in self._options]
        chosen = answers.index(self._selected) if self._selected in answers else 0
        self.query_one(OptionList).highlighted = chosen if answers else None

    @on(OptionList.OptionSelected)
    def _answer(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.dismiss(self._options[event.option_index][0])

    def action_dismiss_none(self) -> None:
        """Give no answer."""
        self.dismiss(None)


class SeveralDialog(ModalScreen[list[str] | None]):
    """Asks for any number of several things: space takes one or leaves it, Enter is done.

    Parameters
    ----------
    title, options
        As in `ChoiceDialog`.
    selected
        What is taken to begin with.
    """

    DEFAULT_CSS = _FRAME.format(name="SeveralDialog")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "Done", priority=True),
        Binding("escape", "dismiss_none", "Cancel"),
    ]

    def __init__(
        self, title: str, options: Sequence[tuple[str, str]], selected: Collection[str] = ()
    ) -> None:
        super().__init__()
        self._title, self._options, self._selected = title, options, selected

    def compose(self) -> ComposeResult:
        """Title and list."""
        with Vertical():
            yield Static(plain(self._title), classes="title", markup=False)
            yield SelectionList(
                *(
                    Selection(Content(plain(label)), number, answer in self._selected)
                    for number, (answer, label) in enumerate(self._options)
                )
            )
            yield Static("space takes or leaves one, Enter is done", classes="hint", markup=False)
        yield Footer()

    def action_submit(self) -> None:
        """Answer with what is taken, in the order of the list."""
        taken = set(self.query_one(SelectionList).selected)
        self.dismiss([answer for n, (answer, _) in enumerate(self._options) if n in taken])

    def action_dismiss_none(self) -> None:
        """Give no answer."""
        self.dismiss(None)
