"""A run directory made to do harm: it is shown as text or refused, and executes nothing."""

from __future__ import annotations

import base64
import json
import os
import pickle
import re
import struct
from pathlib import Path
from typing import Any

import pytest

from engine.cli import main
from engine.errors import FactsError
from engine.facts import RunDir
from engine.training_loops.checkpoints import load_checkpoint
from tests.bench.tree import config_of, events_of, make_run

ESCAPES = "\x1b]0;title\x07\x1b[31mred\x1b[2J\x9b2J\x00\x08\u202e"
MARKUP = "<script>alert(1)</script>[bold]__proto__'\"&|*_`"
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")

SECRET = "the-secret-of-another-file"
SECRET_NUMBER = "0.73571113"


class Marker:
    """A file that is there once anything of the run directory was executed."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        """What a pickle runs when it is loaded."""
        return (os.system, (self.command,))

    @property
    def command(self) -> str:
        return f"touch {self.path}"

    @property
    def text(self) -> str:
        """A text that any reader may trip over."""
        return f"{ESCAPES}$({self.command}){MARKUP}\nsecond line"


@pytest.fixture
def marker(tmp_path: Path) -> Marker:
    return Marker(tmp_path / "executed")


@pytest.fixture
def hostile(own_folder: Path, marker: Marker) -> Path:
    """A run with something hostile in every text of every file, beside a good one."""
    root = own_folder / "outputs"
    make_run(root / "good", epochs=2)
    run = RunDir(root / f"evil{ESCAPES.replace(chr(0), '')}$(touch executed)<script>[bold]\nx")
    run.facts.mkdir(parents=True)
    events = events_of(run.path, config_of(1, 3), 3, "on_exception")
    run.events.write_text("".join(json.dumps(poisoned(e, marker.text)) + "\n" for e in events))
    run.scalars.write_text(f"epoch,split,{marker.text}\n0,val,1\n")
    text = json.dumps(marker.text)
    run.hydra.mkdir()
    (run.hydra / "overrides.yaml").write_text(f"- {text}\n- a={text}\n")
    (run.hydra / "config.yaml").write_text(
        f'loop: ae\nevil: !!python/object/apply:os.system ["{marker.command}"]\n'
    )
    record = dict.fromkeys(("run_id", "target", "reason", "job_id", "parent"), marker.text)
    run.launch.write_text(json.dumps(record | {"command": [marker.text], "state": "ended"}))
    run.attempts.mkdir()
    attempt = dict.fromkeys(("host", "job_id", "started", "boot_id", "run_dir"), marker.text)
    (run.attempts / "1.json").write_text(json.dumps(attempt | {"attempt": 1, "pid": -1}))
    labels = {"tags": [f"t{ESCAPES}", MARKUP], "note": marker.text}
    run.labels.write_text(json.dumps(labels))
    run.log.write_bytes(marker.text.encode() + b"\xff\xfe\n\x1b[31mlog\n")
    run.last.write_bytes(pickle.dumps(marker))
    run.best.write_bytes(pickle.dumps(marker))
    run.figures.symlink_to("/etc")
    return run.path


def poisoned(value: Any, text: str) -> Any:
    """`value` with `text` after every text and name in it but the moment, the times and places."""
    if isinstance(value, dict):
        fixed = ("moment", "timestamp", "_target_", "schema_version")
        return {
            name: entry if name in fixed else poisoned(entry, text) for name, entry in value.items()
        } | {f"__proto__{text}": text, f"number{text}": 0.5}
    return f"{value}{text}" if isinstance(value, str) else value


READING = [
    ["runs"],
    ["runs", "--json"],
    ["runs", "--group-by", "state"],
    ["runs", "--columns", "name,host,job,parent,tag,note,overrides,sentence,problem"],
    ["show", "RUN", "--config", "--events", "--log", "9"],
    ["show", "RUN", "--json", "--events", "--log", "9"],
    ["diff", "RUN", "good", "--all"],
    ["diff", "RUN", "good", "--json"],
    ["follow", "RUN"],
    ["follow", "RUN", "--json"],
    ["plot", "RUN"],
    ["plot", "RUN", "--list"],
    ["plot", "RUN", "good", "--json"],
    ["export", "RUN", "good"],
    ["export", "RUN", "--json"],
    ["export", "RUN", "--latex"],
    ["export", "RUN", "--curves"],
    ["tag", "RUN"],
    ["note", "RUN"],
    ["archive", "RUN"],
    ["report", "RUN", "good", "-o", "-"],
    ["remove", "RUN", "--dry-run"],
]
FOR_PEOPLE = [words for words in READING if "--json" not in words and words[0] != "report"]
"""Commands that print something else on a terminal."""


@pytest.mark.parametrize(
    ("words", "terminal"),
    [
        *(pytest.param(words, False, id=" ".join(words)) for words in READING),
        *(pytest.param(words, True, id=" ".join([*words, "(terminal)"])) for words in FOR_PEOPLE),
    ],
)
def test_a_command_shows_hostile_text_as_text(
    hostile: Path,
    marker: Marker,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    terminal: bool,
) -> None:
    monkeypatch.setenv("TERM", "dumb")  # no colours: every escape sequence is the run's
    monkeypatch.setattr("engine.cli.output.on_terminal", lambda: terminal)
    code = main([str(hostile) if word == "RUN" else word for word in words])
    out, err = capsys.readouterr()
    assert code == (1 if words[0] == "follow" else 0), err
    assert out
    assert not CONTROL.search(out), CONTROL.findall(out)
    assert not CONTROL.search(err), CONTROL.findall(err)
    if "--json" in words and words[0] != "follow":
        json.loads(out)
    if words[0] == "report":
        assert "<script" not in out.lower()
        assert "&lt;script&gt;" in out
    assert not marker.path.exists()
    assert os.listdir(".") == ["outputs"]


def test_the_text_itself_is_kept(
    hostile: Path, marker: Marker, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["show", str(hostile), "--json"]) == 0
    (said,) = json.loads(capsys.readouterr().out)
    assert marker.command in said["overrides"][1]
    assert marker.command in said["note"]
    assert "\x1b" not in said["train_command"]
    assert MARKUP in said["config"]["device"]


def test_a_saved_config_and_a_checkpoint_execute_nothing(
    hostile: Path, marker: Marker, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["resume", str(hostile)]) == 2
    error = capsys.readouterr().err
    assert "config.yaml cannot be read" in error
    assert not CONTROL.search(error), CONTROL.findall(error)
    for path in (RunDir(hostile).last, RunDir(hostile).best):
        with pytest.raises(FactsError, match="not a checkpoint that can be read safely"):
            load_checkpoint(path)
    assert not marker.path.exists()


def a_run_of_links(folder: Path, elsewhere: Path, links: str) -> Path:
    """A run whose files are those of another one, but for its first attempt."""
    other = RunDir(make_run(elsewhere, epochs=2))
    for file in (other.events, other.hydra / "overrides.yaml", other.log):
        text = file.read_text().replace("token_mse", SECRET).replace("vq", SECRET)
        file.write_text(re.sub(r'("(?:best_)?val_loss":)[0-9.]+', rf"\g<1>{SECRET_NUMBER}", text))
    other.labels.write_text(json.dumps({"tags": ["a-secret"], "note": SECRET}))
    other.figures.mkdir()
    picture = struct.pack(">8sI4sII", b"\x89PNG\r\n\x1a\n", 13, b"IHDR", 1, 1)
    (other.figures / "passport.png").write_bytes(picture + SECRET.encode())
    run = RunDir(folder)
    for place in (other.log, other.labels):
        (run.path / place.name).parent.mkdir(parents=True, exist_ok=True)
        (run.path / place.name).symlink_to(place)
    for place in (other.facts, other.hydra, other.figures):
        mine = run.path / place.name
        if links == "folders":
            mine.symlink_to(place)
            continue
        mine.mkdir()
        for file in place.iterdir():
            (mine / file.name).symlink_to(file)
    run.attempts.mkdir()
    (run.attempts / "1.json").write_text('{"attempt": 1, "pid": 1, "host": "node"}')
    run.launch.write_text('{"run_id": "x", "state": "ended"}')
    return run.path


@pytest.mark.parametrize("links", ["files", "folders"])
@pytest.mark.parametrize(
    "words",
    [
        ["runs"],
        ["runs", "--json", "--all"],
        ["show", "mine", "--events"],
        ["show", "mine", "--json"],
        ["show", "mine", "--log", "9"],
        ["follow", "mine"],
        ["follow", "mine", "--json"],
        ["export", "mine"],
        ["export", "mine", "--curves"],
        ["plot", "mine", "val_loss", "--json"],
        ["plot", "mine", "--list"],
        ["diff", "mine", "good", "--all"],
        ["tag", "mine"],
        ["note", "mine"],
        ["report", "mine", "good", "-o", "-"],
        ["report", "mine", "-o", "-"],
    ],
    ids=" ".join,
)
def test_what_lies_behind_a_link_is_not_told(
    own_folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    links: str,
) -> None:
    make_run(own_folder / "outputs" / "good", epochs=2)
    path = a_run_of_links(own_folder / "outputs" / "mine", tmp_path / "elsewhere", links)
    code = main(words)
    out, err = capsys.readouterr()
    encoded = base64.b64encode((path / "figures" / "passport.png").read_bytes()).decode()
    for secret in (SECRET, SECRET_NUMBER, "a-secret", encoded):
        assert secret not in out + err
    assert code in (0, 1)
    if words[0] in ("follow", "tag", "note") or "--events" in words or "--log" in words:
        assert code == 1
        assert "is a link, which is not followed" in err


def test_the_secret_of_that_run_is_told_where_no_link_stands_between(
    own_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a_run_of_links(own_folder / "outputs" / "mine", own_folder / "outputs" / "other", "files")
    for words in (["show", "other"], ["report", "other", "-o", "-"], ["export", "other"]):
        assert main(words) == 0
        out = capsys.readouterr().out
        assert SECRET in out or SECRET_NUMBER in out
