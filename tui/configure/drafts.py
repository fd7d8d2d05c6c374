"""Drafts that are kept: the present one of each window, named ones, and those that were left."""

from __future__ import annotations

import contextlib
import threading
import time
from pathlib import Path

from engine.errors import FactsError
from tui.configure.draft_files import DraftFiles, Kept, is_named, new_place, place_of
from tui.configure.draft_state import Draft, History

MOST_LEFT = 8
"""Drafts without a name that are kept after another took their place."""

STEPS = 20
"""Steps that are kept with a draft, to be undone another time."""


class Drafts:
    """The drafts of one output root, as one window sees them.

    All is told at once and written by `save`, which may run in a thread. A window writes its
    present draft to a file of its own; one that another takes the place of stays where it is.

    Parameters
    ----------
    folder
        Where they are kept; None where nothing can be.
    """

    def __init__(self, folder: Path | None) -> None:
        self._files = DraftFiles(folder)
        self._lock, self._saving = threading.Lock(), threading.Lock()
        self._all: dict[str, Kept] = self._files.read()
        self._unsaved: dict[str, Kept | None] = {}
        self._has_failed = False
        self._history: History | None = None
        self._place = self._last_if_free() or new_place()

    @property
    def problems(self) -> list[str]:
        """What is to be told about the files; whoever tells it takes it out."""
        return self._files.problems

    # The draft of this window.

    def _last_if_free(self) -> str:
        """Where the draft lies that was written last, unless another window is at it."""
        last = self._last()
        with contextlib.suppress(FactsError):
            return last if last and self._files.hold(last) else ""
        return ""

    def _last(self) -> str:
        every = self._all
        nameless = [place for place in every if not is_named(place)]
        return max(nameless, key=lambda place: every[place].at, default="")

    @property
    def history(self) -> History:
        """The present draft with its steps: that of this window, or else what was written last."""
        if self._history is None:
            last = self._last()
            kept = self._all.get(last, Kept(Draft()))
            if last != self._place:
                self._place = new_place()
            self._history = History(kept.draft, kept.before)
        return self._history

    def keep(self) -> None:
        """Keep the present draft as it is now."""
        kept, known = self._now(), self._all.get(self._place, Kept(Draft()))
        same = (known.draft, known.before) == (kept.draft, kept.before)
        if not same or known.draft.started != kept.draft.started:
            self._put(self._place, kept)

    def _now(self) -> Kept:
        return Kept(self.history.present, self.history.last(STEPS), time.time())

    def leave(self) -> bool:
        """Let another draft take the place of the present one; whether that is kept without a name.

        It is not if there is nothing to lose, or it was started, or is kept by its name.
        """
        draft = self.history.present
        if not self._is_worth(draft):
            return False
        self.keep()
        same = [place for place, one in self._others().items() if one == draft]
        self._place, left = new_place(), self._place
        others = [place for place in self._others() if place not in (left, *same)]
        kept = {left, *others[: MOST_LEFT - 1]}
        for place in self._all:
            if not is_named(place) and place not in kept:
                self._put(place, None)
        return True

    def put_aside(self, draft: Draft) -> None:
        """Keep a draft among those that were left."""
        if draft in self.left.values():
            return
        self._put(new_place(), Kept(draft, (), time.time()))
        self._put(self._place, self._now())  # which stays the last one

    def _is_worth(self, draft: Draft) -> bool:
        is_named_so = bool(draft.name) and self.named.get(draft.name) == draft
        return not (draft.is_empty or draft.started or is_named_so)

    # The others.

    @property
    def named(self) -> dict[str, Draft]:
        """Name to draft, in the order of the alphabet."""
        found = [kept.draft for place, kept in self._all.items() if is_named(place)]
        return {one.name: one for one in sorted(found, key=lambda one: one.name) if one.name}

    def save_as(self, draft: Draft) -> None:
        """Keep a draft under its name."""
        self._put(place_of(draft.name), Kept(draft, (), time.time()))

    @property
    def left(self) -> dict[str, Draft]:
        """Drafts without a name by their places, the newest first; not the present one."""
        present = self.history.present
        return {place: one for place, one in self._others().items() if one != present}

    def _others(self) -> dict[str, Draft]:
        every = self._all
        nameless = [place for place in every if not is_named(place) and place != self._place]
        nameless.sort(key=lambda place: every[place].at, reverse=True)
        found = {place: every[place].draft for place in nameless}
        return {place: one for place, one in found.items() if self._is_worth(one)}

    def delete(self, place: str) -> None:
        """Forget the draft at a place."""
        self._put(place, None)

    # What is written.

    def _put(self, place: str, kept: Kept | None) -> None:
        with self._lock:
            self._unsaved[place] = kept
            self._all = _with(self._all, {place: kept})

    def look(self) -> None:
        """See what other windows have written. This reads files."""
        with self._saving:
            found = self._files.read()
            with self._lock:
                self._all = _with(found, self._unsaved)

    def save(self) -> None:
        """Write what has changed; what cannot be written now is tried again the next time."""
        with self._saving:
            with self._lock:
                unsaved = dict(self._unsaved)
            for place, kept in unsaved.items():
                try:
                    self._write(place, kept)
                except FactsError as error:
                    self._tell_once(error)
                    continue
                with self._lock:
                    if self._unsaved[place] is kept:
                        del self._unsaved[place]
            self._files.let_go_but(self._place)

    def _tell_once(self, error: FactsError) -> None:
        if not self._has_failed:
            self.problems.append(f"the draft is not kept: {error.in_a_line}")
        self._has_failed = True

    def _write(self, place: str, kept: Kept | None) -> None:
        if kept is None:
            self._files.remove(place)
        elif is_named(place) or self._files.hold(place):
            self._files.write(place, kept)
        else:
            self._files.write(new_place(), kept)  # another window goes on with what lies there

    def close(self) -> None:
        """Write all, and let other windows go on with it."""
        self.save()
        self._files.let_go_but("")


def _with(all_kept: dict[str, Kept], changed: dict[str, Kept | None]) -> dict[str, Kept]:
    """With what has changed; None is a draft that is gone."""
    merged = {**all_kept, **changed}
    return {place: kept for place, kept in merged.items() if kept is not None}
