"""What the tests of HTCondor share: a real pool of this machine, started by the first that asks."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from engine.facts import machine

SCRIPT = Path(__file__).resolve().parents[2] / "hpc" / "pool"
CANNOT = 3
"""Exit code of the script where this machine cannot have a pool."""
START_S = 300
"""Programs are fetched the first time."""
_EXPORT = re.compile(r"export (\w+)='?(.*?)'?$", re.MULTILINE)


@dataclass
class Pool:
    """A pool that runs."""

    folder: Path
    settings: dict[str, str]
    """What a client needs in its environment, less the path to the programs."""
    programs: Path
    """The folder with `condor_submit` and its like."""

    def process(self, name: str) -> int:
        """The process id of one of its daemons, `schedd` for example."""
        master = int((self.folder / "master.pid").read_text())
        for entry in Path("/proc").iterdir():
            fields = machine.stat_fields(int(entry.name)) if entry.name.isdecimal() else []
            is_child = len(fields) > 1 and int(fields[1]) == master
            if is_child and (entry / "comm").read_text().strip() == f"condor_{name}"[:15]:
                return int(entry.name)
        raise AssertionError(f"the pool has no {name}")

    def _account(self) -> list[str]:
        """What root runs HTCondor's programs with, as the pool does, so that they see its files."""
        if os.getuid():
            return []
        user, group = self.settings["CONDOR_IDS"].split(".")
        return ["unshare", "-U", f"--map-user={user}", f"--map-group={group}"]

    @staticmethod
    def parent_of(pid: int) -> int:
        """The process that started another one, such as the starter of a job."""
        return int(machine.stat_fields(pid)[1])

    @contextlib.contextmanager
    def frozen(self, name: str) -> Iterator[None]:
        """A daemon that does not answer, though it is there."""
        pid = self.process(name)
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    def call(self, program: str, *words: str, timeout: float = 60) -> str:
        """What a program of HTCondor prints."""
        command = [*self._account(), str(self.programs / program), *words]
        environment = os.environ | self.settings
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, check=True, timeout=timeout
        ).stdout


@pytest.fixture(scope="session")
def running_pool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pool]:
    """The pool of this test process."""
    folder = tmp_path_factory.mktemp("pool")
    command = [str(SCRIPT), "up", str(folder)]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=START_S)
    if answer.returncode == CANNOT:
        pytest.skip(answer.stderr.strip().splitlines()[-1])
    assert answer.returncode == 0, answer.stderr
    settings = dict(_EXPORT.findall(answer.stdout))
    programs = Path(settings.pop("PATH").split("'")[0])
    try:
        yield Pool(folder, settings, programs)
    finally:
        subprocess.run([str(SCRIPT), "down", str(folder)], check=True, timeout=60)


@pytest.fixture
def pool(running_pool: Pool, monkeypatch: pytest.MonkeyPatch) -> Pool:
    """A pool that this process, and its children, talk to."""
    for name, value in running_pool.settings.items():
        monkeypatch.setenv(name, value)
    return running_pool
