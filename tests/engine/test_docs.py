"""The documentation, tried: its commands run, its links lead somewhere, its tables are true."""

from __future__ import annotations

import functools
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from omegaconf import OmegaConf

import engine.cli
import engine.cli.train
from engine.cli.jobs_actions import ON_CLUSTER
from engine.config.cluster_launcher import ClusterPoint, ClusterSweep, Trained
from engine.config.compose import compose
from engine.config.fields import FIELDS
from engine.config.paths import config_dir, sample_dir
from engine.facts import RunDir, machine
from engine.launch.condor.acting import Done
from engine.launch.job import HTCONDOR, LOCAL, JobHandle, JobSpec
from engine.launch.record import new_entries, record_path, write_record

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    ROOT / "hpc" / "README.md",
]
CONFIGS_GUIDE = ROOT / "docs" / "CONFIGS_GUIDE.md"

PROGRAMS = {"thesis-train": engine.cli.train.main, "engine": engine.cli.main}
READERS = ("jq", "ls", "cat", "head", "tail")
NO_TRAINING = {"--help", "--cfg", "--info", "--version", "--shell-completion", "--hydra-help"}

TINY = {
    "phase1.trainer.epochs": "1",
    "data.limit_samples": "64",
    "logging.make_plots": "false",
}
"""What every documented training is run with, whatever it says itself."""

# A table row of a key: its default and what is allowed, each as code or as plain words.
KEY_ROW = re.compile(r"^\| `([a-z0-9_.]+)` \| `(.+?)` \| (.+?) \| .+ \|$", re.MULTILINE)

# Between them these configs have every key there is.
CONTEXTS = (
    (),
    ("phase1/encoder=gnn", "phase1/decoder=gnn"),
    ("loop=gan_ae", "phase1/encoder=gan"),
    ("loop=diffusion_ae", "phase1/encoder=diffusion"),
    ("phase1/latent_space=linear",),
    ("phase1/latent_space=vq",),
    ("loop=test_mlp",),
    ("launcher=htcondor",),
)


@dataclass(frozen=True)
class Block:
    """A fenced block of a document; `file` is what stands behind the language, if anything."""

    document: Path
    line: int
    language: str
    file: str
    text: str

    @property
    def name(self) -> str:
        return f"{self.document.relative_to(ROOT)}:{self.line}"


@dataclass(frozen=True)
class Command:
    """A command of a shell block: settings before it, the program, its arguments."""

    document: Path
    settings: tuple[str, ...]
    program: str
    words: tuple[str, ...]

    @property
    def name(self) -> str:
        return " ".join([*self.settings, self.program, *self.words])


def blocks(*languages: str) -> list[Block]:
    """The fenced blocks of all documents in these languages."""
    return [b for d in DOCUMENTS for b in _blocks_of(d) if b.language in languages]


