"""A run that goes on as a job on HTCondor, wherever it trained before."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from engine.facts.files import as_facts_error, replace_file
from engine.facts.provenance import commit_of_code
from engine.facts.run_dir import RunDir
from engine.launch.condor.client import Condor
from engine.launch.condor.jobs import prepared, send_or
from engine.launch.going_on import check_is_over, entries_before
from engine.launch.job import HTCONDOR, JobHandle, JobSpec
from engine.launch.lock import briefly_locked, locked
from engine.launch.record import NO_PROCESS, lock_of, new_entries, write_record
from engine.launch.resources import Resources


def submit_resumed(spec: JobSpec, resources: Resources, condor: Condor) -> JobHandle:
    """Submit a run that goes on; gives what its record says, which keeps what it came from.

    Raises
    ------
    ConfigError
        If it is under way, or cannot be described to HTCondor.
    CouldNotAsk
        If the scheduler did not answer: all is as it was, or the record says `submitting`.
    LaunchError
        If the scheduler refuses it; all is as it was then.
    """
    spec.check(HTCONDOR)
    run_dir = RunDir(spec.directory)
    script = prepared(run_dir.launch, resources)
    schedd = condor.ping()
    with locked(run_dir.submit_lock, run_dir.run_id):
        check_is_over(run_dir)
        with as_facts_error(run_dir.job_log):
            run_dir.job_log.touch()  # a log that cannot be written is missed by nobody
        before = _Before.of(run_dir)
        more = {"state": "submitting", "schedd": schedd, "resources": asdict(resources)}
        entries = new_entries(spec, **NO_PROCESS) | entries_before(run_dir) | more
        entries["git_commit"] = commit_of_code()
        try:
            with as_facts_error(run_dir.stop, "remove"):
                run_dir.stop.unlink(missing_ok=True)  # it was meant for the start before
            handle = write_record(run_dir.launch, entries)
        except BaseException:
            before.put_back(run_dir)
            raise
        return send_or(lambda: before.put_back(run_dir), handle, script, resources, condor)


@dataclass(frozen=True)
class _Before:
    """What a submission that is refused leaves as it was."""

    record: bytes | None
    stop_asked: bool

    @classmethod
    def of(cls, run_dir: RunDir) -> _Before:
        record = run_dir.launch.read_bytes() if run_dir.launch.exists() else None
        return cls(record, run_dir.stop.exists())

    def put_back(self, run_dir: RunDir) -> None:
        record = self.record
        if record is None:
            run_dir.launch.unlink(missing_ok=True)
        else:
            with briefly_locked(lock_of(run_dir.launch)):
                replace_file(run_dir.launch, lambda handle: handle.write(record))
        if self.stop_asked:
            run_dir.stop.touch()
