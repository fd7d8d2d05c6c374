"""What a job is described by to HTCondor, and that all in it arrives as it was."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import ConfigError
from engine.launch.condor.submit import (
    Submission,
    arguments,
    description,
    environment,
    job_environment,
    unfit,
)
from engine.launch.resources import Resources, problems_of, size_kib

HOSTILE = (
    "name='hello world'", "x='it''s'", 'x="say \\"hi\\""', "+d={a: 1, b: 'c d'}",
    """l=[a,'b c',"d e"]""", "x=a\\,b", "end\\", "''", '""', '"', "'", "", " ", " a", "a ", "a\tb",
    "#x", "a;b|c&d>e<f", "*?[a-z]", "`id`", "${oc.env:HOME}", "${now:%Y}", "$HOME", "$$", "$",
    "$(ClusterId)", "$ENV(HOME)", "$RANDOM_CHOICE(a,b)", "$F(y)", "$x$(y)", "$Fq(a)",
    "ü→é", "~sweep=1", "a=b=c", "key=!!python/object:x", "\\n", "x" * 3000, "$1(a)", "$(DOLLARS)",
    "queue", "max_retries=3", "--help", "a,b", "{a}", "(a)", "%20", "@file", "x=null", "^", "100%",
)  # fmt: skip

TEXTS = st.text(st.characters(exclude_categories=("Cs",))) | st.lists(
    st.sampled_from(["$", "$(", "$F(", "DOLLAR", ")", '"', "'", " ", "\t", "\\", "a", "é"])
).map("".join)


def expanded(value: str) -> str:
    """A value as HTCondor reads it after it has put in what `$(…)` stands for."""
    known = {"ClusterId": "12", "ProcId": "0", "DOLLAR": "$"}
    assert not re.search(r"\$[A-Za-z_]\w*\(", value, re.ASCII), "it would be expanded"
    assert "$$(" not in value, "it would be expanded on the node"
    return re.sub(r"\$\((\w+)\)", lambda match: known[match[1]], value)


def words(value: str) -> list[str]:
    """The words of a value in the new syntax."""
    text = expanded(value)
    assert text[0] == text[-1] == '"'
    inner = text[1:-1]
    assert not re.search(r'(?<!")"(?:"")*(?!")', inner), "a double quote that is not doubled"
    inner = inner.replace('""', '"')
    found, word, quoted, at = [], None, False, 0
    while at < len(inner):
        char = inner[at]
        if quoted and inner[at : at + 2] == "''":
            word, at = word + "'", at + 1
        elif char == "'":
            word, quoted = word or "", not quoted
        elif char in " \t" and not quoted:
            found += [] if word is None else [word]
            word = None
        else:
            word = (word or "") + char
        at += 1
    assert not quoted
    return found + ([] if word is None else [word])


@pytest.mark.parametrize("value", HOSTILE)
def test_a_hostile_value_arrives_intact(value: str) -> None:
    assert not unfit(value)
    assert words(arguments([value])) == [value]


def test_hostile_values_arrive_together() -> None:
    assert words(arguments(HOSTILE)) == list(HOSTILE)


@given(st.lists(TEXTS))
def test_what_is_fit_to_travel_arrives_and_the_rest_is_refused(given_words: list[str]) -> None:
    fit = [word for word in given_words if not unfit(word)]
    assert words(arguments(fit)) == fit
    for word in set(given_words) - set(fit):
        assert re.search(r"[\x00-\x08\x0a-\x1f\x7f]|\$\$\w*\(|\$\(DOLLAR\)", word)


@given(st.dictionaries(st.from_regex(r"[A-Za-z_]\w*", fullmatch=True), TEXTS))
def test_the_environment_arrives(variables: dict[str, str]) -> None:
    fit = {name: value for name, value in variables.items() if not unfit(value)}
    told = dict(word.split("=", 1) for word in words(environment(fit)))
    assert told == {**fit, "THESIS_JOB_ID": "12.0"}


@pytest.mark.parametrize(
    "text", ["a\nb", "a\rb", "nul\0", "\x1b[31m", "$$(x)", "$$ENV(x)", "$(DOLLAR)", "\ud800"]
)
def test_what_cannot_travel_is_refused(text: str) -> None:
    assert unfit(text)


JOB = Submission(
    Path("/data/runs/run_20261101-140600_ae/launch.json"),
    "0123456789abcdef",
    Path("/project/hpc/stoomboot/train.sh"),
    Resources(),
    {"HOME": "/user/someone", "LANG": "C.UTF-8"},
)

GOLDEN = """\
universe = vanilla
executable = /project/hpc/stoomboot/train.sh
arguments = "--launch /data/runs/run_20261101-140600_ae/launch.json"
initialdir = /data/runs/run_20261101-140600_ae
output = /data/runs/run_20261101-140600_ae/job.out
error = /data/runs/run_20261101-140600_ae/job.err
log = /data/runs/run_20261101-140600_ae/job.log
should_transfer_files = NO
getenv = False
environment = "HOME=/user/someone LANG=C.UTF-8 THESIS_JOB_ID=$(ClusterId).$(ProcId)"
batch_name = run_20261101-140600_ae
My.ThesisRunId = "0123456789abcdef"
submit_event_notes = run 0123456789abcdef
notification = Never
on_exit_remove = (ExitCode =!= 85) || (NumJobCompletions >= 50)
job_lease_duration = 1200
request_cpus = 1
request_memory = 4096
request_disk = 2097152
job_max_vacate_time = 300
"""

EVERYTHING = Resources(
    cpus=8,
    gpus=1,
    gpu_capability=7.0,
    memory="1.5 GB",
    disk="10G",
    category="short",
    os="el9",
    requirements='Machine != "wn-1"',
    accounting_group="atlas",
    max_vacate_time=60,
)

GOLDEN_REQUESTS = """\
request_cpus = 8
request_memory = 1536
request_disk = 10485760
request_gpus = 1
gpus_minimum_capability = 7.0
requirements = Machine != "wn-1"
accounting_group = atlas
job_max_vacate_time = 60
My.JobCategory = "short"
My.UseOS = "el9"
"""


def as_text(described: dict[str, str]) -> str:
    return "".join(f"{name} = {value}\n" for name, value in described.items())


def test_the_description_of_a_job() -> None:
    assert as_text(description(JOB)) == GOLDEN


def test_all_that_can_be_asked_for_is_in_the_description() -> None:
    text = as_text(description(replace(JOB, resources=EVERYTHING)))
    assert text == GOLDEN[: GOLDEN.index("request_cpus")] + GOLDEN_REQUESTS


def test_a_record_in_a_strange_place_keeps_its_name() -> None:
    place = Path("/data/it's $(here), $ENV(HOME)/launch.json")
    described = description(replace(JOB, record=place))
    assert words(described["arguments"]) == ["--launch", str(place)]
    assert expanded(described["initialdir"]) == str(place.parent)
    assert expanded(described["log"]) == str(place.with_name("job.log"))


def test_all_that_cannot_be_described_is_told_at_once() -> None:
    bad = replace(
        JOB,
        record=Path("/data/a\nrequest_cpus = 7/launch.json"),
        executable=Path("train.sh"),
        id='"; x',
        environment={"A B": "x", "TZ": "a\nb"},
    )
    with pytest.raises(ConfigError) as caught:
        description(bad)
    first = ("executable 'train.sh'", "record '/data/a\\n", "id ", "variable A B", "variable TZ")
    for told, start in zip(caught.value.problems, first, strict=True):
        assert told.startswith(start)


@pytest.mark.parametrize("folder", ["/data/end ", "/data/end\\"])
def test_a_folder_whose_name_would_be_cut_is_refused(folder: str) -> None:
    with pytest.raises(ConfigError, match="lost on the way"):
        description(replace(JOB, record=Path(folder, "launch.json")))


def test_a_job_gets_few_variables_of_the_shell_and_its_own() -> None:
    around = {"HOME": "/h", "PATH": "/bin", "SECRET_TOKEN": "x", "SSH_AUTH_SOCK": "y"}
    wanted = Resources(cpus=4, category="express")
    assert job_environment(around, Path("/venv/bin/python"), "abc", wanted) == {
        "HOME": "/h",
        "PATH": "/bin",
        "OMP_NUM_THREADS": "4",
        "MKL_NUM_THREADS": "4",
        "THESIS_TIME_LIMIT_S": "600",
        "PYTHON": "/venv/bin/python",
        "PYTHONUNBUFFERED": "1",
        "THESIS_LAUNCH_ID": "abc",
    }


@pytest.mark.parametrize(
    ("text", "kib"),
    [("4GB", 4 << 20), ("4 gib", 4 << 20), ("1.5G", 3 << 19), ("512MB", 512 << 10), ("1K", 1)],
)
def test_sizes_have_units(text: str, kib: int) -> None:
    assert size_kib(text) == kib


def test_memory_is_never_rounded_down() -> None:
    assert Resources(memory="1500 KB").memory_mib == 2


def test_a_category_tells_how_long_a_job_may_take() -> None:
    assert (Resources(category="short").limit_s, Resources().limit_s) == (14400, None)


@pytest.mark.parametrize(
    ("time", "seconds"), [("90s", 90), ("90 min", 5400), ("4h", 14400), ("2d", 172800)]
)
def test_a_time_limit_tells_it_where_there_are_no_categories(time: str, seconds: int) -> None:
    assert Resources.from_entries({"time_limit": time}).limit_s == seconds
    assert Resources.from_entries({"category": "long", "time_limit": time}).limit_s == seconds


def test_a_time_limit_is_not_longer_than_the_category_allows() -> None:
    (problem,) = problems_of({"category": "express", "time_limit": "11min"})
    assert problem == "launcher.time_limit=11min: a job of category express gets less time"


def test_all_that_is_wrong_with_the_resources_is_told_at_once() -> None:
    wrong = {
        "cpu": 2,
        "gpus": True,
        "memory": "lots",
        "disk": 4,
        "category": "shrt",
        "time_limit": "4 weeks",
        "os": 'el9"',
        "requirements": "a\nqueue 100",
        "accounting_group": "a b",
        "max_vacate_time": 0,
        "gpu_capability": "x",
    }
    assert problems_of(wrong) == [
        "launcher.cpu: there is no such key; did you mean launcher.cpus?",
        "launcher.gpus=True: a whole number, 0 or more, is needed",
        "launcher.memory='lots': a size with its unit is needed, such as 4GB or 512MB",
        "launcher.disk=4: a size with its unit is needed, such as 4GB or 512MB",
        "launcher.category='shrt': the categories are express, short, medium, long; "
        "did you mean short?",
        "launcher.time_limit='4 weeks': a time with its unit is needed, such as 90min or 4h",
        "launcher.os='el9\"': letters, digits and . _ @ + - only",
        "launcher.requirements='a\\nqueue 100': it has to be one line",
        "launcher.accounting_group='a b': letters, digits and . _ @ + - only",
        "launcher.max_vacate_time=0: a whole number, 1 or more, is needed",
        "launcher.gpu_capability='x': a number such as 7.0 is needed",
    ]


def test_a_capability_needs_a_gpu() -> None:
    (problem,) = problems_of({"gpu_capability": 7.0})
    assert problem == "launcher.gpu_capability: it needs launcher.gpus=1 or more"


def test_resources_are_made_of_good_entries_only() -> None:
    assert Resources.from_entries({"cpus": 2, "memory": "8GB"}).memory_mib == 8192
    with pytest.raises(ConfigError, match="2 problems"):
        Resources.from_entries({"cpus": 0, "memory": "8"})
