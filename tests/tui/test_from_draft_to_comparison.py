"""The whole way by keys: a draft, a mistake, a check, trainings, a comparison, a stop, a resume."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.events import Paste
from textual.pilot import Pilot

from engine.facts import RunDir
from engine.launch.record import read_job
from tests.engine.launching import Jobs, jobs
from tests.tui.conftest import AppAt, run, text_of, wait_for
from tui.screens.compare import ComparePage
from tui.screens.configure import ConfigurePage
from tui.screens.run import RunPage

__all__ = ["jobs"]  # a fixture

SHORT = "loop=test_mlp device=cpu logging.make_plots=false"
LONG = "phase1.trainer.epochs=100000 logging.progress_every_s=0.05 phase1.trainer.seed=3"


async def typed(pilot: Pilot[int], overrides: str) -> None:
    """Put overrides behind those of the draft, as from the clipboard."""
    await pilot.press("e", "end")
    pilot.app.post_message(Paste(overrides))
    await wait_for(pilot, lambda: overrides in text_of(pilot.app))
    await pilot.press("enter")
    page = pilot.app.screen
    assert isinstance(page, ConfigurePage)
    await wait_for(pilot, lambda: page.is_settled)


async def configured(pilot: Pilot[int], key: str) -> ConfigurePage:
    """The screen on which a training is configured, once all is composed."""
    await pilot.press(key)
    await wait_for(pilot, lambda: isinstance(pilot.app.screen, ConfigurePage))
    page = pilot.app.screen
    assert isinstance(page, ConfigurePage)
    await wait_for(pilot, lambda: page.is_settled)
    return page


async def launched(pilot: Pilot[int], jobs: Jobs) -> Path:
    """Check and launch the draft; the directory of its run, which is seen."""
    await pilot.press("L")
    await wait_for(pilot, lambda: "start this training?" in text_of(pilot.app), 60)
    await pilot.press("y")
    await wait_for(pilot, lambda: isinstance(pilot.app.screen, RunPage), 30)
    page = pilot.app.screen
    assert isinstance(page, RunPage)
    job = read_job(RunDir(Path(page.path)).launch)
    assert job is not None
    jobs.watch(job)
    return Path(page.path)


def state_on(pilot: Pilot[int]) -> str | None:
    """The state of the run that is seen."""
    page = pilot.app.screen
    return page.summary.state if isinstance(page, RunPage) and page.summary else None


@pytest.mark.slow
def test_from_a_draft_to_a_comparison_and_on(jobs: Jobs, app_at: AppAt) -> None:
    root = Path("outputs").absolute()
    root.mkdir()

    async def test() -> None:
        async with app_at(root, (140, 40)) as pilot:
            page = await configured(pilot, "N")
            await typed(pilot, f"{SHORT} phase1.trainer.epochs=0")
            assert "epochs=0: must be a whole number at least 1" in text_of(pilot.app)
            await pilot.press("exclamation_mark", "enter", "ctrl+u", "2", "enter")
            await wait_for(pilot, lambda: page.is_settled and not page.problems())
            await pilot.press("P")
            await wait_for(pilot, lambda: "this can be trained" in text_of(pilot.app), 60)
            first = await launched(pilot, jobs)
            await wait_for(pilot, lambda: state_on(pilot) == "finished", 60)
            assert "2/2 epochs" in text_of(pilot.app)

            await configured(pilot, "e")
            await typed(pilot, " phase1.trainer.lr=0.01")
            second = await launched(pilot, jobs)
            parent = read_job(RunDir(second).launch)
            assert parent is not None
            assert parent.parent == first.name
            await wait_for(pilot, lambda: state_on(pilot) == "finished", 60)

            await pilot.press("escape", "a", "c")
            await wait_for(pilot, lambda: isinstance(pilot.app.screen, ComparePage))
            await wait_for(pilot, lambda: "0.01" in text_of(pilot.app))
            await pilot.press("2")
            await wait_for(pilot, lambda: "phase1.trainer.lr" in text_of(pilot.app))
            await pilot.press("escape", "x")

            await configured(pilot, "e")
            await typed(pilot, f" {LONG}")
            third = await launched(pilot, jobs)
            await wait_for(pilot, lambda: state_on(pilot) == "running", 60)
            await wait_for(pilot, lambda: RunDir(third).last.exists(), 60)
            await pilot.press("X")
            await wait_for(pilot, lambda: "y yes" in text_of(pilot.app))
            await pilot.press("y")
            await wait_for(pilot, lambda: state_on(pilot) == "stopped", 60)
            await pilot.press("R")
            await wait_for(pilot, lambda: "go on with" in text_of(pilot.app))
            await pilot.press("y")
            log = RunDir(third).log
            await wait_for(pilot, lambda: "going on after" in log.read_text(), 60)
            again = read_job(RunDir(third).launch)
            assert again is not None
            jobs.watch(again)

    run(test())
