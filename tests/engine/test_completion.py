"""Tab completion: what is offered, and that a shell inserts it without running any of it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.cli import COMMANDS, main
from engine.cli.completion import read_line
from engine.facts import RunDir
from engine.facts.labels import Labels, write_labels
from engine.launch.job import JobSpec
from engine.launch.record import new_entries, write_record
from tests.bench.tree import make_run

HOSTILE = "it's $(touch pwned) `touch pwned` é;&!|*?[x]~#\\"


@pytest.fixture
def root(own_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three runs in `outputs`, one of them lost."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(own_folder / "cache"))
    runs = own_folder / "outputs" / "runs"
    for seed, name in enumerate(["run_one", "run_two words"]):
        make_run(runs / name, seed=seed, epochs=2)
    make_run(runs / "run_lost", epochs=1, planned=2, end=None)
    write_labels(RunDir(runs / "run_one"), Labels(tags=("paper",)))
    two = RunDir(runs / "run_two words")
    write_record(two.launch, new_entries(JobSpec((), two.path)) | {"state": "ended"})
    return runs


def offered(
    line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], shell: str = ""
) -> list[str]:
    """What the command answers to a shell."""
    monkeypatch.setenv("COMP_LINE", line)
    monkeypatch.setenv("COMP_POINT", str(len(line)))
    assert main(["--shell-completion", f"query={shell or 'zsh'}"]) == 0
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("engine ", ["train ", "runs ", "remove "]),
        ("engine ru", ["runs "]),
        ("engine runs --so", ["--sort "]),
        ("engine runs --sort val_l", ["val_loss"]),
        ("engine runs --sort -val_l", ["-val_loss"]),
        ("engine runs --sort=-val_l", ["--sort=-val_loss"]),
        ("engine runs --columns name,+val_l", ["name,+val_loss"]),
        ("engine runs --group-by latent_s", ["latent_space", "latent_space._target_"]),
        ("engine runs latent_space=", ["latent_space=vq"]),
        ("engine runs 'seed=0 and latent_space=", ["seed=0 and latent_space=vq"]),
        ("engine runs tag=", ["tag=paper"]),
        ("engine runs --filter lr=", ["lr=0.001", "lr=0.01"]),
        ("engine runs --limit ", []),
        ("engine show run_", ["run_one ", "run_two words ", "run_lost "]),
        ("engine show --root outputs/runs/run_one r", ["run_one "]),
        ("engine show --root=nowhere r", []),
        ("engine tag run_one --add p", ["paper"]),
        ("engine tag run_one +p", ["+paper "]),
        ("engine tag run_one -p", ["-paper "]),
        ("engine tag run_one --ad", ["--add "]),
        ("engine note run_one +p", []),
        ("engine show one", ["run_one "]),
        ("engine show last~", ["last~1 ", "last~2 "]),
        ("engine plot latent_space=v", ["latent_space=vq"]),
        ("engine show pap", ["paper "]),
        ("engine show al", ["all "]),
        ("engine stop run_", []),
        ("engine kill ru", []),
        ("engine resume run_", ["run_lost "]),
        ("engine evaluate one", ["run_one "]),
        ("engine evaluate run_one --backg", ["--background "]),
        ("engine export run_one -o ", ["\t"]),
        ("engine show ./", ["\t"]),
        ("engine show --root ", ["\t"]),
        ("engine nonsense ", []),
        (
            "engine jobs ",
            ["list ", "stop ", "kill ", "log ", "hold ", "release ", "remove ", "edit ", "why "],
        ),
        ("engine jobs rel", ["release "]),
        ("engine jobs hold ", []),
        ("engine jobs edit run c", ["cpus=", "category="]),
        ("engine jobs log ", ["run_two words "]),
        ("engine jobs stop ", []),
        ("engine launch --at", ["--at-once "]),
        ("engine compare --loops test", ["test_mlp"]),
        ("engine compare --encoders mlp,g", ["mlp,gnn"]),
        ("engine compare --latent-spaces v", ["vq"]),
        ("engine launch --resume run_l", ["run_lost "]),
        ("engine launch phase1/latent_space=v", ["phase1/latent_space=vq"]),
        ("engine train phase1/latent_space=v", ["phase1/latent_space=vq"]),
    ],
)
def test_words_are_completed(
    line: str,
    expected: list[str],
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = offered(line, monkeypatch, capsys)
    assert set(expected) <= set(found)
    assert len(found) == len(set(found))
    assert bool(found) == bool(expected)


def test_a_name_that_reads_as_an_option_or_a_tag_is_offered_as_a_path(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("-rf", "+plus", "~home"):
        make_run(root / name, epochs=1)
    paths = offered("engine show ./outputs", monkeypatch, capsys)
    assert paths == ["\t", *(f"./outputs/runs/{name} " for name in ("+plus", "-rf", "~home"))]
    for path in paths[1:]:
        assert main(["show", path.strip()]) == 0
    assert "-rf " not in offered("engine show -", monkeypatch, capsys)


def test_an_archived_run_is_offered_when_it_is_the_only_one_that_fits(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_labels(RunDir(root / "run_one"), Labels(archived=True))
    assert "run_one " not in offered("engine show run_", monkeypatch, capsys)
    assert offered("engine show run_o", monkeypatch, capsys) == ["run_one "]


def test_what_a_quote_cannot_hold_is_not_offered(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make_run(root / "bang!", epochs=1)
    assert offered('engine show "ban', monkeypatch, capsys) == []
    assert offered("engine show 'ban", monkeypatch, capsys) == ["bang! "]


def test_every_command_completes_its_options(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in set(COMMANDS) - {"train"}:
        assert "--debug " in offered(f"engine {name} --", monkeypatch, capsys), name


def test_completing_loads_neither_hydra_nor_torch(root: Path) -> None:
    code = (
        "import sys; from engine.cli import main; main(['-sc', 'query=bash']); print(*sys.modules)"
    )
    for line in ("engine ", "engine runs --", "engine runs latent", "engine show r"):
        answer = subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"COMP_LINE": line, "COMP_POINT": str(len(line))},
            capture_output=True,
            text=True,
            check=True,
        )
        loaded = set(answer.stdout.splitlines()[-1].split())
        assert not loaded & {"hydra", "omegaconf", "torch", "numpy", "pandas", "rich"}


@pytest.fixture
def with_engine(own_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command `engine` on the path."""
    command = own_folder / "bin" / "engine"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m engine "$@"\n')
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{command.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).resolve().parents[2]))


