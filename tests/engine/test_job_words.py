"""How jobs are named on the command line, and what is said of a word that means none."""

from __future__ import annotations

import argparse
import re
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from engine.cli import main
from engine.cli.aligned import print_fitting
from engine.cli.jobs_actions import ON_CLUSTER, choose
from engine.cli.jobs_help import PAGES
from engine.cli.output import Cell
from engine.cli.select import select_dirs
from engine.cli.submit import _unfinished
from engine.config.composer import Composer
from engine.config.problems import find_problems
from engine.errors import ConfigError
from engine.facts import append_jsonl_event, build_event_payload
from engine.facts.evidence import Evidence
from engine.facts.job_report import JobReport
from engine.facts.job_state import waiting
from engine.facts.run_dir import RunDir
from engine.facts.sweep_dir import SweepDir
from engine.launch.condor.changes import read_changes
from engine.launch.job import HTCONDOR, JobSpec
from engine.launch.jobs import find_jobs
from engine.launch.named import select_job
from engine.launch.record import NO_PROCESS, amend_record, new_entries, read_job, write_record
from engine.library.index import summarise
from tests.bench.tree import make_run


def put(name: str, number: str | None, sweep: Path | None = None, **more: object) -> Path:
    """A run that HTCondor has, or had."""
    place = Path("outputs/runs", name).absolute()
    place.mkdir(parents=True)
    entries = dict(NO_PROCESS) | {"state": "queued", "job_id": number, **more}
    if sweep is not None:
        entries |= {"sweep_id": "5" * 32, "sweep_dir": str(sweep)}
    write_record(RunDir(place).launch, new_entries(JobSpec((), place, target=HTCONDOR), **entries))
    return place


