"""Jobs on this machine: what starts, where, and what the record says of it."""

from __future__ import annotations

import io
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

import engine.cli.train
from engine.cli import main as command
from engine.cli.launched import Placement
from engine.config.command import directory_override
from engine.config.compose import compose, dotted_loops, register_loops
from engine.errors import ConfigError, FactsError, LaunchError
from engine.facts import RunDir, append_jsonl_event, build_event_payload, read_events
from engine.launch.job import JobSpec
from engine.launch.local import message, submit
from engine.launch.record import amend_record, command_text, new_entries, read_job, write_record
from engine.launch.start import begin, read_spec
from engine.library.index import Index, summarise
from tests.conftest import long_form
from tests.engine.launching import QUICK, TINY, WAITING, Jobs, jobs, wait_until

__all__ = ["jobs"]

HOSTILE = (
    "it's",
    'say "hi"',
    "a\nnew line",
    "$HOME $(id) `id` ${x}",
    "ü → 名",
    "tab\tand \\ back\\slash\\",
    "#, a=b; c|d & e > f",
    "--help",
    "",
)


def test_a_run_trains_in_the_background_and_its_record_tells_how_it_ended(jobs: Jobs) -> None:
    job = jobs.submit(*TINY)
    assert job.directory == Path("outputs/runs/run").absolute()
    assert os.getsid(job.pid or 0) == job.pid, "it has a session of its own"
    told = jobs.ended(job)
    assert (told.state, told.exit_code, told.reason) == ("ended", 0, None)
    assert (told.id, told.pid, told.overrides) == (job.id, job.pid, TINY)
    summary = summarise(job.directory)
    assert (summary.state, summary.epochs_done) == ("finished", 2)
    assert summary.launcher == "local"
    (attempt,) = RunDir(job.directory).attempts.iterdir()
    assert json.loads(attempt.read_text())["pid"] == job.pid
    assert {path.name for path in Path("outputs").iterdir()} == {"runs"}
    lines = RunDir(job.directory).log.read_text().splitlines()
    assert sum("[2/2] epoch 1" in line for line in lines) == 1, "each message once"
    assert all(line[:4].isdecimal() and " INFO " in line for line in lines), "and no bar"
    assert command(["remove", job.name, "--yes"]) == 0, "nothing of it is strange"
    assert not job.directory.exists()


LOOP = """\
def train(cfg):
    print("printed by hand")
    raise ValueError("no good\\nat all")
"""


def test_what_a_loop_prints_and_its_traceback_are_in_the_log_once(jobs: Jobs) -> None:
    Path("loop_of_mine.py").write_text(LOOP)
    job = jobs.submit(*TINY, "loop=loop_of_mine:train")
    told = jobs.ended(job)
    assert (told.exit_code, told.reason) == (1, "ValueError: no good\nat all")
    log = RunDir(job.directory).log.read_text()
    assert log.count("printed by hand") == 1
    assert log.count("Traceback") == 1
    assert "error:" not in log
    assert summarise(job.directory).sentence == "failed: ValueError: no good"


def test_a_mistake_keeps_the_directory_and_is_the_sentence_of_its_state(jobs: Jobs) -> None:
    job = jobs.submit(*TINY, "phase1.trainer.epochs=x", "phase1.trainer.seed=1")
    told = jobs.ended(job)
    problem = "phase1.trainer.epochs=x: must be a whole number at least 1"
    assert (told.exit_code, told.reason) == (2, problem)
    (summary,) = Index("outputs").refresh()
    assert (summary.state, summary.sentence) == ("failed", f"failed: {problem}")
    assert (summary.name, summary.overrides) == ("run", job.overrides)
    assert RunDir(job.directory).log.read_text() == f"error: {problem}\n"


