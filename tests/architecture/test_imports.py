"""Who may import whom: the contracts, and what a process really has loaded."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bench.tree import make_tree
from tests.tui.configured import make_past_run

ROOT = Path(__file__).resolve().parents[2]
HEAVY = {
    *("torch", "torch_geometric", "numpy", "pandas", "matplotlib", "h5py"),
    *("hydra", "omegaconf", "rich", "textual"),
}

# What may be loaded, besides the standard library, once the module on the left is imported.
ALLOWED = {
    "engine": set(),
    "engine.errors": set(),
    "engine.utils": set(),
    "engine.utils.seed": set(),
    "engine.monitoring.orchestrator": set(),
    "engine.config.compose": {"hydra", "omegaconf"},
    "engine.config.command": {"hydra", "omegaconf"},
    "engine.architectures.autoencoder.losses.reconstruction": {"torch", "numpy"},
    "engine.architectures.autoencoder.base": {"torch", "numpy", "hydra", "omegaconf"},
    "engine.architectures.autoencoder.encoders.gnn": {"torch", "numpy"},
    "engine.data.h5_loader": {"torch", "numpy", "h5py"},
    "engine.monitoring.families.recon": {"matplotlib", "numpy"},
    "engine.evaluation.ranking": {"numpy"},
    "engine.evaluation.evaluate": {"torch", "numpy"},
    "engine.training_loops.session": {"torch", "numpy"},
    "engine.training_loops.autoencoder": {"torch", "numpy", "hydra", "omegaconf"},
    "tui": set(),
    "tui.app": {"textual", "rich"},
    "tui.screens.runs": {"textual", "rich"},
    "tui.screens.configure": {"textual", "rich"},
}


LIGHT = tuple(
    f"engine/{name}" for name in ("facts", "library", "tables", "launch", "cli", "report")
)
"""Folders whose modules load nothing but the standard library when they are imported."""


LOADED = """
import os, sys
first, *modules = sys.argv[1:]
__import__(first)
for module in modules:
    if os.fork() == 0:
        __import__(module)
        print(module, *sys.modules, flush=True)
        os._exit(0)
    os.wait()
"""


def loaded_after(first: str, modules: list[str]) -> dict[str, set[str]]:
    """Of each module what a process has loaded that imports it, and `first` before."""
    answer = subprocess.run(
        [sys.executable, "-c", LOADED, first, *modules], capture_output=True, text=True, check=True
    )
    lines = [line.split() for line in answer.stdout.splitlines()]
    return {module: set(loaded) for module, *loaded in lines}


@pytest.mark.parametrize("first", ["os", "torch"])
def test_importing_a_module_loads_nothing_that_it_may_not_use(first: str) -> None:
    modules = [module for module in ALLOWED if ("torch" in ALLOWED[module]) == (first == "torch")]
    loaded = loaded_after(first, modules)
    assert set(loaded) == set(modules), "each can be imported"
    too_much = {module: loaded[module] & HEAVY - ALLOWED[module] for module in modules}
    assert {module: names for module, names in too_much.items() if names} == {}


def test_what_looks_at_runs_loads_nothing_but_the_standard_library() -> None:
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in sources(*LIGHT)]
    modules = [name.removesuffix(".__init__") for name in names]
    code = f"import sys, {', '.join(modules)}; print(*sys.modules)"
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert set(answer.stdout.split()) & HEAVY == set()


LOOK = """
import asyncio, sys
from pathlib import Path
from tui.app import Settings, ThesisApp

async def look(root):
    app = ThesisApp(Settings(Path(root), read_only=True, cache=Path("cache"), state=Path("state")))
    async with app.run_test(size=(120, 40)) as pilot:
        async def settled(page):
            while type(app.screen).__name__ != page or not app.is_settled:
                await pilot.pause(0.01)
        await settled("RunsPage")
        app.open_run(app.runs[0].path)
        await settled("RunPage")
        await pilot.press(*"23456")
        await pilot.press("escape")
        await settled("RunsPage")
        app.compare([run.path for run in app.runs])
        await settled("ComparePage")
        await pilot.press(*"234")
        await settled("ComparePage")
        print(len(app.runs), *sys.modules)

