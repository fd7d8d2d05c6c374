"""What a run directory says, read once and kept as a record that JSON knows.

A record goes into the cache of the index; `summary_of` makes a `RunSummary` of it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from engine.errors import FactsError
from engine.facts.alike import Reader
from engine.facts.attempts import Attempt, newest_attempt
from engine.facts.condor_log import LogReader
from engine.facts.copies import last_event_at
from engine.facts.evidence import ENDS, Evidence
from engine.facts.job_report import HTCONDOR, OVER, JobReport, known_of
from engine.facts.labels import read_labels
from engine.facts.last_seen import LastSeen
from engine.facts.launched import launch_record, recorded_end
from engine.facts.records import read_record, text_in
from engine.facts.run_dir import RunDir
from engine.facts.state import judge as judge_evidence
from engine.facts.state import run_state
from engine.facts.tail import READ_BYTES, Tail
from engine.facts.values import seconds_of, whole
from engine.facts.verdict import RunState
from engine.library.asked import asked_of
from engine.library.find import Found, is_closed, look_at
from engine.library.fold import Fold
from engine.library.overrides import read_overrides
from engine.library.summary import RunSummary, summary_of

Record = dict[str, Any]

_MOST_ENTRIES = 20_000
_DEEPEST = 6
_MOST_READINGS = 3


def summarise(
    run_dir: str | os.PathLike[str], job: JobReport | None = None, now: float | None = None
) -> RunSummary:
    """The summary of one run, read from its files.

    Nothing about the directory is an error: what is wrong with it is the summary's `problem`.

    Parameters
    ----------
    job
        What a launcher says about its job; None if there is none, or it could not be asked.
    now
        Unix seconds; the present by default.
    """
    path = os.path.abspath(run_dir)
    try:
        status = os.stat(path)  # a link that somebody names is followed
        found = look_at(path, status)
        if found is None and is_closed(path):
            found = Found(path, status, None)
    except (OSError, ValueError):
        found = None
    if found is None:
        problem = "there is no run directory here"
        return RunSummary(path, os.path.basename(path), problem=problem)
    return summary_of(path, judge(read(found), found, job, now))


def read(found: Found, before: Record | None = None) -> Record:
    """What the files of a run say; of its events only what `before` has not seen."""
    run_dir = RunDir(Path(found.path))
    problems: list[str] = []
    try:
        _refuse_links(run_dir)
        fold, tail = _read_events(run_dir.events, found, before)
        readable = True
    except FactsError as error:
        fold, tail, readable = Fold(), Tail(run_dir.events), False
        problems.append(error.message)
    skipped = fold.skipped + tail.skipped
    if skipped and not fold.events:
        problems.append(f"none of the {skipped} whole lines of facts/events.jsonl is an event")
    attempt = newest_attempt(run_dir)
    around = _around(run_dir, attempt, problems)
    if fold.first_time is not None:
        around["started"] = fold.first_time
    return {
        "fold": fold.state(),
        "tail": tail.state(),
        "around": around,
        "problems": problems,
        "readable": readable,
        "launched": os.path.lexists(f"{found.path}/launch.json"),
        "begun_at": attempt.events_size if attempt is not None else None,
        "skipped": skipped,
    }


def judge(
    record: Record, found: Found, job: JobReport | None = None, now: float | None = None
) -> Record:
    """`record` with the state of the run, and what else may change while its events do not."""
    problems, state = list(record["problems"]), {}
    run_dir = RunDir(Path(found.path))
    logged, recorded = _noted_job(run_dir, record, problems, now)
    known = known_of(logged, job, recorded)
    try:
        if record["readable"]:
            seen = _last_seen(record, found)
            told = _ended(record, seen, found) or run_state(run_dir, seen, known, now)
            state = {"state": told.state, "sentence": told.sentence, "cause": told.cause}
    except FactsError as error:
        problems.append(error.message)
    problem = "; ".join(dict.fromkeys(problems)) or None
    around = record["around"] | {"size_bytes": size_of(found.path)}
    if found.events:
        around["updated"] = last_event_at(found.events.st_mtime, _told(record))
    job_over = _is_over(run_dir, record, known)
    silent = known is None and state.get("state") != "stopped"  # which may be started again
    return record | {
        "state": state | {"problem": problem, "job_over": job_over},
        "around": around,
        "job_over": job_over or silent,
    }


def _is_over(run_dir: RunDir, record: Record, known: JobReport | None) -> bool:
    """Whether a run has no job on a cluster any more, as anybody tells."""
    if record["around"].get("launcher") != HTCONDOR:
        return True
    return (known.state if known else launch_record(run_dir).get("state")) in OVER


def _noted_job(
    run_dir: RunDir, record: Record, problems: list[str], now: float | None
) -> tuple[JobReport | None, JobReport | None]:
    """What the log of the job of a run says, and the end that its record tells of beside a log.

    None where another launcher than HTCondor has started it.
    """
    if record["around"].get("launcher") != HTCONDOR:
        return None, None
    reader = LogReader(run_dir.job_log)
    try:
        reader.read()
    except FactsError as error:
        problems.append(error.message)
    launch = launch_record(run_dir)
    logged = reader.report(text_in(launch, "id"), text_in(launch, "job_id"))
    if logged is None:
        return None, None
    return logged, recorded_end(run_dir, launch, now, cut_off=logged.is_cut_off)


def _ended(record: Record, seen: LastSeen, found: Found) -> RunState | None:
    """The state of a run that has ended, where no later start or launch can have re-opened it."""
    size = found.events.st_size if found.events else 0
    ended = seen.moment in ENDS and not record["launched"] and record["begun_at"] != size
    return judge_evidence(Evidence(seen=seen)) if ended else None


def _told(record: Record) -> float | None:
    """The time in the last event, where a record of attempts stands beside it."""
    last: float | None = record["fold"]["last_time"]
    return last if record["around"].get("attempts") else None


def _last_seen(record: Record, found: Found) -> LastSeen:
    fold = Fold(**record["fold"])
    return LastSeen(
        moment=fold.moment,
        stopped=fold.stopped,
        starts_again=fold.starts_again,
        error=fold.error,
        usual_gap_s=fold.usual_gap_s,
        memory_mib=None if fold.meta.get("on_gpu") else fold.max_memory_mib,
        epochs_done=fold.epochs_done,
        epochs=whole(fold.config.get("phase1.trainer.epochs")),
        at=_told(record),
        written=found.events.st_mtime if found.events else None,
    )


def _read_events(events: Path, found: Found, before: Record | None) -> tuple[Fold, Tail]:
    """All events of a run; from the first one again if a start took some of them back.

    Where there are none, whatever was read `before` was another run's in the same place.
    """
    size = found.events.st_size if found.events else 0
    if before is None or not before["readable"] or found.events is None:
        fold, tail = Fold(), Tail(events)
    else:
        fold, tail = Fold(**before["fold"]), Tail.from_state(events, before["tail"])
    fold = _take_in(tail, fold, size)
    for _ in range(_MOST_READINGS):
        if not fold.rewound:
            break
        tail = Tail(events)
        fold = _take_in(tail, Fold(ceilings=fold.next_ceilings()), size)
    return fold, tail


def _take_in(tail: Tail, fold: Fold, size: int) -> Fold:
    """`fold`, or a new one if the file is another, with what the rest of the file says."""
    parser, more = Reader(), True
    while more:
        chunk = tail.read(min(READ_BYTES, max(4096, size - tail.offset + 1)))
        if chunk.restarted:
            fold, parser = Fold(), Reader()
        for event in parser.read([line for line in chunk.lines if line]):
            fold.add(event)
        more = chunk.more
    return fold


def _refuse_links(run_dir: RunDir) -> None:
    facts = f"{run_dir.path}/facts"
    for path in (facts, f"{facts}/events.jsonl"):
        if os.path.islink(path):
            raise FactsError(f"{path} is a link, which is not followed")


def _around(run_dir: RunDir, attempt: Attempt | None, problems: list[str]) -> Record:
    """What stands beside the facts, named like the fields of a summary; None where nothing."""
    around: Record = {}
    try:
        around = _launched(read_record(run_dir.launch) or {})
    except FactsError as error:
        problems.append(error.message)
    try:
        labels = read_labels(run_dir)
        around |= {"tags": labels.tags, "note": labels.note, "archived": labels.archived}
    except FactsError as error:
        problems.append(error.message)
    launched = around.get("started")
    words = read_overrides(run_dir.hydra / "overrides.yaml") or around.get("overrides")
    around["overrides"] = words or ()
    if attempt is not None:
        around |= {"attempts": attempt.number, "host": attempt.host}
        around["job_id"] = around.get("job_id") or attempt.job_id
        around["begun"] = seconds_of(attempt.started)
        around["started"] = around["begun"] or around.get("started")
    if launched is not None:
        around["begun"] = max(launched, around.get("begun") or launched)
    return around


def _launched(launch: Record) -> Record:
    """What a launch record says, which is all there is of a run that has not begun."""
    sweep, words = text_in(launch, "sweep_dir"), launch.get("overrides")
    return {
        "launcher": text_in(launch, "target"),
        "parent": text_in(launch, "parent"),
        "job_id": text_in(launch, "job_id"),
        "schedd": text_in(launch, "schedd"),
        "started": seconds_of(text_in(launch, "submitted")),
        "host": text_in(launch, "host"),
        "sweep": os.path.basename(sweep) if sweep else None,
        "overrides": [w for w in words if isinstance(w, str)] if isinstance(words, list) else None,
        "asked": asked_of(words if isinstance(words, list) else (), launch.get("resources")),
    }


def size_of(folder: str) -> int:
    """Bytes of all files in a folder and those below it, without following links."""
    total, entries, folders = 0, 0, [(folder, 0)]
    while folders and entries < _MOST_ENTRIES:
        place, depth = folders.pop()
        try:
            found = list(os.scandir(place))
        except OSError:
            continue
        entries += len(found)
        for entry in found:
            try:
                if not entry.is_dir(follow_symlinks=False):
                    total += entry.stat(follow_symlinks=False).st_size
                elif depth < _DEEPEST:
                    folders.append((entry.path, depth + 1))
            except OSError:
                continue
    return total
