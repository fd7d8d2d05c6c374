"""The wheel, installed somewhere else, trains from an empty folder."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from engine.facts import read_events

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    run("-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-w", str(folder), str(ROOT))
    (path,) = folder.glob("thesis_ml-*.whl")
    return path


def run(*words: str, python: str = sys.executable, cwd: Path | None = None) -> str:
    """Run Python outside the checkout; what it printed."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "THESIS"))}
    answer = subprocess.run(
        [python, *words], cwd=cwd, env=clean, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return answer.stdout


def new_environment(folder: Path) -> str:
    """An environment without packages; its Python."""
    venv.create(folder, with_pip=True)
    return str(folder / "bin" / "python")


def check_that_it_trains(python: str, folder: Path) -> None:
    folder.mkdir()
    place = run("-c", "import engine; print(engine.__file__)", python=python, cwd=folder)
    assert str(ROOT) not in place
    words = ["phase1.trainer.epochs=2", "data.limit_samples=256", "device=cpu"]
    run(str(Path(python).with_name("thesis-train")), *words, python=python, cwd=folder)
    (made,) = (folder / "outputs" / "runs").iterdir()
    assert len(read_events(made).of("on_epoch_end")) == 2
    assert (made / "figures").is_dir()


def test_the_wheel_carries_configs_hpc_and_the_sample(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for name in (
        "engine/configs/config.yaml",
        "engine/configs/phase1/latent_space/vq.yaml",
        "engine/hpc/README.md",
        "engine/data/samples/tops_20k.h5",
        "tui/__init__.py",
        "tui/app.tcss",
    ):
        assert name in names
    assert not [name for name in names if name.startswith(("tests/", "docs/"))]


@pytest.mark.slow
def test_the_wheel_trains_from_an_empty_folder(wheel: Path, tmp_path: Path) -> None:
    """In an environment that borrows the dependencies of this one, but not the checkout."""
    python = new_environment(tmp_path / "venv")
    run("-m", "pip", "install", "--no-deps", "--no-index", str(wheel), python=python)
    packages = run("-c", "import sysconfig; print(sysconfig.get_path('purelib'))", python=python)
    # Folders named in a .pth file are searched, but .pth files within them (our editable install
    # is one) are not read.
    borrowed = Path(packages.strip()) / "borrowed.pth"
    borrowed.write_text(sysconfig.get_path("purelib") + "\n")
    check_that_it_trains(python, tmp_path / "empty")


@pytest.mark.slow
def test_the_wheel_installs_with_all_it_needs(wheel: Path, tmp_path: Path) -> None:
    python = new_environment(tmp_path / "venv")
    constraints = str(ROOT / "constraints.txt")
    run("-m", "pip", "install", "-c", constraints, str(wheel), python=python)
    check_that_it_trains(python, tmp_path / "empty")