def test_overrides_arrive_as_they_are(jobs: Jobs) -> None:
    words = [directory_override(f"+note.v{n}", value) for n, value in enumerate(HOSTILE)]
    job = jobs.submit(*QUICK, *words)
    told = jobs.ended(job)
    assert told.exit_code == 0, RunDir(job.directory).log.read_text()
    config = OmegaConf.load(RunDir(job.directory).hydra / "config.yaml")
    assert OmegaConf.to_container(config.note, resolve=True) == {
        f"v{n}": value for n, value in enumerate(HOSTILE)
    }
    assert told.overrides[-len(words) :] == tuple(words)


@pytest.mark.parametrize(
    "name", ["it's ${now:%Y}, c=d [e] ü\\", *long_form('a "b"\\', "\\${x} $x", "a\nb", "#~*?")]
)
def test_a_directory_may_have_any_name(jobs: Jobs, name: str) -> None:
    job = jobs.submit(*QUICK, name=name)
    assert jobs.ended(job).exit_code == 0, RunDir(job.directory).log.read_text()
    assert [path.name for path in Path("outputs/runs").iterdir()] == [name]
    assert summarise(job.directory).state == "finished"


@settings(deadline=None, max_examples=100)
@given(st.lists(st.text(), max_size=5), st.lists(st.integers(0, 9), max_size=3))
def test_a_record_says_what_was_asked_for_whatever_that_is(
    tmp_path_factory: pytest.TempPathFactory, words: list[str], leave_out: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("record")
    spec = JobSpec(tuple(words), folder, sweep=True, at_once=3, leave_out=tuple(leave_out))
    assert JobSpec.from_entries(json.loads(message(spec).partition(b"\n")[2])) == spec
    written = write_record(folder / "sweep.json", new_entries(spec))
    assert read_job(folder / "sweep.json") == written
    assert (written.overrides, written.leave_out) == (tuple(words), tuple(leave_out))
    assert (written.pid, written.process()) == (os.getpid(), "alive")
    shell = ["bash", "-c", f"printf '%s\\0' {written.command}"]
    if "\0" not in command_text(spec):
        typed = subprocess.run(shell, capture_output=True, check=True).stdout.split(b"\0")
        assert [os.fsencode(word) for word in words if word] == [
            word for word in typed[2 : 2 + len(words)] if word
        ]


@settings(deadline=None, max_examples=40)
@given(st.binary(max_size=200) | st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(
        st.sampled_from(["pid", "kind", "overrides", "state", "leave_out", "host"]), inner
    ),
    max_leaves=8,
).map(lambda value: json.dumps(value).encode()))  # fmt: skip
def test_rubbish_in_a_record_is_an_error_or_no_entry(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    root = tmp_path_factory.mktemp("outputs")
    path = root / "runs" / "run" / "launch.json"
    path.parent.mkdir(parents=True)
    path.write_bytes(data)
    Index(root).refresh()
    try:
        job = read_job(path)
    except FactsError:
        return
    assert job is not None
    assert job.kind in ("run", "sweep", "resume", None)
    job.process()


def test_a_spec_is_read_whole_or_not_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = JobSpec(("a", "b=ü"), Path("/x"))
    whole = message(spec)

    def read(data: bytes) -> JobSpec | None:
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(data)))
        return read_spec()

    assert read(whole) == spec
    assert [read(whole[:cut]) for cut in range(len(whole))] == [None] * len(whole)


def test_only_the_record_of_the_same_start_is_amended(own_folder: Path) -> None:
    path = own_folder / "run" / "launch.json"
    spec = JobSpec((), path.parent)
    before = write_record(path, new_entries(spec))
    newer = write_record(path, new_entries(spec))
    amend_record(path, before.id, state="ended", exit_code=0)
    assert read_job(path) == newer
    amend_record(path, newer.id, state="ended", exit_code=1)
    assert read_job(path) == replace(newer, state="ended", exit_code=1)
    shutil.rmtree(path.parent)
    amend_record(path, newer.id, state="ended", exit_code=1)
    assert not path.parent.exists(), "a run that somebody has removed"


