"""What the tests of HTCondor share: a real pool of this machine, started by the first that asks."""

from __future__ import annotations

import contextlib
import os
import shlex
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
SOMEBODY = "somebody@elsewhere"
GUESTS = {
    "_CONDOR_SEC_DEFAULT_AUTHENTICATION_METHODS": "FS, IDTOKENS",
    "_CONDOR_ALLOW_READ": f"$(ALLOW_DAEMON), {SOMEBODY}",
    "_CONDOR_ALLOW_WRITE": f"$(ALLOW_DAEMON), {SOMEBODY}",
}
"""Has a pool know another user too, by a token that it signs; only who reads its files has one."""


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

    @contextlib.contextmanager
    def as_somebody_else(self) -> Iterator[None]:
        """Be another user of the pool, who may submit jobs as well."""
        tokens = self.folder / "tokens"
        tokens.mkdir(mode=0o700)
        (tokens / "token").write_text(self.call("condor_token_create", "-identity", SOMEBODY))
        (tokens / "token").chmod(0o600)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("_CONDOR_SEC_CLIENT_AUTHENTICATION_METHODS", "IDTOKENS")
            for place in ("TOKEN_DIRECTORY", "TOKEN_SYSTEM_DIRECTORY"):
                patch.setenv(f"_CONDOR_SEC_{place}", str(tokens))
            yield

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
        command = [str(self.programs / program), *words]
        environment = os.environ | self.settings
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, check=True, timeout=timeout
        ).stdout


@pytest.fixture(scope="session")
def running_pool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pool]:
    """The pool of this test process."""
    folder = tmp_path_factory.mktemp("pool") / "it's one"
    command = [str(SCRIPT), "up", str(folder)]
    answer = subprocess.run(
        command, env=os.environ | GUESTS, capture_output=True, text=True, timeout=START_S
    )
    if answer.returncode == CANNOT:
        pytest.skip(answer.stderr.strip().splitlines()[-1])
    assert answer.returncode == 0, answer.stderr
    exports = [shlex.split(line)[1] for line in answer.stdout.splitlines()]
    settings = dict(export.split("=", 1) for export in exports)
    programs = Path(settings.pop("PATH").removesuffix(":$PATH"))
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
