"""The pool that `make pool` starts, and that the tests of HTCondor stand on."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.engine.condor_pool import CANNOT, SCRIPT, Pool
from tests.engine.launching import wait_until


def script(*words: str | Path, **places: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [SCRIPT, *words], env=os.environ | places, capture_output=True, text=True, timeout=60
    )


def test_the_pool_answers_and_is_not_started_twice(pool: Pool) -> None:
    assert "@" in pool.call("condor_status", "-af", "Name")
    master = (pool.folder / "master.pid").read_text()
    assert script("up", pool.folder).returncode == 0
    assert (pool.folder / "master.pid").read_text() == master


def test_who_shows_no_proof_of_being_the_owner_is_refused(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert stat.S_IMODE(pool.folder.stat().st_mode) == 0o700
    for method in ("CLAIMTOBE", "ANONYMOUS"):
        monkeypatch.setenv("_CONDOR_SEC_CLIENT_AUTHENTICATION_METHODS", method)
        for program in ("condor_q", "condor_status", "../sbin/condor_reconfig"):
            with pytest.raises(subprocess.CalledProcessError) as refused:
                pool.call(program)
            assert "uthenticat" in refused.value.stderr, program


@pytest.fixture
def folder(own_folder: Path) -> Path:
    return own_folder / "pool"


@pytest.fixture(params=["bash", "condor_master"])
def stranger(folder: Path, request: pytest.FixtureRequest) -> Iterator[subprocess.Popen[bytes]]:
    """A process of another kind, or place, which has got the number of the pool's."""
    words = [request.param, "-c", "read", "/elsewhere/master.pid"]
    process = subprocess.Popen(words, executable="/bin/bash", stdin=subprocess.PIPE)
    folder.mkdir(mode=0o700)
    (folder / "master.pid").write_text(f"{process.pid}\n")
    yield process
    process.kill()
    process.communicate()


def test_no_process_is_ended_but_the_pools_own(
    folder: Path, stranger: subprocess.Popen[bytes]
) -> None:
    answer = script("down", folder)
    assert (answer.returncode, answer.stderr) == (0, f"no pool runs in {folder}\n")
    assert stranger.poll() is None


@pytest.mark.parametrize("name", ["it's", "a b", "`touch run`", '";touch run;"', "*"])
def test_a_shell_gets_the_place_as_it_is_and_runs_nothing_of_it(folder: Path, name: str) -> None:
    place = folder / name
    place.mkdir(parents=True, mode=0o700)
    settings = script("env", place, THESIS_CONDOR_PROGRAMS=str(folder / name)).stdout
    told = subprocess.run(
        ["bash", "-c", 'eval "$1"; printf "%s\\n" "$CONDOR_CONFIG" "${PATH%%:*}"', "-", settings],
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.splitlines() == [f"{place}/condor_config", f"{place}/bin"]
    assert not Path("run").exists()


@pytest.mark.parametrize("name", ["$HOME", "$(touch run)", "a\nb", "a\\", "a\tb"])
def test_a_place_that_htcondor_would_read_as_another_is_refused(folder: Path, name: str) -> None:
    answer = script("up", folder / name)
    assert answer.returncode == 1
    assert answer.stderr.startswith("HTCondor cannot have its files in ")
    assert not list(folder.parent.iterdir())


def linked(folder: Path) -> None:
    (folder.parent / "mine").mkdir(mode=0o700)
    folder.symlink_to("mine")


def opened(folder: Path) -> None:
    folder.mkdir()
    folder.chmod(0o770)


def foreign(folder: Path) -> None:
    folder.mkdir(mode=0o700)
    if os.getuid():
        pytest.skip("only root gives folders away")
    os.chown(folder, 65534, 65534)


@pytest.mark.parametrize("taken", [linked, opened, foreign])
@pytest.mark.parametrize("action", ["up", "env", "down"])
def test_a_folder_that_somebody_else_may_have_filled_is_refused(
    folder: Path, taken: Callable[[Path], None], action: str
) -> None:
    taken(folder)
    answer = script(action, folder)
    assert answer.returncode == 1
    assert answer.stderr.startswith(f"{folder} is not yours alone")
    assert not list(folder.iterdir())


@pytest.mark.slow
def test_a_pool_that_was_down_has_no_jobs(folder: Path, pool: Pool) -> None:
    assert script("up", folder).returncode == 0
    own = Pool(folder, {"CONDOR_CONFIG": f"{folder}/condor_config"}, pool.programs)
    try:
        Path("job.sub").write_text("executable = /bin/true\nrequest_memory = 900 GB\nqueue 2\n")
        own.call("condor_submit", "job.sub")
        answer = script("down", folder)
        assert answer.stderr == f"the pool in {folder} is down; its queue is empty\n"
        assert script("up", folder).returncode == 0
        assert own.call("condor_q", "-af", "ClusterId").strip() == ""
    finally:
        script("down", folder)


def text_of(place: Path) -> str:
    """The text of a file about a process; none of one that is gone."""
    try:
        return place.read_text()
    except OSError:
        return ""


@pytest.mark.slow
def test_a_scheduler_that_does_not_answer_is_ended_with_its_pool(folder: Path, pool: Pool) -> None:
    assert script("up", folder).returncode == 0
    parent = f"PPid:\t{(folder / 'master.pid').read_text().strip()}\n"
    places = [one.parent for one in Path("/proc").glob("[0-9]*/status") if parent in text_of(one)]
    (schedd,) = [one for one in places if text_of(one / "comm") == "condor_schedd\n"]
    os.kill(int(schedd.name), signal.SIGSTOP)
    assert "its jobs could not be removed" in script("down", folder).stderr
    wait_until(lambda: not any(text_of(one / "cmdline") for one in places))


def test_a_machine_that_cannot_have_a_pool_is_told_why(own_folder: Path) -> None:
    tools = own_folder / "tools"
    tools.mkdir()
    for name in ("bash", "dirname", "flock", "id", "mkdir", "realpath", "stat", "uname"):
        (tools / name).symlink_to(shutil.which(name) or name)
    places = {"PATH": str(tools), "THESIS_CONDOR_PROGRAMS": str(own_folder / "programs")}
    answer = script("up", own_folder / "pool", **places)
    assert answer.returncode == CANNOT
    assert answer.stderr == (
        "no HTCondor pool here: its programs are taken from Debian's packages, "
        "and this is no Debian\n"
    )
