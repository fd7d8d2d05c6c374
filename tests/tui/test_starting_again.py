"""Past runs that are started again by a key."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import ConfigError
from engine.facts import RunDir
from engine.launch.record import read_job
from engine.library.index import summarise
from tests.engine.launching import TINY, Jobs, jobs
from tests.tui.conftest import AppAt, run, text_of, wait_for
from tui import starts
from tui.screens.run import RunPage

__all__ = ["jobs"]  # a fixture


def test_a_run_is_trained_again_with_the_next_seed_and_is_seen_at_once(
    jobs: Jobs, app_at: AppAt
) -> None:
    first = jobs.submit(*TINY, "phase1.trainer.seed=5", "phase1/latent_space=linear")
    jobs.ended(first)
    root = Path("outputs").absolute()

    async def test() -> None:
        async with app_at(root) as pilot:
            await wait_for(pilot, lambda: len(pilot.app.order) == 1)  # type: ignore[attr-defined]
            await pilot.press("r")
            await wait_for(pilot, lambda: "again with seed 6?" in text_of(pilot.app))
            await pilot.press("y")
            await wait_for(pilot, lambda: isinstance(pilot.app.screen, RunPage), 30)
            page = pilot.app.screen
            assert isinstance(page, RunPage)
            again = read_job(RunDir(Path(page.path)).launch)
            assert again is not None
            jobs.ended(jobs.watch(again))
            assert again.parent == first.name

    run(test())
    (second,) = (path for path in (root / "runs").iterdir() if path.name != first.name)
    before, after = summarise(first.directory), summarise(second)
    assert (before.state, after.state) == ("finished", "finished")
    assert after.seed == 6
    differing = {key for key in before.config if before.config[key] != after.config.get(key)}
    assert differing == {"phase1.trainer.seed"}


def test_a_run_that_was_killed_goes_on_by_a_key(jobs: Jobs, app_at: AppAt) -> None:
    first = jobs.submit(*TINY, "phase1.trainer.epochs=100000", "logging.progress_every_s=0.05")
    root = Path("outputs").absolute()
    log = RunDir(first.directory).log

    async def test() -> None:
        async with app_at(root) as pilot:
            await wait_for(pilot, lambda: RunDir(first.directory).last.exists(), 60)
            jobs.end()
            app = pilot.app
            await wait_for(pilot, lambda: [one.state for one in app.runs] == ["lost"], 30)  # type: ignore[attr-defined]
            await pilot.press("enter")
            await wait_for(pilot, lambda: isinstance(app.screen, RunPage))
            await pilot.press("R")
            await wait_for(pilot, lambda: "go on with" in text_of(app))
            await pilot.press("y")
            await wait_for(pilot, lambda: "going on after" in log.read_text(), 60)
            again = read_job(RunDir(first.directory).launch)
            assert again is not None
            assert (again.kind, again.process()) == ("resume", "alive")
            jobs.watch(again)

    run(test())


def test_what_cannot_go_on_is_said() -> None:
    from engine.library.summary import RunSummary

    finished = RunSummary(path="/r/one", name="one", state="finished", config={})
    assert "has finished" in starts.cannot_resume(finished)
    with pytest.raises(ConfigError, match="seed"):
        starts.next_seed(finished, [])


def test_the_next_seed_is_one_that_no_equal_run_has_had() -> None:
    from engine.library.summary import RunSummary

    def trained(seed: int, lr: float) -> RunSummary:
        config = {"phase1.trainer.seed": seed, "phase1.trainer.lr": lr}
        return RunSummary(path=f"/r/{seed}", name=f"{seed}", seed=seed, config=config)

    runs = [trained(1, 0.1), trained(4, 0.1), trained(9, 0.2)]
    assert starts.next_seed(runs[0], runs) == 5
    assert starts.next_seed(runs[2], runs) == 10
