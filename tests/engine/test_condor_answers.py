"""What HTCondor says, told in one sentence of ours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.errors import ConfigError, LaunchError
from engine.launch.condor.answers import CouldNotAsk, condensed, read_answer
from engine.launch.condor.client import Condor
from engine.launch.condor.why import misfit
from engine.launch.resources import Resources
from tests.engine.test_condor_why import match

FROZEN = (
    "Failed to fetch ads from schedd, errmsg=SECMAN:2007:This service is running, but did not "
    "respond in a reasonable time. It may be overloaded. Please try again in a few minutes.  If "
    "the problem persists, contact your administrator."
)
REFUSED = (
    "Failed to create job ad, errmsg=Submit:-1:Parse error in expression:  \tRequirements = "
    "(foo(Memory) &&& 3) && (TARGET.Arch == \"X86_64\")  Submit:0:Could not get attribute "
    f"references from Requirements: (foo(Memory) &&& 3) {'x' * 300}"
)  # fmt: skip


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("", ""),
        ("Unable to locate local daemon.", "Unable to locate local daemon"),
        (FROZEN, "This service is running, but did not respond in a reasonable time"),
        (
            REFUSED,
            "Parse error in expression: Requirements = (foo(Memory) &&& 3) && "
            '(TARGET.Arch == "X86_64")',
        ),
        ("AUTHENTICATE:1003:Failed|AUTHENTICATE:1004:Failed to", "Failed"),
        ("no scheduler is named stbc-01.nikhef.nl", "no scheduler is named stbc-01.nikhef.nl"),
        ("y" * 300, "y" * 119 + "…"),
    ],
)
def test_its_first_sentence_without_codes(said: str, told: str) -> None:
    assert condensed(said) == told


def test_our_sentence_comes_first_and_its_words_are_the_hint() -> None:
    with pytest.raises(CouldNotAsk) as silent:
        read_answer({"phase": "query", "error": FROZEN})
    assert silent.value.message == "HTCondor's queue cannot be read"
    assert silent.value.hint.startswith("Jobs that run go on; try again in a few minutes: condor_q")
    assert "HTCondor says: This service is running" in silent.value.hint
    with pytest.raises(LaunchError) as refused:
        read_answer({"phase": "submit", "error": REFUSED})
    assert refused.value.message == "HTCondor did not take the job"
    assert refused.value.hint.startswith("HTCondor says: Parse error in expression")
    with pytest.raises(CouldNotAsk) as lost:
        read_answer({"phase": "name", "error": "no scheduler is named taai"})
    told = "HTCondor's scheduler cannot be found: no scheduler is named taai"
    assert (lost.value.message, lost.value.hint[:22]) == (told, "condor_status -schedd ")


@pytest.mark.parametrize(
    ("config", "told", "remedy"),
    [
        ("", "scheduler does not answer", "try again in a few minutes: condor_q tells"),
        ("/nothing/here", "CONDOR_CONFIG names /nothing/here", "set up for HTCondor"),
    ],
)
def test_a_pool_that_is_down_is_no_missing_configuration(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, config: str, told: str, remedy: str
) -> None:
    pytest.importorskip("htcondor2")
    (tmp_path / "config").write_text(f"SCHEDD_ADDRESS_FILE = {tmp_path}/gone\n")
    monkeypatch.setenv("CONDOR_CONFIG", config or str(tmp_path / "config"))
    with Condor() as condor, pytest.raises(CouldNotAsk) as caught:
        condor.ping()
    assert told in caught.value.message
    assert remedy in caught.value.hint


class Pool:
    """Says how jobs fit, or raises."""

    def __init__(self, said: dict[str, Any] | LaunchError) -> None:
        self.said = said

    def fit(self, asked: dict[str, Any], requirements: str) -> dict[str, Any]:
        if isinstance(self.said, LaunchError):
            raise self.said
        return self.said


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (match(), ""),
        (match(ever=0), ""),  # a node may be particular about jobs that it has not seen
        (match(slots=0), "the pool has no nodes at present"),
        (
            match(asked={"RequestMemory": 900 * 1024}),
            "a job asks for memory 900 GB, and no node has more than 15.62 GB; "
            "launcher.memory=… asks for less",
        ),
        (
            match(asked={"RequestGPUs": 1}),
            "a job asks for 1 GPU, and no node has any; launcher.gpus=0 asks for less",
        ),
        (match(conditions=[["Memory > 5", 3], ["a == 1", 0]]), "no node fulfils a == 1"),
        (CouldNotAsk("nobody is there"), ""),
    ],
)
def test_what_no_node_has_is_known_before_a_job_is_there(said: Any, told: str) -> None:
    asked: Any = Pool(said)
    assert misfit(Resources(), asked) == told


def test_requirements_that_htcondor_cannot_read_are_named() -> None:
    asked: Any = Pool(LaunchError("HTCondor does not understand this"))
    with pytest.raises(ConfigError, match="HTCondor cannot read it"):
        misfit(Resources(requirements="a &&& b"), asked)


@pytest.mark.skipif(
    Path("/etc/condor/condor_config").exists(), reason="this machine is set up for HTCondor"
)
def test_a_machine_without_a_configuration_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("htcondor2")
    monkeypatch.delenv("CONDOR_CONFIG", raising=False)
    told = "cannot be found: CONDOR_CONFIG is not set, and this machine has no configuration"
    with Condor() as condor:
        for _ in range(2):  # the bindings have set it by then
            with pytest.raises(CouldNotAsk, match=told):
                condor.ping()
