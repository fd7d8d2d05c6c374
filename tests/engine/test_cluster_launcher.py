"""`hydra/launcher=htcondor` without a cluster: what its jobs train, and what a sweeper gets."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper
from omegaconf import OmegaConf

from engine.cli.train import DISPATCH, main
from engine.config.cluster_launcher import ClusterPoint, ClusterSweep, Trained
from engine.config.command import run_command
from engine.config.compose import compose
from engine.config.problems import find_problems
from engine.errors import ConfigError, TrainingError

CLUSTER = "hydra/launcher=htcondor"
EXPERIMENT = """\
# @package _global_
defaults:
  - override /hydra: experiment
  - override /hydra/launcher: htcondor
hydra:
  mode: MULTIRUN
  job: {name: rates}
  sweeper:
    params:
      phase1.trainer.lr: 0.1,0.2,0.3
"""


class Recorder:
    """A task whose jobs give the learning rate, or fail with one above 1."""

    def __init__(self) -> None:
        self.sweeps: list[ClusterSweep] = []
        self.points: list[ClusterPoint] = []

    def __call__(self, cfg: Any) -> None:
        raise AssertionError("nothing is trained here")

    def train_on_cluster(
        self, sweep: ClusterSweep, points: Sequence[ClusterPoint]
    ) -> list[Trained]:
        self.sweeps.append(sweep)
        self.points += points
        return [self._trained(point) for point in points]

    def _trained(self, point: ClusterPoint) -> Trained:
        rate = point.config.phase1.trainer.lr
        failure = TrainingError(f"{rate} is too much") if rate > 1 else None
        return Trained(point.directory, None if failure else rate, failure)


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


def sweep(recorder: Recorder, *words: str) -> None:
    run_command("thesis-train", words, recorder, list(DISPATCH))


HERE = Path("here")
STRANGE = ("hydra.job.name=x y", "+note={a: 'b c', d: \"it's ${loop}\"}", "phase1/latent_space=vq")


@pytest.mark.parametrize(
    ("words", "numbers"),
    [
        (["-m", CLUSTER, "launcher.memory=4GB,8GB", *STRANGE], [0, 1]),
        (["-m", CLUSTER, "phase1.trainer.seed=1,2", "hydra.sweeper.leave_out=[0]"], [0]),
        (["-cd", str(HERE), "phase1/experiment=rates", "hydra.sweeper.leave_out=[1]"], [0, 1]),
    ],
)
def test_a_job_composes_the_config_of_its_point(
    recorder: Recorder, words: list[str], numbers: list[int]
) -> None:
    folder = HERE / "phase1" / "experiment"
    folder.mkdir(parents=True)
    (folder / "rates.yaml").write_text(EXPERIMENT)
    sweep(recorder, *words)
    assert [point.number for point in recorder.points] == numbers
    for point, told in zip(recorder.points, recorder.sweeps * 3, strict=False):
        composed = compose(point.overrides, config_dirs=told.config_dirs, with_hydra=True)
        assert composed.hydra.mode.name == "RUN"
        assert composed.hydra.job.num == point.number
        del composed.hydra
        assert OmegaConf.to_container(composed) == OmegaConf.to_container(point.config)
        assert point.config.launcher.target == "htcondor"
        assert point.directory.parent == Path("outputs/runs").absolute()
        time = told.directory.name.removeprefix("exp_")
        assert point.directory.name == f"run_{time}_job{point.number}"


def test_a_sweep_is_gone_on_with_in_its_directory(recorder: Recorder) -> None:
    place = "outputs/multiruns/exp_20261101-140600_ae"
    sweep(recorder, "-m", CLUSTER, f"hydra.sweep.dir={place}")
    names = [point.directory.name for point in recorder.points]
    assert names == ["run_20261101-140600_ae_job0"]


def test_a_failure_ends_no_batch_that_follows_and_is_raised_at_the_end(
    recorder: Recorder,
) -> None:
    words = ["phase1.trainer.lr=2,0.1", "hydra.sweeper.max_batch_size=1"]
    with pytest.raises(TrainingError, match="2 is too much"):
        sweep(recorder, "-m", CLUSTER, *words)
    assert [point.number for point in recorder.points] == [0, 1]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["launcher=local"], "launcher.target=local: hydra/launcher=htcondor sends to HTCondor"),
        (["launcher.memroy=4GB"], "launcher.memroy"),
    ],
)
def test_a_sweep_that_no_cluster_takes_is_refused(
    recorder: Recorder, words: list[str], told: str
) -> None:
    with pytest.raises(ConfigError, match=told):
        sweep(recorder, "-m", CLUSTER, "phase1.trainer.seed=1,2", *words)
    assert recorder.points == []


class Halving(Sweeper):
    """Halves the learning rate for as long as that gives a better number."""

    __module__ = "hydra_plugins.halving"

    def setup(self, *, hydra_context: Any, task_function: Any, config: Any) -> None:
        self.config = config
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> list[float]:
        rate, values = 0.8, []
        for number in range(3):
            words = [*arguments, f"phase1.trainer.lr={rate}"]
            (told,) = self.launcher.launch([words], initial_job_idx=number)
            values.append(told.return_value)
            rate = values[-1] / 2
        self.values.append(values)
        return values

    values: ClassVar[list[list[float]]] = []


@pytest.fixture
def halving(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setitem(sys.modules, Halving.__module__, sys.modules[__name__])
    node = {"_target_": "hydra_plugins.halving.Halving"}
    ConfigStore.instance().store(group="hydra/sweeper", name="halving", node=node)
    Plugins.instance().register(Halving)
    Halving.values.clear()
    yield "hydra/sweeper=halving"
    ConfigStore.instance().repo["hydra"]["sweeper"].pop("halving.yaml")


def test_a_sweeper_chooses_the_next_point_by_the_numbers_of_the_jobs(
    recorder: Recorder, halving: str
) -> None:
    sweep(recorder, "-m", CLUSTER, halving, "phase1.trainer.epochs=1")
    assert Halving.values == [[0.8, 0.4, 0.2]]
    assert [point.number for point in recorder.points] == [0, 1, 2]


BEST_LOOP = """\
from engine.facts import append_jsonl_event, build_event_payload

def tell(moment, **more):
    append_jsonl_event(".", build_event_payload(moment, ".", **more))

def train(cfg):
    tell("on_start", cfg=cfg)
    for epoch, loss in enumerate((3.0, cfg.phase1.trainer.lr, 2.0)):
        tell("on_epoch_end", epoch=epoch, split="val", val_loss=loss)
    tell("on_train_end")
"""


def test_a_run_on_this_machine_gives_a_sweeper_the_same_number(
    own_folder: Path, halving: str
) -> None:
    (own_folder / "best_loop.py").write_text(BEST_LOOP)
    assert main(["-m", halving, "loop=best_loop:train", "logging.make_plots=false"]) == 0
    assert Halving.values == [[0.8, 0.4, 0.2]]


def test_an_interval_is_for_a_sweeper_that_takes_one(halving: str) -> None:
    interval = "phase1.trainer.lr=interval(0, 1)"
    assert find_problems([interval])[0].endswith("write them with commas, or a range()")
    assert find_problems(["hydra/sweeper=points", interval])
    assert find_problems([halving, interval]) == []


def test_help_loads_nothing_of_the_cluster() -> None:
    code = (
        "import sys; from engine.cli.train import main; main(['--help']);"
        "print([name for name in sys.modules if name.startswith('engine.launch.condor')])"
    )
    command = [sys.executable, "-c", code]
    told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    assert told.splitlines()[-1] == "[]"
