"""What the parts of a comparison share: they draw a scene, and know how to write it to a file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from textual.containers import Vertical
from textual.widget import Widget

from tui.compare.comparison import Comparison
from tui.compare.export_dialog import Makers
from tui.compare.exporting import diff_command
from tui.look import LIGHT_PALETTE

if TYPE_CHECKING:
    from tui.app import ThesisApp


@dataclass(frozen=True)
class Scene:
    """What is compared, and how it is looked at."""

    comparison: Comparison = field(default_factory=Comparison)
    hidden: frozenset[str] = frozenset()
    """Paths of the entries that are not in a picture."""
    picked: str | None = None
    """Path of the one that is highlighted."""

    @property
    def seen(self) -> Comparison:
        """The entries that are not hidden."""
        entries = tuple(one for one in self.comparison.entries if one.path not in self.hidden)
        return Comparison(entries, self.comparison.by, self.comparison.seeds)


class Pane(Vertical):
    """One part."""

    DEFAULT_CSS = "Pane { width: 1fr; height: 1fr; }"
    STEM = "comparison"
    """How a file of it is called."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.scene = Scene()

    @property
    def thesis(self) -> ThesisApp:
        """The app."""
        return cast("ThesisApp", self.app)

    @property
    def main(self) -> Widget:
        """What has the focus when this is opened."""
        return next(iter(self.query("*:can-focus")), self)

    def reason(self, scene: Scene) -> str:
        """Why there is nothing to show; empty if there is something."""
        return ""

    def draw(self, scene: Scene) -> None:
        """Show something else, or the same with news."""
        self.scene = scene

    def makers(self) -> Makers:
        """What can be written to a file; it is made in a thread, so of plain values only."""
        raise NotImplementedError

    def command(self) -> str:
        """The command that shows the same."""
        runs = [run for entry in self.scene.seen.entries for run in entry.runs]
        return diff_command(runs, self.thesis.root)

    def screen_colours(self) -> dict[str, str]:
        """The colours of the screen, and those that are the same on white ground."""
        return dict(zip(self.thesis.palette, LIGHT_PALETTE, strict=True))