IN_BASH = """\
eval "$(engine --shell-completion install=bash)"
for line in "$@"; do
    COMP_LINE=$line COMP_POINT=${#line}
    _engine_complete engine
    printf '%s\\n' "${COMPREPLY[@]}" ""
done
complete -p engine
eval "$(engine --shell-completion uninstall=bash)"
complete -p engine 2>/dev/null || echo gone
"""

IN_ZSH = """\
compdef() { print -r -- "$@" }
compadd() { print -rl -- "$@" }
eval "$(engine --shell-completion install=zsh)"
words=(engine runs seed=0 latent_space=) CURRENT=4 PREFIX=latent_space=
_engine_complete
words=(engine show "'run_t") CURRENT=3 QIPREFIX="'" PREFIX=run_t
_engine_complete
"""


def script(shell: str, text: str, *arguments: str) -> list[str]:
    """The lines that a shell prints."""
    command = [shell, *(["--norc"] if shell == "bash" else ["-f"]), "-c", text, shell, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def test_the_shells_complete_with_the_installed_function(root: Path, with_engine: None) -> None:
    lines = ("engine ru", "engine runs latent_space=", "engine show run_t", "engine show 'run_t")
    answers = script("bash", IN_BASH, *lines)
    assert answers[:8] == [
        *("runs ", ""),
        *("vq", ""),
        *("run_two\\ words ", ""),
        "run_two words",
        "",
    ]
    assert answers[-2] == "complete -o nospace -F _engine_complete engine"
    assert answers[-1] == "gone"
    if shutil.which("zsh"):
        answers = script("zsh", IN_ZSH)
        assert answers[0] == "_engine_complete engine"
        assert answers[1:6] == ["-U", "-S", "", "--", "latent_space=vq"]
        assert answers[6:] == ["-U", "--", "run_two words"]


@pytest.mark.parametrize("typed", ["it", "'it", "it\\'s\\ "])
def test_a_hostile_name_reaches_the_command_as_it_is(
    typed: str, own_folder: Path, with_engine: None
) -> None:
    (own_folder / "outputs" / HOSTILE / "facts").mkdir(parents=True)
    (own_folder / "outputs" / "it\x1b[31m\nhas control characters" / "facts").mkdir(parents=True)
    (inserted,) = script("bash", IN_BASH, f"engine show {typed}")[:-3]
    closed = inserted + "'" if typed.startswith("'") else inserted
    shown = script("bash", f"printf '%s\\n' {'' if typed[0] != chr(39) else chr(39)}{closed}")
    assert shown == [HOSTILE]
    assert not list(own_folder.rglob("pwned"))


@settings(deadline=None, max_examples=60)
@given(st.lists(st.text(st.sampled_from("ab '\"\\$`!;é="), min_size=1), min_size=1, max_size=3))
def test_a_line_is_split_as_a_shell_splits_it(words: list[str]) -> None:
    import shlex

    typed = read_line(" ".join(map(shlex.quote, words)) + " ")
    assert typed.words == words
    assert (typed.word, typed.quote) == ("", "")


def test_bash_replaces_what_is_behind_the_last_word_break() -> None:
    breaks = " \t\n\"'><=;|&(:"
    assert read_line("engine runs encoder=g", breaks).kept == len("encoder=")
    assert read_line("engine runs 'encoder=g", breaks).kept == 0
    assert read_line("engine runs --filter='a=b", breaks).kept == len("--filter=")
    assert read_line("engine runs encoder\\=g", breaks).kept == 0
    assert read_line("engine runs encoder=g", "").kept == 0
