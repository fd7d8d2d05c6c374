"""What HTCondor's scheduler answers, or why it does not, as the helper process tells it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.errors import LaunchError
from engine.facts.text import plain
from engine.facts.words import first_line

_MISSING = "HTCondor's Python bindings are not here"
_INSTALL = "pip install htcondor"
_REMEDIES = {
    "locate": "Jobs are sent from a machine that is set up for HTCondor.",
    "name": "condor_status -schedd lists those that answer; launcher.schedd names one.",
}
_SENTENCES = {
    **dict.fromkeys(("locate", "name"), "HTCondor's scheduler cannot be found"),
    **dict.fromkeys(("reach", "ping"), "HTCondor's scheduler does not answer"),
    "submit": "HTCondor did not take the job",
    "submit_each": "HTCondor did not take the jobs",
    "submit_cluster": "HTCondor did not take the jobs",
    "clusters": "HTCondor's queue cannot be read",
    "query": "HTCondor's queue cannot be read",
    "history": "HTCondor's history cannot be read",
    "lost": "the connection to HTCondor broke",
    "edit": "HTCondor did not change the job",
    **dict.fromkeys(("match", "fit"), "HTCondor's slots cannot be read"),
    "request": "HTCondor does not understand this",
}
"""The phase in which a request failed to what is told."""

_NAMED = ("locate", "name", "request", "edit")
"""Phases in which the sentence needs HTCondor's words; else they are in the hint."""
WAIT = "Jobs that run go on; try again in a few minutes: condor_q tells whether it answers."
"""What to do where the scheduler does not answer."""
_CODE = re.compile(r"(?:^|\s*)\b[A-Za-z_]+:-?\d+:\s*")
_SENTENCE_END = re.compile(r"\.(?:\s|$)|\|")
_LONGEST = 120

_REFUSALS = ("request", "submit", "submit_each", "submit_cluster", "act", "edit")
"""Phases in which a failure is an answer."""


class CouldNotAsk(LaunchError):
    """Nobody answered: what is asked for may be so, or not."""


@dataclass(frozen=True)
class Answer:
    """What the scheduler said."""

    schedd: str
    """Its name."""
    value: Any


@dataclass(frozen=True)
class Acted:
    """What came of an action."""

    done: int
    """To how many jobs it was done."""
    refused: int = 0
    """To how many it was not, though they are there."""
    why: str = ""


def read_answer(told: Mapping[str, Any]) -> Answer:
    """The answer of the helper process.

    Raises
    ------
    CouldNotAsk
        If nobody answered.
    LaunchError
        If the answer is no.
    """
    if "answer" in told:
        return Answer(str(told["answer"]["schedd"]), told["answer"]["value"])
    phase, said = str(told.get("phase")), plain(told.get("error") or "")
    if phase == "bindings":
        raise CouldNotAsk(f"{_MISSING}: {said}", f"{_INSTALL} brings them.")
    sentence, words = _SENTENCES.get(phase, "HTCondor cannot be asked"), condensed(said)
    kind = LaunchError if phase in _REFUSALS else CouldNotAsk
    if phase in _NAMED:
        raise kind(f"{sentence}: {words}" if words else sentence, _REMEDIES.get(phase, ""))
    wait = WAIT if kind is CouldNotAsk else ""
    says = f"HTCondor says: {words}" if words else ""
    raise kind(sentence, " ".join(filter(None, [wait, says])))


def condensed(said: str) -> str:
    """The first sentence of what HTCondor says, without the codes of its errors, and not long."""
    said = said.partition("errmsg=")[2] or said
    parts = [part for part in _CODE.split(said) if part.strip()]
    sentence = _SENTENCE_END.split(" ".join(parts[0].split()))[0] if parts else ""
    return first_line(sentence, _LONGEST)
