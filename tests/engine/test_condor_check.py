"""What is said before a submission of what may go wrong on a node."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.cli import main
from engine.launch.condor.check import (
    LEAST_FREE,
    Mount,
    findings,
    mount_of,
    read_mounts,
    too_full,
    too_little,
    too_short,
    unshared,
)
from engine.launch.resources import Resources

MOUNTS = """\
/dev/sda1 / ext4 rw 0 0
server:/data /data nfs4 rw 0 0
tmpfs /scratch tmpfs rw 0 0
server:/x /with\\040blank nfs rw 0 0
torn
"""


def test_the_file_system_of_a_path_is_the_one_mounted_nearest() -> None:
    mounts = read_mounts(MOUNTS)
    assert mounts[-1] == Mount("/with blank", "nfs")
    kinds = [getattr(mount_of(path, mounts), "kind", None) for path in ("/data/a", "/dat", "/data")]
    assert kinds == ["nfs4", "ext4", "nfs4"]
    assert mount_of("/x", []) is None


def test_what_lies_where_only_this_machine_looks_is_told_by_folder() -> None:
    places = {"a": "/tmp/x", "b": "/scratch/y", "c": "/data/tmp", "d": "/tmp", "e": "/tmpx"}
    assert unshared(places, read_mounts(MOUNTS)) == [
        "/tmp is this machine's own, and other nodes do not see what lies there: a, d",
        "/scratch is this machine's own, and other nodes do not see what lies there: b",
    ]


def test_a_category_has_to_be_long_enough_for_the_estimate() -> None:
    express = Resources(category="express")
    assert too_short(express, 7200) == (
        "launcher.category=express: it takes about 2 h, and has 10 min;"
        " launcher.category=short gives it 4 h"
    )
    assert too_short(Resources(category="long"), 1e6).endswith("it takes about 12 d, and has 4 d")
    assert [too_short(express, 500), too_short(express, None), too_short(Resources(), 1e9)] == [
        ""
    ] * 3


def test_a_disk_that_is_nearly_full_is_told() -> None:
    assert too_full("/data", LEAST_FREE - 1) == "/data: 255 MB are free, and checkpoints need more"
    assert too_full("/data", LEAST_FREE) == too_full("/data", None) == ""


def test_memory_that_no_training_has_enough_of_is_told() -> None:
    (told,) = findings({}, Path("/"), Resources(memory="4mb"))
    assert told.startswith("launcher.memory=4mb: the smallest training takes 200 MB and more, ")
    assert too_little(Resources(memory="200MB")) == ""


def test_links_are_followed_to_where_things_lie(own_folder: Path) -> None:
    (own_folder / "link").symlink_to("/dev/shm")
    (told,) = (t for t in findings({"x": own_folder / "link"}, Path("/"), Resources()) if "x" in t)
    assert told.startswith("/dev/shm is this machine's own")


def test_a_check_says_what_a_job_asks_for(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["loop=test_mlp", "phase1.trainer.epochs=1000000", "launcher.category=express"]
    assert main(["check", "launcher=htcondor", "data.limit_samples=64", *words]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "launcher.category=express: it takes about" in told
    assert "each job asks for CPUs 1, memory 4 GB, disk 2 GB, category express" in told
