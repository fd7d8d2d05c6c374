"""What jobs on HTCondor ask for is changed, in the queue and in their records."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from engine.errors import FactsError, LaunchError
from engine.facts.records import read_record
from engine.launch.condor.acting import Done, Pair, by_scheduler, telling, there
from engine.launch.condor.ads import QueuedJob, one_of
from engine.launch.condor.changes import (
    described,
    expressions,
    new_environment,
    new_requirements,
    quoted,
)
from engine.launch.condor.check import too_little
from engine.launch.condor.client import Condor, CouldNotAsk
from engine.launch.condor.queue import Connect
from engine.launch.condor.why import obstacles, unreadable
from engine.launch.job import JobHandle
from engine.launch.record import amend_record
from engine.launch.resources import Resources, problems_of, seconds_in


def edit(jobs: Sequence[JobHandle], changes: Mapping[str, Any], connect: Connect = Condor) -> Done:
    """Change what jobs ask for, in the queue and in their records.

    Parameters
    ----------
    changes
        As `changes.read_changes` gives them.
    """

    def remark(name: str, job: QueuedJob) -> str:
        return (
            f"it is held: engine jobs release {name} lets it go on" if job.state == "held" else ""
        )

    return edited(jobs, changes, connect, lambda job: "", remark)


def edited(
    jobs: Sequence[JobHandle],
    changes: Mapping[str, Any],
    connect: Connect,
    refusal: Callable[[QueuedJob], str],
    remark: Callable[[str, QueuedJob], str] = lambda name, job: "",
) -> Done:
    """Change those of the jobs that `refusal` says nothing against; `remark` is told of the others.

    Of one that is changed by half its record has what HTCondor has, and its problem says so.

    Raises
    ------
    ConfigError
        If the requirements that are wanted are no expression; nothing is changed then.
    """
    done = Done()
    _check_expression(changes.get("requirements"), connect)
    little = too_little(Resources(memory=changes["memory"])) if "memory" in changes else ""
    for condor, own in by_scheduler(jobs, connect, done):
        with condor, telling(own, done):
            fit = there(condor, own, done, refusal)
            wrong: str | None = None
            for job, queued, made in _changed(condor, fit, changes, done) if fit else ():
                before = _before(job, queued)
                _amend(job, made, done)
                if len(made) == len(changes):
                    done.jobs.append(job)
                    done.changes[job.name] = described(before, made)
                    told = [remark(job.name, queued), little]
                    if queued.state == "running":
                        told = ["it runs: that counts from its next start on", little]
                    wrong = _too_much(condor, job) if wrong is None else wrong
                    _remark(done, job, *told, wrong)  # the others ask for the same
    return done


def _check_expression(requirements: str | None, connect: Connect) -> None:
    """HTCondor's own words would be about all that the requirements of a job are made of."""
    if requirements is None:
        return
    with connect(None) as condor:
        try:
            condor.fit({}, requirements)
        except CouldNotAsk:  # who changes it says so
            return
        except LaunchError as error:
            raise unreadable(f"requirements={requirements}") from error


def _changed(
    condor: Condor,
    jobs: Sequence[Pair],
    changes: Mapping[str, Any],
    done: Done,
    before: Mapping[str, Any] | None = None,
) -> Iterator[tuple[JobHandle, QueuedJob, dict[str, Any]]]:
    """The jobs with what was changed of them; of what was not each has a problem.

    Parameters
    ----------
    before
        What was changed of all of them already.
    """
    made = dict(before or {})
    for key in [key for key in changes if key not in made]:
        try:
            _change(condor, jobs, {key: changes[key]})
        except LaunchError as error:
            if len(jobs) > 1 and not isinstance(error, CouldNotAsk):
                for job in jobs:  # one that may not be changed does not keep others from it
                    yield from _changed(condor, [job], changes, done, made)
                return
            for one, _ in jobs:
                done.problems[one.name] = _not_changed(list(made), key, error)
            break
        made[key] = changes[key]
    yield from ((job, queued, made) for job, queued in jobs if made)


def _not_changed(made: Sequence[str], key: str, error: LaunchError) -> str:
    """What was changed of a job, and why the rest was not."""
    are = "is" if len(made) == 1 else "are"
    known = f"{' and '.join(made)} {are} changed, " if made else ""
    if isinstance(error, CouldNotAsk):
        return f"{known}whether {key} was is not known: {error.message}"
    return f"{known}{key} is not: {error.message}" if made else error.message


def _change(condor: Condor, jobs: Sequence[Pair], changes: Mapping[str, Any]) -> None:
    everyone = one_of(job.id for job, _ in jobs)
    for attribute, expression in expressions(changes).items():
        condor.edit(everyone, attribute, expression)
    of_each = {"requirements": "Requirements", "cpus": "Environment", "category": "Environment"}
    wanted = list(dict.fromkeys(name for key, name in of_each.items() if key in changes))
    for job, _ in jobs if wanted else ():
        own = one_of([job.id])
        for ad in condor.query(own, wanted) or ({},):
            parts = {name: _new_part(job, name, ad.get(name), changes) for name in wanted}
            for attribute, expression in parts.items():
                condor.edit(own, attribute, expression)


def _new_part(job: JobHandle, attribute: str, before: Any, changes: Mapping[str, Any]) -> str:
    """The expression for what is another one in each job."""
    if before is None:
        raise LaunchError(f"HTCondor does not tell its {attribute}, so that it stays as it is")
    if attribute == "Requirements":
        return new_requirements(str(before), changes["requirements"])
    limit = _resources(job).get("time_limit")
    own_limit_s = seconds_in(limit) if limit is not None else None
    return quoted(new_environment(str(before), changes, own_limit_s))


def _resources(job: JobHandle) -> dict[str, Any]:
    """What the record says that the job asks for; nothing where that cannot be understood."""
    try:
        resources = _written(job)
    except FactsError:
        return {}
    return {} if problems_of(resources) else resources


def _written(job: JobHandle) -> dict[str, Any]:
    resources = (read_record(job.path) or {}).get("resources")
    return dict(resources) if isinstance(resources, dict) else {}


def _before(job: JobHandle, queued: QueuedJob) -> dict[str, Any]:
    """What a job asks for so far, as far as its record and the queue tell."""
    try:
        return {"priority": queued.priority} | _written(job)
    except FactsError:
        return {"priority": queued.priority}


def _amend(job: JobHandle, changes: Mapping[str, Any], done: Done) -> None:
    """Say so in the record, which a submission that is made again reads."""
    kept = {key: value for key, value in changes.items() if key != "priority"}
    if not kept:
        return
    try:
        # Keys that this version does not know stay.
        amend_record(job.path, job.id, resources=_written(job) | kept)
    except (FactsError, LaunchError) as error:
        _remark(done, job, f"its record could not be changed: {error.message}")


def _too_much(condor: Condor, job: JobHandle) -> str:
    """What no node has of what the job asks for now; nothing where HTCondor does not say."""
    try:
        match = condor.match(one_of([job.id]))
    except LaunchError:
        return ""
    return "; ".join(obstacles(match)[1]) if match and match["slots"] else ""


def _remark(done: Done, job: JobHandle, *words: str) -> None:
    told = [done.remarks.get(job.name, ""), *words]
    if any(told):
        done.remarks[job.name] = "; ".join(filter(None, told))