def test_two_launches_in_the_same_moment_have_two_directories(jobs: Jobs) -> None:
    with ThreadPoolExecutor(4) as pool:
        told = list(pool.map(lambda _: jobs.submit(*QUICK, "phase1.trainer.epochs=x"), range(4)))
    assert len({job.directory for job in told}) == 4
    assert len({job.id for job in told}) == 4
    assert {job.name for job in told} == {"run", "run_2", "run_3", "run_4"}
    assert [jobs.ended(job).exit_code for job in told] == [2, 2, 2, 2]


@pytest.mark.parametrize("sweep", [False, True])
def test_where_nothing_can_be_written_nothing_is_left(own_folder: Path, sweep: bool) -> None:
    (own_folder / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot make the run directory"):
        submit(JobSpec(TINY, own_folder / "file" / "run", sweep=sweep))
    assert [path.name for path in own_folder.iterdir()] == ["file"]


FULL_DISK = """
set -e
mount -t tmpfs -o size=64k none disk
dd if=/dev/zero of=disk/full bs=1k count=100 2>/dev/null || true
set +e
{python} -c '
from pathlib import Path
from engine.launch.job import JobSpec
from engine.launch.local import submit
submit(JobSpec(("device=cpu",), Path("disk/runs/run").absolute()))
'
ls -A disk/runs
"""


def test_a_full_disk_is_told_and_leaves_no_record(own_folder: Path) -> None:
    (own_folder / "disk").mkdir()
    script = FULL_DISK.format(python=shlex.quote(sys.executable))
    command = ["unshare", "--map-root-user", "--mount", "sh", "-c", script]
    answer = subprocess.run(command, capture_output=True, text=True)
    if "mount" in answer.stderr or "unshare" in answer.stderr:
        pytest.skip("this machine lets nobody mount a small disk")
    assert "No space left on device" in answer.stderr
    assert answer.stdout == ""


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (JobSpec((), Path("/x"), target="moon"), "this machine only"),
        (JobSpec((), Path("/x"), sweep=True, resume=True), "its runs can"),
        (JobSpec((), Path("/x"), sweep=True, at_once=0), "at least 1"),
        (JobSpec((), Path("/x"), config_dirs=(Path("a"), Path("b"))), "only one"),
        (JobSpec(("--help",), Path("/x")), "without dashes"),
        (JobSpec(("logging.save_artifacts=False",), Path("/x")), "needs a directory"),
    ],
)
def test_what_no_launcher_can_do_is_refused(spec: JobSpec, words: str) -> None:
    with pytest.raises(LaunchError, match=words):
        submit(spec)


