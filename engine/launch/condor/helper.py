"""The process that talks to HTCondor: `python -m engine.launch.condor.helper`.

HTCondor's bindings keep the interpreter to themselves while they wait, and some of their calls
wait for ever; so they are used here alone, where `client.py` can end them. It reads one request a
line, a JSON object, and answers each with one line. Whoever asks has standard error, on which the
bindings write as they like.
"""

from __future__ import annotations

import json
import math
import os
import signal
import sys
from collections.abc import Callable, Iterable
from typing import Any

SPARE_S = 5
"""How long after its deadline a request that nobody has ended ends this process."""

_REFUSED = "Unable to edit"
"""How HTCondor says no to a change; other words are of a connection that broke."""

_CONFIGURATION = os.environ.get("CONDOR_CONFIG")
"""The configuration that somebody names; the bindings themselves name one where they find none."""
_NO_CONFIGURATION = "CONDOR_CONFIG is not set, and this machine has no configuration of HTCondor"

_ACTIONS = {"hold": "Hold", "release": "Release", "remove": "Remove", "vacate": "Vacate"}


class _Failure(Exception):
    """A request that came to nothing, with the phase in which it did."""

    def __init__(self, phase: str, text: str) -> None:
        super().__init__(text)
        self.phase = phase


def main() -> int:
    """Answer until nobody asks any more."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what the bindings print is no answer
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    for line in sys.stdin:
        request = json.loads(line)
        # Whoever asked may have been killed, and the call never come back.
        signal.alarm(math.ceil(request["deadline_s"]) + SPARE_S)
        print(json.dumps(answer(request)), file=answers, flush=True)
        signal.alarm(0)
    return 0


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """The answer to a request, or in which phase it failed and what HTCondor said."""
    try:
        return {"answer": _carry_out(request)}
    except _Failure as failure:
        return {"phase": failure.phase, "error": str(failure)}


def _carry_out(request: dict[str, Any]) -> Any:
    try:
        import classad2
        import htcondor2
    except ImportError as error:
        raise _Failure("bindings", str(error)) from error
    for key in ("constraint", "expression"):
        if key in request:
            _parse(classad2, request[key])
    place = _in_phase("reach", lambda: _locate(htcondor2, request.get("schedd")))
    # A scheduler that was started again has another address, which an old object never learns.
    schedd = _in_phase("reach", lambda: htcondor2.Schedd(place))
    call = _CALLS[request["call"]]
    if request["call"] in _CHANGING:
        _in_phase("ping", lambda: _ping(htcondor2, schedd, request))
    answered = _in_phase(request["call"], lambda: call(htcondor2, schedd, request))
    return {"schedd": place.get("Name"), "value": answered}


def _parse(classad2: Any, text: str) -> None:
    """Raise where a text is no expression: a scheduler refuses it without a word, or takes it."""
    try:
        classad2.ExprTree(text)
    except classad2.ClassAdException as error:
        raise _Failure("request", f"{text}: {error}") from error


def _in_phase(phase: str, call: Callable[[], Any]) -> Any:
    """What a call gives; the text of an exception is all that the bindings tell."""
    import htcondor2

    try:
        return call()
    except (htcondor2.HTCondorException, ValueError, TypeError) as error:
        raise _Failure(phase, str(error)) from error


def _locate(htcondor2: Any, name: str | None) -> Any:
    """Where the scheduler is; an unknown name is never taken for this machine's own."""
    missing = _missing_configuration()
    if missing:
        raise _Failure("locate", missing)
    name = name or htcondor2.param.get("SCHEDD_HOST")
    words = (name,) if name else ()
    place = htcondor2.Collector().locate(htcondor2.DaemonType.Schedd, *words)
    if place is None:
        raise _Failure("name", f"no scheduler is named {name}" if name else "no scheduler")
    return place


def _missing_configuration() -> str:
    """That this machine is not set up for HTCondor; else its scheduler may just not answer."""
    if _CONFIGURATION is None:
        return _NO_CONFIGURATION if os.environ.get("CONDOR_CONFIG") == os.devnull else ""
    is_file = os.path.isabs(_CONFIGURATION) and not _CONFIGURATION.rstrip().endswith("|")
    if is_file and not os.path.exists(_CONFIGURATION):
        return f"CONDOR_CONFIG names {_CONFIGURATION}, and there is no such file"
    return ""


def _ping(htcondor2: Any, schedd: Any, request: dict[str, Any]) -> bool:
    schedd.query("false", ["ClusterId"], limit=1)
    return True


def _submit(htcondor2: Any, schedd: Any, request: dict[str, Any]) -> int:
    """Submit one job; its cluster."""
    result = schedd.submit(htcondor2.Submit(request["description"]))
    if result.num_procs() != 1:
        raise _Failure("submit", f"{result.num_procs()} jobs were made in {result.cluster()}")
    return int(result.cluster())


