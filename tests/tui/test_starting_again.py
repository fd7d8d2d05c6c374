"""Past runs that are started again by a key."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf
from textual.notifications import Notification

from engine.config.compose import compose
from engine.errors import ConfigError
from engine.facts import RunDir
from engine.launch.job import HTCONDOR, JobSpec
from engine.launch.record import read_job
from engine.library.index import summarise
from engine.library.summary import RunSummary
from tests.bench.tree import make_run
from tests.engine.launching import TINY, Jobs, jobs
from tests.tui.conftest import AppAt, lines_of, run, text_of, wait_for
from tui import starts
from tui.app import ThesisApp
from tui.configure import preflight
from tui.screens import starting_again
from tui.screens.configure import ConfigurePage
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


def is_why_not(message: Notification) -> bool:
    return message.message.startswith("HTCondor has no job of it")


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
            await wait_for(pilot, lambda: "R Resume" in lines_of(app)[-1])
            assert "X Stop" not in lines_of(app)[-1]
            await pilot.press("Q")
            await wait_for(pilot, lambda: any(map(is_why_not, app._notifications)))
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
    finished = RunSummary(path="/r/one", name="one", state="finished", config={})
    assert "has finished" in starts.cannot_resume(finished)
    with pytest.raises(ConfigError, match="no config"):
        starts.next_seed(finished, [])
    with pytest.raises(ConfigError, match=r"has no phase1\.trainer\.seed"):
        starts.next_seed(replace(finished, config={"loop": "mine"}), [])
    with pytest.raises(ConfigError, match="has not begun yet: try again in a moment"):
        starts.next_seed(replace(finished, state="running"), [])


def test_the_next_seed_is_one_that_no_equal_run_has_had() -> None:
    def trained(seed: int, lr: float) -> RunSummary:
        config = {"phase1.trainer.seed": seed, "phase1.trainer.lr": lr}
        return RunSummary(path=f"/r/{seed}", name=f"{seed}", seed=seed, config=config)

    runs = [trained(1, 0.1), trained(4, 0.1), trained(9, 0.2)]
    assert starts.next_seed(runs[0], runs) == 5
    assert starts.next_seed(runs[2], runs) == 10


@pytest.fixture
def submitted(monkeypatch: pytest.MonkeyPatch) -> list[JobSpec]:
    """What would have been started."""
    specs: list[JobSpec] = []

    def launch(spec: JobSpec) -> Path:
        specs.append(spec)
        return spec.directory

    monkeypatch.setattr(starts, "launch", launch)
    return specs


def a_run(root: Path, *typed: str, **written: object) -> RunSummary:
    """A lost run with a whole config."""
    path = make_run(root / "runs" / "run_20250106-093000_ae", seed=7)
    config = OmegaConf.to_container(compose(typed))
    (path / ".hydra" / "config.yaml").write_text(OmegaConf.to_yaml({**config, **written}))  # type: ignore[dict-item]
    (path / ".hydra" / "overrides.yaml").write_text(OmegaConf.to_yaml(list(typed)))
    return summarise(path)


THEIRS = {"x": {"_target_": "theirs.Encoder"}}


def test_a_run_of_an_untrusted_config_is_not_gone_on_with_and_stays_as_it_is(
    tmp_path: Path, submitted: list[JobSpec]
) -> None:
    one = a_run(tmp_path, **THEIRS)
    with pytest.raises(ConfigError, match=r"theirs\.Encoder"):
        starts.resume(one, ())
    assert not submitted
    starts.resume(a_run(tmp_path / "ours"), ("mine",))
    assert [(spec.resume, spec.trust) for spec in submitted] == [(True, ("mine",))]


def test_one_run_of_an_experiment_is_trained_again_alone_under_its_name(
    tmp_path: Path, submitted: list[JobSpec]
) -> None:
    one = a_run(tmp_path, "phase1/experiment=compare_latent_spaces", "phase1/latent_space=vq")
    starts.train_again(one, 8, tmp_path, [], ())
    (spec,) = submitted
    assert spec.directory.name.endswith("_compare_latent_spaces")
    assert "phase1/experiment" not in " ".join(spec.overrides)
    assert {"phase1/latent_space=vq", "phase1.trainer.seed=8"} <= {*spec.overrides}


def test_a_run_of_htcondor_goes_there_again_and_asks_for_the_same(
    tmp_path: Path, submitted: list[JobSpec]
) -> None:
    typed = ("launcher=htcondor", "launcher.memory=3GB")
    path = Path(a_run(tmp_path, *typed).path)
    chosen = {"hydra": {"runtime": {"choices": {"launcher": "htcondor"}}}}
    (path / ".hydra" / "hydra.yaml").write_text(OmegaConf.to_yaml(chosen))
    asked = {"memory": "5GB", "cpus": 2}  # as it was changed in the queue
    record = {"id": "a" * 32, "target": HTCONDOR, "state": "ended", "resources": asked}
    (path / "launch.json").write_text(json.dumps(record))
    one = summarise(path)
    starts.resume(one, ())
    starts.train_again(one, 8, tmp_path, [], ())
    again, another = submitted
    assert (again.target, again.resources) == (HTCONDOR, asked)
    assert (another.target, another.resources["memory"]) == (HTCONDOR, "3GB")
    assert starting_again.place_of(one) == "on HTCondor as before"


@pytest.mark.parametrize("written", [THEIRS, {"x": "${oc.env:NOT_THERE}"}, {"x": "${nope:1}"}])
def test_what_cannot_be_drafted_is_told_where_one_is_and_the_app_goes_on(
    app_at: AppAt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: dict[str, object]
) -> None:
    root, told = tmp_path / "out", []
    a_run(root, **written)
    monkeypatch.setattr(ThesisApp, "notify", lambda _, text, **__: told.append(text))

    async def test() -> None:
        async with app_at(root) as pilot:
            app: Any = pilot.app
            await wait_for(pilot, lambda: app.screen.table.row)
            before = app.screen
            await pilot.press("e")
            await wait_for(pilot, lambda: [text for text in told if "run_2025" in text])
            assert app.screen is before
            assert f"{next(iter(written))}" in told[-1]
            await pilot.press("N")
            await wait_for(pilot, lambda: isinstance(app.screen, ConfigurePage))
            assert app.screen.draft.is_empty

    run(test())


def test_the_draft_of_a_run_is_checked_as_one_of_somebody_else(
    app_at: AppAt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_run(tmp_path / "out")
    asked: list[Any] = []

    async def check(*_: object, trusted: object, **__: object) -> preflight.Report:
        asked.append(trusted)
        return preflight.Report(ok=True)

    monkeypatch.setattr(preflight, "check", check)

    async def test() -> None:
        async with app_at(tmp_path / "out", trusted=("mine",)) as pilot:
            app: Any = pilot.app
            await wait_for(pilot, lambda: app.screen.table.row)
            await pilot.press("e")
            await wait_for(pilot, lambda: isinstance(app.screen, ConfigurePage))
            await wait_for(pilot, lambda: app.screen.draft.parent)
            await pilot.press("P")
            await wait_for(pilot, lambda: asked)
            await pilot.press("N")
            await wait_for(pilot, lambda: not app.screen.draft.parent)
            await pilot.press("P")
            await wait_for(pilot, lambda: len(asked) == 2)

    run(test())
    assert asked == [("mine",), None]


def test_a_check_is_told_whom_to_trust(tmp_path: Path) -> None:
    script = tmp_path / "check.py"
    script.write_text("import json, sys\nprint(json.dumps({'problems': sys.argv[1:]}))\n")
    command = (sys.executable, "-S", str(script))

    def words(trusted: tuple[str, ...] | None) -> list[str]:
        report = asyncio.run(preflight.check(["a=1"], trusted=trusted, command=command))
        return [problem.text for problem in report.problems]

    assert words(("one", "two")) == ["--untrusted", "--trust", "one", "--trust", "two", "a=1"]
    assert words(()) == ["--untrusted", "a=1"]
    assert words(None) == ["a=1"]
