"""The thread that composes: forms of drafts, their points, and drafts of past runs.

Only it loads Hydra, and only it uses the maker of forms. It works on the newest draft and tells
what it found in small messages; a sweep is checked point by point, so that a newer draft never
waits behind an older one.
"""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING

from engine.config import draft
from engine.errors import ConfigError
from tui.configure.messages import Cloned, Composed, FormMade, PointsChecked, PointsMade, Wanted
from tui.feeds import LEAST_WAIT_S, Feed, Post
from tui.watch import RESTS_S

if TYPE_CHECKING:
    from engine.config.form import Form, FormMaker

TELL_EVERY_S = 0.15
"""Between two tellings of points that are being checked."""

MENDED_EVERY_S = 1.0
"""Between two looks at whether a config file, with which nothing composes, is mended."""


class ComposeFeed(Feed):
    """Makes forms until it is stopped.

    Parameters
    ----------
    config_dirs
        Further folders with config groups.
    trusted
        Packages whose classes the config of a past run may name.
    post
        Takes messages to the screen.
    """

    def __init__(
        self, config_dirs: Sequence[Path], post: Post, trusted: Sequence[str] = ()
    ) -> None:
        super().__init__("compose", post)
        self._dirs, self._trusted = tuple(config_dirs), tuple(trusted)
        self._maker: FormMaker | None = None
        self._wanted: Wanted | None = None
        self._done: Wanted | None = None
        self._run = ""
        self._places: deque[tuple[Future[Path], tuple[str, ...], bool]] = deque()
        self._parent: tuple[str, dict[str, str]] = ("", {})
        self._chosen: tuple[str, dict[str, str]] = ("", {})
        self._default: tuple[object, dict[str, str]] = (None, {})
        self._broken: object = None

    @property
    def is_idle(self) -> bool:
        """Whether all that was asked for is told."""
        return self._done is self._wanted and not self._run and not self._places

    def tell(self, post: Post) -> None:
        """Tell somebody else from now on; what was asked for earlier is forgotten."""
        self._post, self._wanted, self._done, self._run = post, None, None, ""

    def want(self, wanted: Wanted) -> None:
        """Make the form of this draft, before anything that was asked for earlier."""
        self._wanted = wanted
        self.hurry()

    def clone(self, path: str) -> None:
        """Make a draft of the run at a path."""
        self._run = path
        self.hurry()

    def place(self, overrides: Sequence[str], *, sweep: bool) -> Future[Path]:
        """The directory that a run or a sweep would take now.

        It raises a `ConfigError` where there is none.
        """
        asked: Future[Path] = Future()
        self._places.append((asked, tuple(overrides), sweep))
        self.hurry()
        return asked

    def look(self) -> float:
        """Do what is asked for; the seconds until the next time."""
        from engine.config.compose import COMPOSE_ERRORS
        from engine.config.form import FormMaker

        if self._maker is None:
            self._maker = FormMaker(self._dirs)
            with contextlib.suppress(*COMPOSE_ERRORS):  # told with the first form
                self._maker.composer.base()  # which takes longest, and is wanted whatever comes
        if self._run:
            path = self._run
            self._post(self._cloned(path, self._maker))
            self._run = "" if self._run == path else self._run
        self._answer_places(self._maker)
        wanted = self._wanted
        is_new = wanted is not self._done or self._is_changed(self._maker)
        if wanted is not None and is_new and self._make(wanted, self._maker):
            self._done = wanted
        if not self.is_idle:
            return 0.0
        return RESTS_S if self._broken is None else MENDED_EVERY_S

    def _is_changed(self, maker: FormMaker) -> bool:
        """Whether a config file has changed since nothing composed."""
        return self._broken is not None and self._broken is not maker.composer.files()

    def _is_old(self, wanted: Wanted) -> bool:
        return wanted is not self._wanted or self._over

    def _make(self, wanted: Wanted, maker: FormMaker) -> bool:
        """Tell all about a draft; False if there is a newer one."""
        overrides = wanted.overrides
        dropped: tuple[str, ...] = ()
        if wanted.before is not None:
            from engine.config.fitting import missing

            dropped = missing(maker.composer, wanted.before, overrides)
            overrides = tuple(text for text in overrides if text not in dropped)
        files, form = maker.composer.files(), maker.form(overrides)
        self._broken = files if form.config is None else None
        default = self._default_of(maker)
        parent = self._parent_of(wanted.parent)
        options = self._options_beside(form, wanted.parent)
        composed = Composed(texts_of(form), default, parent, options)
        self._post(FormMade(wanted, form, composed, dropped))
        return not self._is_old(wanted) and self._tell_points(
            wanted, overrides, form.problems, maker
        )

    def _default_of(self, maker: FormMaker) -> dict[str, str]:
        """The config without overrides; made again when a file has changed, as its base is."""
        from engine.config.compose import COMPOSE_ERRORS

        try:
            base = maker.composer.base()
        except COMPOSE_ERRORS:
            return self._default[1]  # as it was before the file was broken
        if self._default[0] is not base:
            self._default = base, texts_of(maker.form(()))
        return self._default[1]

    def _tell_points(
        self,
        wanted: Wanted,
        overrides: Sequence[str],
        problems: Sequence[str],
        maker: FormMaker,
    ) -> bool:
        """Tell the points and what is wrong with each; False if there is a newer draft.

        Parameters
        ----------
        problems
            What the form tells already, which is why there may be no points.
        """
        from engine.config.compose import COMPOSE_ERRORS
        from engine.config.points import asks_for_sweep, check, points

        if not (draft.is_sweep(overrides) or asks_for_sweep(maker.composer, overrides)):
            self._post(PointsMade(wanted.number, ()))
            return True
        try:
            found = points(maker.composer, overrides)
        except COMPOSE_ERRORS as error:
            told = " ".join(str(error).split("\n\n")[0].split())
            self._post(PointsMade(wanted.number, (), problems[0] if problems else told))
            return True
        self._post(PointsMade(wanted.number, found))
        said: dict[int, str] = {}
        told_at = time.monotonic()
        for point, problems in check(maker.composer, found):
            said[point.number] = "; ".join(problems)
            if self._is_old(wanted):
                return False
            self._answer_places(maker)
            if time.monotonic() - told_at > TELL_EVERY_S:
                self._post(PointsChecked(wanted.number, said))
                said, told_at = {}, time.monotonic()
            time.sleep(LEAST_WAIT_S)  # so that keys are not kept waiting
        self._post(PointsChecked(wanted.number, said))
        return True

    def _answer_places(self, maker: FormMaker) -> None:
        """Say where trainings would go."""
        while self._places:
            _answer(maker, *self._places.popleft())

    def _parent_of(self, path: str) -> dict[str, str]:
        """The config of the parent; empty where it cannot be read."""
        if path != self._parent[0]:
            self._parent = path, self._read_parent(path) if path else {}
        return self._parent[1]

    def _read_parent(self, path: str) -> dict[str, str]:
        from engine.config.clone import plain_values
        from engine.config.compose import COMPOSE_ERRORS
        from engine.config.saved import load_saved

        try:
            saved = load_saved(Path(path) / ".hydra" / "config.yaml")
            return {key: draft.text_of(value) for key, value in plain_values(saved).items()}
        except (ConfigError, *COMPOSE_ERRORS):
            return {}

    def _options_beside(self, form: Form, path: str) -> dict[str, tuple[str, str, str]]:
        """The options of the default, of the parent and of a form, where the parent tells them."""
        if path != self._chosen[0]:
            self._chosen = path, _options_of(Path(path)) if path else {}
        known = self._chosen[1]
        return {
            one.name: (one.default or "-", known[one.name], one.chosen or "-")
            for one in form.groups
            if one.name in known
        }

    def _cloned(self, path: str, maker: FormMaker) -> Cloned:
        from engine.config.clone import draft_of

        try:
            overrides = draft_of(maker.composer, Path(path), self._trusted)
        except ConfigError as error:
            return Cloned(path, (), error.in_a_line)
        return Cloned(path, overrides)


def _answer(maker: FormMaker, asked: Future[Path], overrides: tuple[str, ...], sweep: bool) -> None:
    """Say where a training would go."""
    from engine.config.compose import COMPOSE_ERRORS
    from engine.config.directories import wanted_directory

    if not asked.set_running_or_notify_cancel():
        return
    try:
        asked.set_result(wanted_directory(maker.composer, overrides, sweep=sweep))
    except ConfigError as error:
        asked.set_exception(error)
    except COMPOSE_ERRORS as error:
        asked.set_exception(ConfigError(" ".join(str(error).split("\n\n")[0].split())))


def _options_of(run: Path) -> dict[str, str]:
    """The option that a run has of each group; none where its files do not tell."""
    from engine.config.saved import chosen_options

    return chosen_options(run / ".hydra" / "hydra.yaml")


def texts_of(form: Form) -> dict[str, str]:
    """Every value of a form as text, with what it refers to filled in."""
    return {
        one.key: one.text if one.value is None else draft.text_of(one.value) for one in form.entries
    }