def _submit_each(htcondor2: Any, schedd: Any, request: dict[str, Any]) -> dict[str, Any]:
    """Submit jobs one by one up to the first that is refused; their clusters, and why."""
    taken: list[int] = []
    for described in request["descriptions"]:
        try:
            taken.append(_submit(htcondor2, schedd, {"description": described}))
        except (htcondor2.HTCondorException, ValueError, TypeError, _Failure) as error:
            return {"taken": taken, "refused": str(error)}
    return {"taken": taken, "refused": None}


def _submit_cluster(htcondor2: Any, schedd: Any, request: dict[str, Any]) -> int:
    """Submit one cluster with a job for each item; its number."""
    items = request["items"]
    result = schedd.submit(htcondor2.Submit(request["description"]), itemdata=iter(items))
    if (result.first_proc(), result.num_procs()) != (0, len(items)):
        schedd.act(htcondor2.JobAction.Remove, [str(result.cluster())])
        raise _Failure("submit", f"{result.num_procs()} jobs were made of {len(items)}")
    return int(result.cluster())


def _clusters(htcondor2: Any, schedd: Any, request: dict[str, Any]) -> list[dict[str, Any]]:
    """The ads that fulfil an expression, among them those of clusters."""
    options = htcondor2.QueryOpts.IncludeClusterAd
    ads = schedd.query(request["constraint"], request["attributes"], opts=options)
    return _tidy(ads, request["attributes"])


def _query(htcondor2: Any, schedd: Any, request: dict[str, Any]) -> list[dict[str, Any]]:
    wanted, options = request["attributes"], htcondor2.QueryOpt
    mine = options.DefaultMyJobsOnly if request["mine"] else options.Default
    ads = schedd.query(request["constraint"], [*wanted, "ServerTime"], opts=mine)
    return _tidy(ads, [*wanted, "ServerTime"])


def _history(htcondor2: Any, schedd: Any, request: dict[str, Any]) -> list[dict[str, Any]]:
    ads = schedd.history(request["constraint"], request["attributes"], match=request["most"])
    return _tidy(ads, request["attributes"])


def _act(htcondor2: Any, schedd: Any, request: dict[str, Any]) -> dict[str, Any]:
    """To how many jobs it was done, and to how many not."""
    action = getattr(htcondor2.JobAction, _ACTIONS[request["action"]])
    try:
        # A reason that is no pair is thrown away.
        counts = dict(schedd.act(action, request["constraint"], (request["reason"], 0)))
    except htcondor2.HTCondorException as error:  # a refusal is a count
        raise _Failure("lost", str(error)) from error
    denied, wrong = counts.get("TotalPermissionDenied", 0), counts.get("TotalError", 0)
    why = "permission denied" if denied else "errors" if wrong else ""
    return {"done": counts.get("TotalSuccess", 0), "refused": denied + wrong, "why": why}


def _edit(htcondor2: Any, schedd: Any, request: dict[str, Any]) -> int:
    """In how many jobs it was done."""
    try:
        return int(schedd.edit(request["constraint"], request["attribute"], request["expression"]))
    except htcondor2.HTCondorException as error:
        if not str(error).startswith(_REFUSED):
            raise _Failure("lost", str(error)) from error
        _in_phase("lost", lambda: _ping(htcondor2, schedd, request))
        raise


def _match(htcondor2: Any, schedd: Any, request: dict[str, Any]) -> dict[str, Any]:
    ads = schedd.query(request["constraint"], limit=1)
    return _fits(htcondor2, ads[0]) if ads else {}


def _fit(htcondor2: Any, schedd: Any, request: dict[str, Any]) -> dict[str, Any]:
    """How a job would fit the slots that is not there yet; the scheduler is not asked."""
    import classad2

    job = classad2.ClassAd()
    job.update({**request["asked"], "Requirements": classad2.ExprTree(request["expression"])})
    return _fits(htcondor2, job)


def _fits(htcondor2: Any, job: Any) -> dict[str, Any]:
    import classad2

    from engine.launch.condor.match import fits

    slots = htcondor2.Collector().query(htcondor2.AdType.Startd, 'SlotType =!= "Dynamic"')
    return fits(classad2, job, slots)


def _tidy(ads: Iterable[Any], wanted: list[str]) -> list[dict[str, Any]]:
    """Job ads as JSON; an expression that is not evaluated is text, what is not known left out."""
    plain = (str, int, float, bool)
    return [
        {name: value if isinstance(value, plain) else str(value) for name, value in ad.items()
         if name in wanted and not _is_unknown(value)}
        for ad in ads
    ]  # fmt: skip


def _is_unknown(value: Any) -> bool:
    """Whether it is one of the two values, undefined and error, that say nothing."""
    import classad2

    return isinstance(value, classad2.Value)


_CHANGING = ("submit", "submit_each", "submit_cluster", "act", "edit")
"""Calls before which the scheduler has to answer, so that a failure is its "no"."""

_CALLS: dict[str, Callable[[Any, Any, dict[str, Any]], Any]] = {
    "ping": _ping,
    "submit": _submit,
    "submit_each": _submit_each,
    "submit_cluster": _submit_cluster,
    "clusters": _clusters,
    "query": _query,
    "history": _history,
    "act": _act,
    "edit": _edit,
    "match": _match,
    "fit": _fit,
}

if __name__ == "__main__":
    sys.exit(main())