asyncio.run(look(sys.argv[1]))
"""
"""Opens the app out of sight on a root, one run, all its tabs, and a comparison."""


def test_looking_at_runs_and_comparing_them_loads_nothing_to_train_or_plot_with(
    own_folder: Path,
) -> None:
    make_tree(own_folder / "outputs", 2, epochs=2)
    command = [sys.executable, "-c", LOOK, "outputs"]
    answer = subprocess.run(command, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    n_runs, *loaded = answer.stdout.split()
    assert n_runs == "2"
    assert set(loaded) & HEAVY == {"textual", "rich", "numpy"}


CONFIGURE = """
import asyncio, sys
from pathlib import Path
from tui.app import Settings, ThesisApp
from tui.configure import opening

opening.WARM_S = 600

async def configure(root):
    app = ThesisApp(Settings(Path(root), cache=Path("cache"), state=Path("state")))
    async with app.run_test(size=(120, 40)) as pilot:
        while not app.is_settled:
            await pilot.pause(0.01)
        before = set(sys.modules)
        await pilot.press("e")
        while type(app.screen).__name__ != "ConfigurePage" or not app.screen.draft.parent:
            await pilot.pause(0.01)
        app.screen.set_overrides(("phase1.trainer.lr=0.1,0.2",))
        while not app.is_settled:
            await pilot.pause(0.01)
        print("hydra" in before, len(app.screen.points_list.points), *sys.modules)

asyncio.run(configure(sys.argv[1]))
"""
"""Opens the config of a run as a draft, and makes a sweep of it."""


def test_configuring_loads_hydra_when_it_is_opened_and_nothing_to_train_with(
    own_folder: Path,
) -> None:
    make_past_run(own_folder / "outputs")
    command = [sys.executable, "-c", CONFIGURE, "outputs"]
    answer = subprocess.run(command, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    early, n_points, *loaded = answer.stdout.split()
    assert (early, n_points) == ("False", "2")
    assert set(loaded) & HEAVY == {"textual", "rich", "hydra", "omegaconf"}


def test_the_import_contracts_hold() -> None:
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stdout
    assert "0 broken" in answer.stdout


def sources(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def imported(path: Path) -> set[str]:
    """Top-level names of the packages that a file imports, anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.split(".")[0])
    return names


HTCONDOR = {"htcondor2", "classad2"}
"""The modules of the package `htcondor`."""


def test_only_the_helper_process_imports_the_bindings_of_htcondor() -> None:
    users = [path.name for path in sources("engine", "tui") if imported(path) & HTCONDOR]
    assert users == ["helper.py"]


def test_every_package_that_is_imported_is_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = {
        re.split(r"[ >=<;\[]", line)[0].replace("-", "_") for line in project["dependencies"]
    }
    declared |= {
        {"hydra_core": "hydra", "pyyaml": "yaml", "pillow": "PIL"}.get(name, name)
        for name in declared
    }
    declared |= HTCONDOR if "htcondor" in declared else set()
    used = set().union(*map(imported, sources("engine", "tui")))
    assert used - sys.stdlib_module_names - {"engine", "tui"} <= declared


def test_every_dependency_is_pinned_as_tested() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pinned = {line.split("==")[0].lower() for line in lines if "==" in line}
    assert {re.split(r"[ >=<;\[]", line)[0].lower() for line in wanted} <= pinned
    assert "torch==2.13.0" in lines


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_functions_and_files_are_short() -> None:
    paths = sources("engine", "tui")
    assert [path for path in paths if len(path.read_text().splitlines()) > 300] == []
    long = {
        (path, function.name)
        for path in paths
        for function in functions(path)
        if function.end_lineno and function.end_lineno - function.lineno >= 60
    }
    # Long for its signature and docstring: a line or two for each field of the schema.
    assert {(path, name) for path, name in long if name != "build_event_payload"} == set()


def is_check(node: ast.AST) -> bool:
    """A call of pytest.raises, or of a helper whose name says that it asserts."""
    if not isinstance(node, ast.Call):
        return False
    name = getattr(node.func, "attr", getattr(node.func, "id", ""))
    return name.startswith(("raises", "check_", "assert_"))


def test_every_test_asserts_something() -> None:
    silent = [
        (path, function.name)
        for path in sources("tests")
        for function in functions(path)
        if function.name.startswith("test_")
        and not any(isinstance(node, ast.Assert) or is_check(node) for node in ast.walk(function))
    ]
    assert silent == []
