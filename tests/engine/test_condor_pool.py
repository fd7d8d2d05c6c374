"""The pool that `make pool` starts, and that the tests of HTCondor stand on."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from tests.engine.condor_pool import CANNOT, SCRIPT, Pool


def test_the_pool_answers_and_is_not_started_twice(pool: Pool) -> None:
    assert "@" in pool.call("condor_status", "-af", "Name")
    master = (pool.folder / "master.pid").read_text()
    subprocess.run([SCRIPT, "up", pool.folder], check=True, capture_output=True, timeout=60)
    assert (pool.folder / "master.pid").read_text() == master


def test_a_machine_that_cannot_have_a_pool_is_told_why(own_folder: Path) -> None:
    tools = own_folder / "tools"
    tools.mkdir()
    for name in ("bash", "dirname", "flock", "id", "mkdir", "realpath", "uname"):
        (tools / name).symlink_to(shutil.which(name) or name)
    places = {"PATH": str(tools), "THESIS_CONDOR_PROGRAMS": str(own_folder / "programs")}
    answer = subprocess.run(
        [SCRIPT, "up", own_folder / "pool"],
        env=os.environ | places,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert answer.returncode == CANNOT
    assert answer.stderr == (
        "no HTCondor pool here: its programs are taken from Debian's packages, "
        "and this is no Debian\n"
    )