def test_a_record_starts_no_process_but_the_one_it_names(
    own_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody trains twice, and nobody trains what somebody else's record says."""
    run_dir = RunDir.claim(own_folder / "run")
    entries = new_entries(JobSpec(TINY, run_dir.path)) | {"pid": os.getppid()}
    write_record(run_dir.launch, entries)
    assert engine.cli.train.main(["--launch", str(run_dir.launch)]) == 1
    assert "and not by this one" in capsys.readouterr().err
    assert read_job(run_dir.launch).state == "running"  # type: ignore[union-attr]
    assert engine.cli.train.main(["--launch", "nowhere.json"]) == 2
    assert "no record of a job" in capsys.readouterr().err


def test_the_process_does_not_die_with_its_terminal_and_ends_when_it_is_asked(jobs: Jobs) -> None:
    job = jobs.submit(*WAITING)
    run_dir = RunDir(job.directory)
    assert job.pid is not None
    assert summarise(job.directory).sentence == f"starting; process {job.pid} is alive"
    os.kill(job.pid, signal.SIGHUP)
    wait_until(lambda: run_dir.events.exists() and len(read_events(run_dir.path).records) > 2)
    os.kill(job.pid, signal.SIGHUP)
    size = run_dir.events.stat().st_size
    wait_until(lambda: run_dir.events.stat().st_size > size)
    run_dir.stop.touch()
    told = jobs.ended(job)
    assert told.exit_code == 0
    assert summarise(job.directory).state == "stopped"


@pytest.mark.slow
def test_a_run_goes_on_in_the_background_and_keeps_what_it_came_from(jobs: Jobs) -> None:
    job = jobs.submit(*TINY, parent="run_before")
    jobs.ended(job)
    words = ("phase1.trainer.epochs=3",)
    again = jobs.watch(submit(JobSpec(words, job.directory, resume=True)))
    assert (again.id != job.id, again.kind, again.parent) == (True, "resume", "run_before")
    told = jobs.ended(again)
    assert told.exit_code == 0, RunDir(job.directory).log.read_text()
    summary = summarise(job.directory)
    assert (summary.state, summary.epochs_done, summary.attempts) == ("finished", 3, 2)


def test_a_record_keeps_the_starts_before(own_folder: Path) -> None:
    run_dir = RunDir.claim(own_folder / "run")
    first = JobSpec(("phase1.trainer.lr=1e-3",), run_dir.path, parent="run_before")
    write_record(run_dir.launch, new_entries(first) | {"state": "ended", "exit_code": 143})
    ended = build_event_payload("on_train_end", run_dir.path, stopped=True)
    append_jsonl_event(run_dir.path, ended)
    again = [JobSpec((f"device=cpu{n}",), run_dir.path, resume=True) for n in range(30)]
    for spec in again:
        job, log = begin(spec)
        os.close(log)
        amend_record(job.path, job.id, state="ended")
    entries = json.loads(run_dir.launch.read_text())
    starts = entries["earlier"]
    assert (entries["parent"], len(starts)) == ("run_before", 21)
    assert (starts[0]["kind"], starts[0]["exit_code"]) == ("run", 143)
    assert [starts[0]["overrides"], starts[-1]["overrides"]] == [
        list(first.overrides),
        list(again[-2].overrides),
    ]
    told = read_job(run_dir.launch)
    assert told is not None
    assert (told.earlier[0], len(told.earlier)) == ("thesis-train phase1.trainer.lr=1e-3", 21)


def test_a_run_under_way_is_not_started_again(jobs: Jobs) -> None:
    job = jobs.submit(*WAITING)
    with pytest.raises(ConfigError, match="run is running"):
        submit(JobSpec((), job.directory, resume=True))
    assert read_job(job.path) == job


def test_a_config_that_began_as_another_runs_names_trusted_classes_only(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = new_entries(JobSpec(QUICK, Path("run"), parent="run_before"))
    job = write_record(Path("launch.json").absolute(), entries)
    register_loops(dotted_loops(QUICK))
    with pytest.raises(ConfigError, match="not a package that is trusted"):
        Placement(job).check(compose(QUICK))
    monkeypatch.setattr(sys, "path", list(sys.path))
    Placement(replace(job, trust=("quick_loop",))).check(compose(QUICK))
    Placement(replace(job, parent=None)).check(compose(QUICK))


def test_a_job_whose_config_saves_nothing_is_refused(own_folder: Path) -> None:
    job = write_record(own_folder / "launch.json", new_entries(JobSpec((), own_folder)))
    with pytest.raises(ConfigError, match="needs a directory"):
        Placement(job).check(compose(["logging.save_artifacts=false"]))


def test_the_directory_of_one_run_is_no_place_for_a_second_one(own_folder: Path) -> None:
    run_dir = RunDir.claim(own_folder / "run")
    job = write_record(run_dir.launch, new_entries(JobSpec(QUICK, run_dir.path)))
    with Placement(job).claimed(own_folder / "wanted", QUICK) as first:
        assert first.path == run_dir.path
    with (
        pytest.raises(ConfigError, match="launched as one run, and its config asks for several"),
        Placement(job).claimed(own_folder / "wanted", QUICK),
    ):
        pass