@pytest.fixture
def jobs(own_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Runs with numbers of HTCondor: two of a sweep in one cluster, and some alone."""
    monkeypatch.setenv("CONDOR_CONFIG", "/nothing/here")
    put("run_20261128-120000_ae", "2.0")
    put("run_b", "12.0")
    put("run_failed", "3.0", state="ended", exit_code=2, reason="there is no data file x")
    sweep = Path("outputs/multiruns/exp_s").absolute()
    sweep.mkdir(parents=True)
    spec = JobSpec((), sweep, sweep=True, points=2, target=HTCONDOR)
    entries = new_entries(spec, **NO_PROCESS, state="queued", id="5" * 32)
    write_record(SweepDir(sweep).record, entries)
    put("run_s_job0", "77.0", sweep)
    put("run_s_job1", "77.1", sweep)
    return own_folder


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("2", "run_20261128-120000_ae"),
        ("2.0", "run_20261128-120000_ae"),
        ("12", "run_b"),
        ("77.1", "run_s_job1"),
        ("77", "exp_s"),
    ],
)
def test_a_job_is_named_by_its_number_with_and_without_the_point(
    word: str, name: str, jobs: Path
) -> None:
    assert select_job(find_jobs("outputs"), word).name == name


@pytest.mark.parametrize(
    ("word", "name"),
    [("_job1", "run_s_job1"), ("s_job0", "run_s_job0"), ("_s", "exp_s")],
)
def test_a_part_of_the_name_of_a_run_of_a_sweep_is_enough(word: str, name: str, jobs: Path) -> None:
    put("run_s_job11", "77.11", Path("outputs/multiruns/exp_s").absolute())
    assert select_job(find_jobs("outputs"), word).name == name


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("run_s_jb0", r"no such job\n  Did you mean run_s_job0"),
        ("run_s_job", r"2 runs of sweeps have that in their name\n  run_s_job0, run_s_job1"),
        ("qqqq", "no such job\n  engine jobs --all lists jobs, and engine runs the runs of sweeps"),
        ("1", "no such job"),
    ],
)
def test_a_word_that_means_no_job_says_which_there_are(word: str, told: str, jobs: Path) -> None:
    known = [job for job in find_jobs("outputs") if job.name != "run_20261128-120000_ae"]
    with pytest.raises(ConfigError) as caught:
        select_job(known, word)
    assert re.search(told, str(caught.value))


def test_who_is_not_answered_why_is_told_what_to_do_once(
    jobs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["jobs", "why", "exp_s"]) == 1
    out, err = capsys.readouterr()
    assert re.fullmatch(r"exp_s: 2 runs: HTCondor could not be asked at .+\n", out)
    assert "Jobs are sent from a machine that is set up" in out or "pip install" in out
    assert not err


def test_where_no_job_is_the_folder_is_named(
    own_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["jobs"]) == 0
    out, err = capsys.readouterr()
    assert (out, err) == (
        "", "there are no jobs in outputs yet; engine launch and engine submit start some\n"
    )  # fmt: skip
    Path("outputs/runs").mkdir(parents=True)
    make_run(Path("outputs/runs/typed"), epochs=1)
    assert main(["submit", "--again", "exp_nothere"]) == 2
    assert "exp_nothere: there is no such run or sweep in outputs" in capsys.readouterr().err


def test_a_number_that_two_schedulers_gave_means_no_job(jobs: Path) -> None:
    put("run_here", "9.0", schedd="a")
    put("run_there", "9.0", schedd="b")
    for word in ("9.0", "9"):
        with pytest.raises(ConfigError, match=f"^{word}: 2 jobs have that number: ") as caught:
            select_job(find_jobs("outputs"), word)
        with pytest.raises(ConfigError, match=f"^{word}: 2 jobs have that number: ") as of_runs:
            select_dirs([word], None)
        for told in (caught.value.message, of_runs.value.message):
            assert "run_here of a" in told
            assert "run_there of b" in told


def test_a_number_of_a_run_of_a_sweep_may_be_another_schedulers_too(jobs: Path) -> None:
    put("run_there", "77.0", schedd="b")
    with pytest.raises(ConfigError, match="2 jobs have that number"):
        select_job(find_jobs("outputs"), "77.0")
    with pytest.raises(ConfigError, match="2 jobs have that number"):
        select_job(find_jobs("outputs"), "77")
    for word in ("77.0", "77"):
        with pytest.raises(ConfigError, match="2 jobs have that number"):
            select_dirs([word], None)


def test_a_run_of_a_sweep_that_went_on_by_itself_is_one_job(jobs: Path) -> None:
    place = Path("outputs/multiruns/exp_s").absolute()
    put("run_s_job2", "78.0", place, kind="resume")
    assert select_job(find_jobs("outputs"), "78.0").name == "run_s_job2"
    assert select_job(find_jobs("outputs"), "run_s_job2").name == "run_s_job2"


def test_of_a_number_that_a_scheduler_gave_twice_the_newer_job_counts(jobs: Path) -> None:
    put("run_before", "9.0", schedd="a", submitted="2026-11-26T00:00:00+00:00")
    put("run_after", "9.0", schedd="a", submitted="2026-11-27T00:00:00+00:00")
    assert select_job(find_jobs("outputs"), "9.0").name == "run_after"
    for word in ("9", "9.0"):
        assert [path.name for path in select_dirs([word], None)] == ["run_after"]
    put("run_now", "77.0")
    assert [path.name for path in select_dirs(["77"], None)] == ["run_now"]


def test_a_run_is_named_by_the_number_of_its_job(jobs: Path) -> None:
    def named(word: str) -> list[str]:
        return sorted(path.name for path in select_dirs([word], None))

    assert named("12") == named("12.0") == ["run_b"]
    assert named("77") == ["run_s_job0", "run_s_job1"]
    with pytest.raises(ConfigError, match="no such run"):
        named("99.0")


def meant(*words: str, action: str = "log") -> list[str]:
    """The jobs that `engine jobs` would do it to."""
    args = argparse.Namespace(jobs=list(words), root=None, action=action)
    return [job.name for job in choose(args)]


@pytest.mark.parametrize("newest", ["run_s_job0", "run_b", "run_failed"])
def test_last_is_the_newest_run_for_every_command(newest: str, jobs: Path) -> None:
    place = Path("outputs/runs", newest).absolute()
    job = read_job(RunDir(place).launch)
    assert job is not None
    amend_record(job.path, job.id, submitted="2099-01-01T00:00:00+00:00")
    assert [path.name for path in select_dirs(["last"], None)] == [newest]
    assert meant("last") == meant("last", action="hold") == [newest]
    assert meant("last", newest, str(place)) == [newest], "each once, whatever it is called"
    assert _unfinished("last", None).name == newest
    (before,) = select_dirs(["last~1"], None)
    assert meant("last~1") == [before.name]
    assert _unfinished("last~1", None).name == before.name


def test_a_newest_run_that_is_no_job_names_the_newest_that_is_one(
    jobs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = make_run(Path("outputs/runs/typed"), epochs=1, begun=datetime(2099, 1, 1, tzinfo=UTC))
    for action in ON_CLUSTER[:3]:
        assert main(["jobs", action, "last"]) == 2
        told = capsys.readouterr().err
        assert "typed, the newest run, is no job on HTCondor; the newest that is one is" in told
        assert "run_s_job1" in told
    assert main(["jobs", "stop", "last"]) == 2
    assert "is no job that was launched; the newest that is" in capsys.readouterr().err
    write_record(RunDir(place).launch, new_entries(JobSpec((), place)))
    assert meant("last") == ["typed"]
    assert main(["jobs", "hold", "last"]) == 2
    assert "typed, the newest run, is no job on HTCondor" in capsys.readouterr().err
    shutil.rmtree("outputs/runs")
    make_run(Path("outputs/runs/typed"), epochs=1)
    assert main(["jobs", "hold", "last"]) == 2
    assert "no run here is one" in capsys.readouterr().err


def test_the_list_says_why_a_run_failed(jobs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["jobs", "list", "--all"]) == 0
    (line,) = [text for text in capsys.readouterr().out.splitlines() if "run_failed" in text]
    assert "failed: there is no data file x" in line


def test_the_columns_that_matter_least_go_first(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "50")
    monkeypatch.setenv("NO_COLOR", "1")
    row = [Cell("run_20261128-120000_ae_job1", "x"), Cell("kind" * 6, "x"), Cell("why" * 9, "x")]
    print_fitting(["job", "kind", "progress"], [row], [0, 2, 1], {"job": 27})
    printed = capsys.readouterr()
    assert "run_20261128-120000_ae_job1" in printed.out
    assert printed.out.splitlines()[0].split() == ["job", "progress"]
    assert "no room for kind" in printed.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["jobs", "hld"], "Did you mean hold?"),
        (["jobs", "edit", "last", "memory=1GB", "memory=2GB"], "memory: it is given more than"),
        (["kill", "--yes", "nobody"], "nobody: there is no such run"),
    ],
)
def test_what_is_wrong_with_a_word_is_told(
    words: list[str], said: str, jobs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    assert said in capsys.readouterr().err


def test_a_key_changes_once() -> None:
    with pytest.raises(ConfigError, match="cpus: it is given more than once"):
        read_changes(["cpus=1", "launcher.cpus=2"])


def test_an_expression_is_told_as_it_has_to_be_typed() -> None:
    word = 'launcher.requirements=Machine == "wn-9"'
    (told,) = find_problems(["launcher=htcondor", word], (), sweep=False, composer=Composer([]))
    typed = r'launcher.requirements="Machine == \"wn-9\""'
    assert told.endswith(f"put quotes around special characters: '{typed}'")
    composer = Composer([])
    assert composer.compose(["launcher=htcondor", typed]).launcher.requirements == (
        'Machine == "wn-9"'
    )


@pytest.mark.parametrize("typed", ["Machine=wn-9", "Machine == wn-9"])
def test_what_is_proposed_for_requirements_is_an_expression(typed: str) -> None:
    words = ["launcher=htcondor", f"launcher.requirements={typed}"]
    (told,) = find_problems(words, (), sweep=False, composer=Composer([]))
    assert told.endswith(r"""'launcher.requirements="Machine == \"wn-9\""'""")


def test_several_values_of_what_a_job_asks_for_are_no_sweep_either() -> None:
    words = ["launcher=htcondor", "launcher.memory=4GB,8GB", "phase1.trainer.seed=1,2"]
    told = find_problems(words, (), sweep=False, composer=Composer([]))
    assert told == [
        "launcher.memory=4GB,8GB: several values; submit one job for each",
        "phase1.trainer.seed=1,2: several values; --multirun takes each",
    ]


def test_a_first_hold_is_none_again() -> None:
    from engine.facts.attempts import Attempt

    evidence = Evidence(attempt=Attempt(Path("x"), 1))
    assert waiting(evidence, JobReport("held", "why")).sentence == "held after attempt 1: why"
    assert waiting(evidence, JobReport("queued")).sentence == "queued again after attempt 1"


def test_what_was_launched_and_has_no_attempt_is_held_after_none() -> None:
    from engine.facts.attempts import Attempt

    evidence = Evidence(attempt=Attempt(Path("launch.json"), 0))
    assert waiting(evidence, JobReport("held", "why")).sentence == "held: why"


def test_a_job_that_waits_and_was_asked_to_stop_says_so(
    jobs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["jobs", "stop", "run_b"]) == 0
    assert "run_b: asked to stop; it waits, and does not begin: " in capsys.readouterr().out
    assert main(["stop", "run_20261128-120000_ae"]) == 0
    assert "asked to stop; it waits" in capsys.readouterr().out
    assert main(["jobs", "list", "--all"]) == 0
    (line,) = [text for text in capsys.readouterr().out.splitlines() if "run_b" in text]
    assert "queued; asked to stop, it does not begin" in line


class Pause:
    """What happens while somebody waits, one thing a time; nothing is waited for in vain."""

    def __init__(self, *then: Callable[[], object]) -> None:
        self._then = list(then)

    def sleep(self, seconds: float) -> None:
        self._then.pop(0)()


def interrupt() -> None:
    raise KeyboardInterrupt


def test_who_waits_for_a_job_that_waits_is_told_so_until_it_is_over(
    jobs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run_dir = RunDir(Path("outputs/runs/run_b"))
    log, number = run_dir.job_log, "(012.000.000) 2026-11-28 12:00:00"
    log.touch()
    events = [f"000 {number} Job submitted", f"012 {number} Job was held.\n\tdisk\n\tCode 34"]
    events += [f"013 {number} Job was released.", f"001 {number} Job executing on host: <wn>"]
    events += [f"005 {number} Job terminated.\n\t(1) Normal termination (return value 0)"]
    seen: list[str | None] = []

    def logged(event: str) -> None:
        with log.open("a") as file:
            file.write(f"{event}\n...\n")
        seen.append(summarise(str(run_dir.path)).state)

    ended = build_event_payload("on_train_end", str(run_dir.path), stopped=True)
    steps = [lambda event=event: logged(event) for event in events]
    steps.insert(-1, lambda: append_jsonl_event(str(run_dir.path), ended))
    monkeypatch.setattr("engine.cli.stop.time", Pause(*steps))
    assert main(["stop", "run_b", "--wait"]) == 0
    told = capsys.readouterr()
    assert told.out == "run_b: stopped\n"
    assert seen == ["queued", "held", "queued", "running", "stopped"]
    assert (
        "waiting for run_b, which is queued: a job that waits ends once it has a node" in told.err
    )
    assert "run_b, which is held: a job that waits ends once it is released and has" in told.err
    assert told.err.count("HTCondor not answering since") == 1


def test_who_does_not_wait_on_leaves_the_wish_to_stop(
    jobs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("engine.cli.stop.time", Pause(lambda: None, interrupt))
    assert main(["stop", "run_b", "--wait"]) == 130
    assert "asked to stop all the same: run_b, which is queued" in capsys.readouterr().err
    assert RunDir(Path("outputs/runs/run_b")).stop.exists()


def test_the_log_of_a_sweep_is_that_of_its_runs(
    jobs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("outputs/runs/run_s_job1/train.log").write_text("one\ntwo\n")
    assert main(["jobs", "log", "exp_s", "-n", "1"]) == 0
    told = capsys.readouterr()
    assert told.out == "==> run_s_job1 <==\ntwo\n"
    assert told.err == "run_s_job0: nothing was printed yet\n"
    assert main(["jobs", "log", "exp_s", "--json"]) == 0
    assert '"run_s_job0": []' in capsys.readouterr().out


@pytest.mark.parametrize("action", PAGES)
def test_each_thing_that_is_done_with_jobs_has_a_page_of_help(
    action: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["jobs", action, "--help"]) == 0
    page = capsys.readouterr().out
    assert page.startswith(f"usage: engine jobs {action} ")
    assert f"  engine jobs {action} " in page
    assert len(page.splitlines()) < 30