def _blocks_of(document: Path) -> Iterator[Block]:
    text = document.read_text(encoding="utf-8")
    for match in re.finditer(r"^```(\w+) *(\S*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        line = text.count("\n", 0, match.start()) + 1
        yield Block(document, line, *match.groups())


def shell_lines() -> list[tuple[Path, str]]:
    """Each line of the shell blocks once, with its document; continued lines are joined."""
    found: dict[str, Path] = {}
    for block in blocks("bash"):
        for line in re.sub(r"\\\n\s*", "", block.text).splitlines():
            found.setdefault(line.strip(), block.document)
    return [(document, line) for line, document in found.items()]


def commands() -> list[Command]:
    """The commands of the shell blocks that this project installs.

    Those that come to the same once they are made small run once.
    """
    found: dict[tuple[str, ...], Command] = {}
    for document, line in shell_lines():
        command = _parse(document, line)
        if command is not None:
            key = (*command.settings, command.program, *arguments(command, Path()))
            found.setdefault(key, command)
    return list(found.values())


def _parse(document: Path, line: str) -> Command | None:
    words = shlex.split(line, comments=True)
    n_settings = 0
    while n_settings < len(words) and re.match(r"[A-Z_]+=", words[n_settings]):
        n_settings += 1
    settings, rest = words[:n_settings], words[n_settings:]
    if not rest or rest[0] not in PROGRAMS:
        return None
    end = next((i for i, word in enumerate(rest) if word in ("|", "&&", "&")), len(rest))
    return Command(document, tuple(settings), rest[0], tuple(rest[1:end]))


def trains(command: Command) -> bool:
    """Whether it is the training command, and not one that looks at runs."""
    return command.program == "thesis-train" or command.words[:1] == ("train",)


def arguments(command: Command, folder: Path) -> list[str]:
    """What the command is called with; a training is made small."""
    if trains(command) and NO_TRAINING.isdisjoint(command.words):
        return tiny(command.words, folder)
    return list(command.words)


def tiny(words: tuple[str, ...], folder: Path) -> list[str]:
    """The arguments of a training, made small; places of others become places that are here."""
    here = {
        "env.data_root": str(sample_dir()),
        "env.output_root": str(folder / "outputs"),
        "data.file": "tops_20k.h5",
    }
    given = {word.split("=")[0] for word in words}
    wanted = TINY | {key: value for key, value in here.items() if key in given}
    if "env=stoomboot" in words:
        wanted |= {"data.file": here["data.file"]}
    kept = [word for word in words if word.split("=")[0] not in wanted]
    return kept + [f"{key}={value}" for key, value in wanted.items()]


def write_files(document: Path, folder: Path) -> None:
    """The files that a document shows, in `folder`, for its commands to use."""
    for block in _blocks_of(document):
        if block.file:
            path = folder / block.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, encoding="utf-8")


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Trainings as small as these gain nothing from a second thread, and wait for it."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("command", commands(), ids=lambda command: command.name)
def test_documented_command_runs(
    command: Command, own_folder: Path, finished_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not trains(command):
        put_runs(finished_run, own_folder)
    if command.words[:1] == ("jobs",):
        put_job(own_folder, HTCONDOR if {*command.words} & {*ON_CLUSTER} else LOCAL)
    monkeypatch.setattr("engine.launch.local.submit", launched)
    monkeypatch.setattr("engine.cli.cluster_sweep.train_on_cluster", trained)
    for action in ("actions.hold", "actions.release", "actions.remove", "editing.edit"):
        monkeypatch.setattr(f"engine.launch.condor.{action}", acted)
    monkeypatch.setattr("engine.launch.condor.why.why", lambda job, connect: "all nodes are busy")
    monkeypatch.setattr("engine.launch.submission.submit", submitted)
    write_files(command.document, own_folder)
    monkeypatch.setattr(sys, "path", list(sys.path))
    for setting in command.settings:
        name, _, value = setting.partition("=")
        monkeypatch.setenv(name, value)
        if name == "PYTHONPATH":
            monkeypatch.syspath_prepend(str(Path(value).absolute()))
    if "env=stoomboot" in command.words:
        monkeypatch.setenv("USER", "someone")
        monkeypatch.setenv("THESIS_DATA_ROOT", str(own_folder))
        for name in ("4tops_splitted.h5", "tops_20k.h5"):
            (own_folder / name).symlink_to(sample_dir() / "tops_20k.h5")
        monkeypatch.setenv("THESIS_OUTPUT_ROOT", str(own_folder / "outputs"))
    assert PROGRAMS[command.program](arguments(command, own_folder)) == 0


def launched(spec: JobSpec) -> JobHandle:
    """What a launch gives, without one: what it would start is tried elsewhere."""
    path = record_path(spec.directory, sweep=spec.sweep)
    return JobHandle(path, kind=spec.kind, pid=1, points=spec.points)


def submitted(spec: JobSpec, *_: object) -> JobHandle:
    """The same of a job that is sent to a cluster."""
    return replace(launched(spec), job_id="1.0", schedd="here")


def acted(jobs: Sequence[JobHandle], *_: object) -> Done:
    """What comes of an action on a cluster that does it."""
    return Done(list(jobs))


def trained(sweep: ClusterSweep, points: Sequence[ClusterPoint]) -> list[Trained]:
    """The same of the runs of a sweep there."""
    return [Trained(point.directory, 0.5) for point in points]


def put_job(folder: Path, target: str) -> None:
    """A job under way in `outputs/`: the process that started this one."""
    run_dir = RunDir.claim(folder / "outputs" / "runs" / "run_20261101-140600_ae")
    pid = os.getppid()
    spec = JobSpec((), run_dir.path, target=target)
    process = {"pid": pid, "pid_started": machine.process_start(pid)}
    write_record(run_dir.launch, new_entries(spec) | process)
    run_dir.log.write_text("begun\n")


@pytest.fixture(scope="module")
def finished_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which one small training has left its outputs."""
    folder = tmp_path_factory.mktemp("documented")
    words = ("phase1/latent_space=vq", f"env.output_root={folder / 'outputs'}")
    overrides = [f"{key}={value}" for key, value in TINY.items() if key != "logging.make_plots"]
    minimal = ["logging=plots_minimal", "logging.dpi=40"]
    assert engine.cli.train.main([*words, *overrides, *minimal]) == 0
    return folder


def put_runs(finished: Path, folder: Path) -> None:
    """Two runs in `outputs/`, with the names that the documents take for example."""
    (run,) = (finished / "outputs" / "runs").iterdir()
    for name in ("run_20261101-140500_vq_job0", "run_20261101-140512_vq_job1"):
        shutil.copytree(run, folder / "outputs" / "runs" / name, symlinks=True)


@pytest.fixture
def beside_a_run(finished_run: Path, own_folder: Path) -> Path:
    """The test's own folder, with `outputs/` of the finished run in it."""
    shutil.copytree(finished_run / "outputs", own_folder / "outputs", symlinks=True)
    return own_folder


def snippets() -> list[Block]:
    """Python that is to be run as it stands."""
    return [block for block in blocks("python") if not block.file]


@pytest.mark.parametrize("block", snippets(), ids=lambda block: block.name)
def test_documented_python_runs(block: Block, beside_a_run: Path) -> None:
    assert block.text.strip()
    exec(compile(block.text, block.name, "exec"), {"__name__": "documented"})  # noqa: S102


def reading_lines() -> list[str]:
    """Shell lines that look at what a run left."""
    return [line for _, line in shell_lines() if line.split(" ")[0] in READERS]


@pytest.mark.parametrize("line", reading_lines())
def test_documented_reading_works(line: str, beside_a_run: Path) -> None:
    if "jq " in line and shutil.which("jq") is None:
        pytest.skip("jq is not installed")
    shell = ["bash", "-e", "-o", "pipefail", "-c", line]
    assert subprocess.run(shell, capture_output=True, text=True, timeout=20, check=True).stdout


def failures() -> list[Block]:
    """Blocks that show a command and the error it ends with."""
    return [block for block in blocks("console") if "\nerror: " in block.text]


@pytest.mark.parametrize("block", failures(), ids=lambda block: block.name)
def test_documented_error_is_what_the_command_says(
    block: Block, capsys: pytest.CaptureFixture[str]
) -> None:
    typed, _, shown = block.text.partition("\nerror: ")
    command = _parse(block.document, re.sub(r"\\\n\s*", "", typed).removeprefix("$ "))
    assert command is not None
    assert PROGRAMS[command.program](list(command.words)) == 2
    assert capsys.readouterr().err == f"error: {shown}"


def _prose(document: Path) -> str:
    """A document without its code."""
    text = re.sub(r"^```.*?^```$", "", document.read_text(encoding="utf-8"), flags=re.M | re.S)
    return re.sub(r"`[^`\n]*`", "", text)


def _anchors(document: Path) -> set[str]:
    """What `#…` may be in a link to a document."""
    titles = re.findall(r"^#+ (.+)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    words = [re.sub(r"[^\w\- ]", "", title.lower()) for title in titles]
    return {text.replace(" ", "-") for text in words}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", _prose(document))
    for link in links:
        if link.startswith(("http://", "https://")):
            continue
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        assert target.exists(), f"{link} leads nowhere"
        assert not anchor or anchor in _anchors(target), f"{link} names no heading"


def test_documented_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {line.split()[1] for _, line in shell_lines() if re.match(r"make [a-z]", line)}
    assert named
    assert named <= targets


def key_rows() -> dict[str, tuple[str, str]]:
    """Key to default and allowed values, from the tables of the configs guide."""
    rows = KEY_ROW.findall(CONFIGS_GUIDE.read_text(encoding="utf-8"))
    return {key: (default, allowed) for key, default, allowed in rows}


@functools.cache
def composed(overrides: tuple[str, ...]) -> Any:
    """The config that the overrides give, with its references as they are written."""
    return OmegaConf.to_container(compose(overrides), resolve=False)


def _defaults(key: str) -> list[Any]:
    """The values of a key in the configs that have it."""
    found = []
    for overrides in CONTEXTS:
        value = composed(overrides)
        try:
            for part in key.split("."):
                value = value[part]
        except (KeyError, TypeError):
            continue
        found.append(value)
    return found


@pytest.mark.parametrize("key", key_rows())
def test_documented_default_is_the_default(key: str) -> None:
    defaults = _defaults(key)
    assert defaults, f"there is no key {key}"
    assert yaml.safe_load(key_rows()[key][0]) in defaults


def test_every_checked_key_is_documented_with_its_range() -> None:
    rows = key_rows()
    assert {field.key: rows.get(field.key, ("", ""))[1] for field in FIELDS} == {
        field.key: field.expected() for field in FIELDS
    }


def test_every_option_is_documented() -> None:
    text = CONFIGS_GUIDE.read_text(encoding="utf-8")
    for path in config_dir().rglob("*.yaml"):
        group = path.parent.relative_to(config_dir()).as_posix()
        if group != ".":
            row = re.compile(rf"^\| `{group}` \| `{path.stem}`", re.MULTILINE)
            assert row.search(text), f"no row for {group}={path.stem}"
