"""What `engine jobs` tells of an action: few lines, however many runs a sweep has."""

from __future__ import annotations

from pathlib import Path

from engine.cli.jobs_told import action_lines, shared_lines, told_of_each
from engine.launch.condor.acting import Done
from engine.launch.condor.changes import described
from engine.launch.job import JobHandle

RUNS = [f"run_job{number}" for number in range(40)]
GONE = "HTCondor does not have it any more"


def done(runs: list[str], **more: dict[str, str]) -> Done:
    return Done([JobHandle(Path(f"/r/{name}/launch.json")) for name in runs], **more)


def test_an_action_on_a_sweep_is_a_line_and_names_what_failed() -> None:
    already = dict.fromkeys(RUNS[38:], "it is held already")
    held = done(RUNS[:38], already=already)
    assert action_lines("exp", RUNS, "hold", held) == ["exp: 38 held, 2 were held already"]
    one = done([], already={"run": "it is held already"})
    assert action_lines("run", ["run"], "hold", one) == ["run: it is held already"]
    partly = done(RUNS[:34], problems=dict.fromkeys(RUNS[34:39], GONE) | {RUNS[39]: "denied"})
    assert action_lines("exp", RUNS, "remove", partly) == [
        "exp: 34 removed",
        f"exp: 5 not removed: {GONE} (run_job34, run_job35, run_job36 and 2 more)",
        "exp: 1 not removed: denied (run_job39)",
    ]
    assert len(told_of_each("remove", partly)) == len(RUNS), "for --json, all of them"


def test_a_scheduler_that_does_not_answer_is_told_once() -> None:
    silent = "HTCondor's scheduler does not answer. Try again."
    lines = action_lines("exp", RUNS, "hold", done([], problems=dict.fromkeys(RUNS, silent)))
    assert lines == [f"exp: 40 not held: {silent}"]


def test_a_change_says_from_what_to_what() -> None:
    before = {"memory": "8000GB", "category": None}
    told = described(before, {"memory": "2GB", "category": "long", "priority": 5})
    assert told == "memory 8000GB -> 2GB, category none -> long, priority 5"
    changes = dict.fromkeys(RUNS, "memory 8GB -> 2GB") | {RUNS[7]: "memory 4GB -> 2GB"}
    assert action_lines("exp", RUNS, "edit", done(RUNS, changes=changes)) == [
        "exp: 39 changed (memory 8GB -> 2GB), 1 changed (memory 4GB -> 2GB)"
    ]


def test_a_sentence_that_runs_share_but_for_their_name_and_a_time_is_told_once() -> None:
    waits = {run: f"it has waited for {n} s: engine jobs edit {run} memory=… asks for less"
             for n, run in enumerate(RUNS)}  # fmt: skip
    texts = waits | {RUNS[1]: "it runs on wn-1"}
    assert shared_lines("exp", RUNS, texts) == [
        "exp: 39 runs: it has waited for 0 s: engine jobs edit exp memory=… asks for less"
        " (run_job0, run_job2, run_job3 and 36 more)",
        "exp: 1 run: it runs on wn-1 (run_job1)",
    ]
    assert shared_lines("run", ["run"], {"run": "it runs"}) == ["run: it runs"]
