"""Drafts that are kept: the present one, named ones, and those that another one displaced."""

from __future__ import annotations

from tui.configure.draft_state import Draft
from tui.remembered import Remembered

PRESENT = "configure.draft"
_NAMED = "configure.draft/"
_LEFT = "configure.left"

MOST_LEFT = 8
"""Drafts without a name that are kept after another took their place."""


class Drafts:
    """The drafts of one output root.

    Parameters
    ----------
    remembered
        Where they are kept; whoever changes them has it written.
    """

    def __init__(self, remembered: Remembered) -> None:
        self._remembered = remembered

    @property
    def present(self) -> Draft:
        """The draft that was written last."""
        return Draft.from_record(self._remembered.record(PRESENT))

    def keep(self, draft: Draft) -> None:
        """Keep the present draft."""
        self._remembered.keep(PRESENT, draft.as_record())

    @property
    def named(self) -> dict[str, Draft]:
        """Name to draft, in the order of the alphabet."""
        names = sorted(self._remembered.names(_NAMED))
        records = {name.removeprefix(_NAMED): self._remembered.record(name) for name in names}
        return {name: Draft.from_record(record) for name, record in records.items() if record}

    def save(self, draft: Draft) -> None:
        """Keep a draft under its name."""
        self._remembered.keep(f"{_NAMED}{draft.name}", draft.as_record())

    def delete(self, name: str) -> None:
        """Forget the draft of a name."""
        self._remembered.keep(f"{_NAMED}{name}", None)

    @property
    def left(self) -> list[Draft]:
        """Drafts without a name that others took the place of, the newest first."""
        return [Draft.from_record(one) for one in self._remembered.records(_LEFT)]

    def leave(self, draft: Draft) -> None:
        """Keep a draft that another takes the place of, unless it is kept by its name."""
        kept = self.named.get(draft.name)
        if draft.is_empty or draft.started or (kept and kept.overrides == draft.overrides):
            return
        others = [one for one in self.left if one.overrides != draft.overrides]
        records = [one.as_record() for one in [draft, *others][:MOST_LEFT]]
        self._remembered.keep(_LEFT, records)

    def drop_left(self, number: int) -> None:
        """Forget one of those that were left."""
        left = self.left
        del left[number : number + 1]
        self._remembered.keep(_LEFT, [one.as_record() for one in left])
