"""`engine runs` as somebody types it, and the frame that all commands share."""

from __future__ import annotations

import argparse
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from engine.cli import COMMANDS, main
from engine.cli.output import Cell, Command, print_json, print_table, write
from engine.errors import ConfigError, FactsError
from engine.facts import RunDir
from engine.facts.labels import Labels, write_labels
from engine.facts.text import plain
from tests.bench.tree import BEGUN, make_run, make_tree

ROOT = Path(__file__).resolve().parents[2]
Engine = Callable[..., str]
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def runs(own_folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Six finished runs in `outputs`; three learning rates, six seeds."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(own_folder / "cache"))
    return make_tree(own_folder / "outputs", runs=6, epochs=3)


@pytest.fixture
def engine(capsys: Capture) -> Engine:
    """Runs the command, which has to succeed, and gives what it prints."""

    def call(*words: str) -> str:
        assert main(["runs", *words]) == 0
        return capsys.readouterr().out

    return call


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard output that says it is a wide terminal without colours."""
    for module in ("output", "runs"):
        monkeypatch.setattr(f"engine.cli.{module}.on_terminal", lambda: True)
    for name, value in {"COLUMNS": "200", "TERM": "xterm", "NO_COLOR": "1"}.items():
        monkeypatch.setenv(name, value)


def cells(text: str) -> list[list[str]]:
    return [line.split("\t") for line in text.splitlines()]


def column(text: str, title: str) -> list[str]:
    titles, *rows = cells(text)
    return [row[titles.index(title)] for row in rows]


def test_in_a_pipe_the_table_is_tab_separated_whole_and_exact(
    runs: list[Path], engine: Engine
) -> None:
    text = engine()
    titles, *rows = cells(text)
    assert titles == [
        *("state", "name", "lr", "seed", "progress"),
        *("val_loss", "test_loss", "age", "duration"),
    ]
    assert [row[1] for row in rows] == [path.name for path in reversed(runs)]
    assert {len(row) for row in rows} == {len(titles)}
    assert set(column(text, "state")) == {"finished"}
    assert set(column(text, "progress")) == {"3/3"}
    by_name = {r["name"]: r for r in json.loads(engine("--json"))}
    for name, loss in zip(column(text, "name"), column(text, "val_loss"), strict=True):
        assert float(loss) == by_name[name]["numbers"]["val_loss"]["best"]


def test_filters_on_the_line_and_as_options_all_hold(runs: list[Path], engine: Engine) -> None:
    def seeds(*words: str) -> set[str]:
        return set(column(engine(*words, "--columns", "seed"), "seed"))

    assert seeds("lr>=0.001 and encoder=mlp") == {"0", "1", "3", "4"}
    assert seeds("lr=0.01", "--sort", "seed", "seed>0") == {"3"}
    assert seeds("seed=0,3", "--filter", "lr=0.01", "--filter", "seed!=0") == {"3"}
    assert seeds("seed=0", "or", "seed=5") == {"0", "5"}
    assert seeds("seed=0 or seed=1", "lr=0.001") == {"1"}
    assert seeds("seed", "<", "2") == {"0", "1"}
    assert seeds("not", "seed<5") == {"5"}


def test_columns_and_order_are_chosen(runs: list[Path], engine: Engine) -> None:
    text = engine("--columns", "name,lr", "--columns", "+seed", "--sort", "lr,-seed")
    assert cells(text)[0] == ["name", "lr", "seed"]
    assert column(text, "seed") == ["5", "2", "4", "1", "3", "0"]
    losses = [float(loss) for loss in column(engine("--sort", "-val_loss"), "val_loss")]
    assert losses == sorted(losses, reverse=True)
    assert cells(engine("--columns=-age,-duration"))[0][-1] == "test_loss"
    assert len(cells(engine("--limit", "2"))) == 3


def test_seeds_are_one_row_with_mean_and_spread(runs: list[Path], engine: Engine) -> None:
    text = engine("--seeds", "--sort", "lr")
    assert cells(text)[0][:5] == ["lr", "runs", "state", "val_loss", "val_loss_std"]
    assert column(text, "lr") == ["0.0001", "0.001", "0.01"]
    assert column(text, "runs") == ["2", "2", "2"]
    pairs = [column(engine(f"lr={lr}"), "val_loss") for lr in column(text, "lr")]
    for (a, b), mean, std in zip(
        pairs, column(text, "val_loss"), column(text, "val_loss_std"), strict=True
    ):
        assert float(mean) == pytest.approx((float(a) + float(b)) / 2)
        assert float(std) == pytest.approx(abs(float(a) - float(b)) / 2**0.5)


def test_groups_as_json_tell_their_runs(runs: list[Path], engine: Engine) -> None:
    (group,) = json.loads(engine("--group-by", "encoder", "--json"))
    assert (group["encoder"], group["runs"]) == ("mlp", 6)
    assert group["val_loss"].keys() == {"mean", "std", "n"}
    assert sorted(group["names"]) == [path.name for path in runs]


def test_json_has_everything_by_the_names_of_the_keys(runs: list[Path], engine: Engine) -> None:
    (told,) = json.loads(engine("seed=4", "--json"))
    assert told["path"] == str(runs[4])
    assert told["tag"] == []
    assert told["started"] == (BEGUN + timedelta(minutes=4)).isoformat(timespec="milliseconds")
    assert told["config"]["phase1.trainer.lr"] == 0.001
    assert told["results"].keys() >= {"test_loss"}
    assert json.loads(engine("seed=4", "--json", "--columns", "name,lr")) == [
        {"name": runs[4].name, "lr": 0.001}
    ]
    assert json.loads(engine("nothing_is_called_so", "--json")) == []


def test_on_a_terminal_the_table_is_for_people(
    runs: list[Path], terminal: None, engine: Engine
) -> None:
    lines = plain(engine("--sort", "seed"), keep_lines=True).splitlines()
    assert lines[0].split() == [
        *("state", "name", "lr", "seed", "progress"),
        *("val_loss", "test_loss", "age", "duration"),
    ]
    assert lines[1].split()[:5] == ["finished", runs[0].name, "0.01", "0", "3/3"]
    assert "\t" not in "".join(lines)
    assert all(len(line) <= 200 for line in lines)
    assert "±" in engine("--seeds")


def test_a_narrow_terminal_cuts_names_in_the_middle_and_never_a_number(
    runs: list[Path], terminal: None, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    assert main(["runs"]) == 0
    wide = plain(capsys.readouterr().out, keep_lines=True).split()
    for width in (10, 30, 50, 70, 90):
        monkeypatch.setenv("COLUMNS", str(width))
        assert main(["runs"]) == 0
        answer = capsys.readouterr()
        lines = plain(answer.out, keep_lines=True).splitlines()
        assert max(map(len, lines)) <= width
        words = {word for line in lines for word in line.split()}
        assert {word for word in words - set(wide) if "…" not in word} == set()
        assert not [word for word in words if "…" in word and word[0].isdigit()]
        assert ("no room for" in answer.err) == (width < 90)
    assert any(line.rstrip().split()[1].endswith("_job0") for line in lines)


def test_eighty_columns_show_what_matters_and_shorten_the_names(
    runs: list[Path], terminal: None, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = plain(engine("--columns", "+host"), keep_lines=True).splitlines()
    assert {"state", "name", "lr", "progress", "val_loss", "test_loss"} <= set(lines[0].split())
    assert [line.split()[1] for line in lines[1:]] == [
        f"…09{35 - n}00_ae_job{5 - n}" for n in range(6)
    ]
    assert max(map(len, lines)) <= 80
    monkeypatch.setenv("COLUMNS", "48")
    titles = engine("--sort", "lr").splitlines()[0].split()
    assert titles == ["state", "name", "lr", "progress", "val_loss"]
    monkeypatch.setenv("COLUMNS", "30")
    assert engine().splitlines()[0].split() == ["name", "progress", "val_loss"]
    monkeypatch.setenv("COLUMNS", "58")
    assert engine("--seeds").splitlines()[0].split() == [
        *("lr", "runs", "state", "val_loss", "test_loss"),
    ]


def test_a_table_for_people_can_go_into_a_pipe(runs: list[Path], engine: Engine) -> None:
    lines = engine("--table", "--sort", "seed").splitlines()
    assert lines[1].split()[:5] == ["finished", runs[0].name, "0.01", "0", "3/3"]
    assert not {"\t", "\x1b"} & set("".join(lines))
    words = ["name"] + ["run_"] * 6
    assert len({line.index(word) for line, word in zip(lines, words, strict=True)}) == 1


def test_the_table_is_drawn_again_in_its_place_until_an_interrupt(
    runs: list[Path], terminal: None, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setenv("LINES", "8")
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 2:
            raise KeyboardInterrupt
        later = BEGUN + timedelta(hours=1)
        make_run(runs[0].with_name("run_new"), epochs=1, planned=4, end=None, begun=later)

    monkeypatch.setattr("time.sleep", wait)
    assert main(["runs", "--watch", "--columns", "name,progress"]) == 130
    first, second = capsys.readouterr().out.split("\x1b[?2026l")[:2]
    assert "run_new" not in first
    assert plain(second, keep_lines=True).splitlines()[1].split() == ["run_new", "1/4"]
    assert plain(second, keep_lines=True).count("\n") == 7
    assert "6 finished, 1 lost" in second
    assert second.startswith("\x1b[?2026h\r\x1b[7A")
    assert min(waits) >= 2


def test_runs_are_named_here_as_everywhere(
    runs: list[Path], engine: Engine, capsys: Capture
) -> None:
    def names(*words: str) -> list[str]:
        return sorted(column(engine(*words, "--columns", "name,lr"), "name"))

    assert names("last") == [runs[5].name]
    assert names("last", "last~5") == [runs[0].name, runs[5].name]
    assert names("run_*_job[0-2]", "lr=0.01") == [runs[0].name]
    assert names("all", "lr=0.01") == [runs[0].name, runs[3].name]
    write_labels(RunDir(runs[5]), Labels(archived=True))
    assert names("last") == [runs[4].name]
    assert names("run_*_job[45]") == [runs[4].name]
    assert names("last", "--all") == names(runs[5].name) == names("archived=yes") == [runs[5].name]
    capsys.readouterr()
    assert main(["runs", "nothing_*"]) == 0
    assert "none of the" in capsys.readouterr().err


def test_a_filter_that_matches_nothing_is_told_what_it_may_mean(
    runs: list[Path], capsys: Capture
) -> None:
    for word, expected in (("state=finishd", "did you mean finished?"), ("vqq", "mean vq?")):
        assert main(["runs", word]) == 0
        out, err = capsys.readouterr()
        assert out == ""
        assert expected in err


def test_colour_goes_by_state_and_only_where_it_is_wanted(
    runs: list[Path], terminal: None, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "\x1b[32m" not in engine()
    monkeypatch.delenv("NO_COLOR")
    assert "\x1b[32mfinished" in engine()


def test_archived_runs_are_shown_when_asked_for(
    runs: list[Path], engine: Engine, capsys: Capture
) -> None:
    write_labels(RunDir(runs[0]), Labels(tags=("old", "x"), archived=True))
    assert runs[0].name not in engine()
    for word in ("--all", "--archived"):
        text = engine(word, "--columns", "name,tag")
        assert dict(cells(text))[runs[0].name] == "old,x"
    assert main(["runs", "tag=old"]) == 0
    assert "1 archived" in capsys.readouterr().err


def test_a_broken_run_is_a_row_with_its_reason(
    runs: list[Path], engine: Engine, terminal: None, capsys: Capture
) -> None:
    broken = runs[0].parent / "run_[red]broken\x1b[31m"
    (broken / "facts").mkdir(parents=True)
    (broken / "facts" / "events.jsonl").write_bytes(b"no event\n" * 3)
    assert main(["runs"]) == 0
    answer = capsys.readouterr()
    assert "run_[red]broken" in answer.out
    assert "run_[red]broken: none of the 3 whole lines" in answer.err
    assert "\x1b[31m" not in answer.out + answer.err
    told = {r["name"]: r["problem"] for r in json.loads(engine("--json"))}
    assert "none of the 3 whole lines" in told[broken.name]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["seed>"], "a value is missing after >"),
        (["--sort", "val_los"], "Did you mean val_loss"),
        (["--columns", "nonsense"], "no run here has a key nonsense"),
        (["--root", "gone"], "--root: gone is no directory"),
        (["--limit", "0"], "whole number from 1"),
        (["--seeds", "--group-by", "lr"], "not allowed with"),
        (["--sort="], "--sort: the name of a key is missing"),
        (["--group-by", " , "], "--group-by: the name of a key is missing"),
        (["--columns", "+"], "--columns: the name of a key is missing"),
        (["lr>abc"], "lr is a number"),
        (["--watch"], "--watch needs a terminal"),
        (["--nonsense"], "unrecognized arguments"),
    ],
)
def test_a_mistake_is_one_sentence_and_code_2(
    words: list[str], expected: str, runs: list[Path], capsys: Capture
) -> None:
    assert main(["runs", *words]) == 2
    answer = capsys.readouterr()
    assert expected in answer.err
    assert "Traceback" not in answer.err
    assert answer.out == ""


def test_no_runs_are_a_sentence_and_no_error(own_folder: Path, capsys: Capture) -> None:
    assert main(["runs"]) == 0
    said = "there are no runs in outputs yet; thesis-train starts one\n"
    assert capsys.readouterr() == ("", said)
    assert main(["runs", "val_loss<1", "--json", "--columns", "val_loss"]) == 0
    assert capsys.readouterr().out == "[]\n"
    (own_folder / "outputs").mkdir()
    assert main(["runs", "--seeds"]) == 0
    assert "there are no runs" in capsys.readouterr().err


def test_json_says_the_same_of_a_broken_run_in_every_command(
    runs: list[Path], capsys: Capture
) -> None:
    RunDir(runs[0].with_name("damaged")).events.mkdir(parents=True)
    told = {}
    for words in (["runs", "damaged"], ["show", "damaged"], ["diff", "damaged", "job1"]):
        assert main([*words, "--json"]) == 0
        told[words[0]] = json.loads(capsys.readouterr().out)
    (of_runs,), (of_show,), of_diff = told["runs"], told["show"], told["diff"]["runs"][0]
    assert of_runs["state"] == "broken"
    assert isinstance(of_runs.pop("age"), float | None)
    assert of_runs == {key: of_show[key] for key in of_runs}
    assert of_diff.items() <= of_runs.items()


def test_listing_loads_nothing_heavy_and_help_is_quick(runs: list[Path]) -> None:
    code = "import sys; from engine.cli import main; main(['runs']); print(*sys.modules)"
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    loaded = set(answer.stdout.splitlines()[-1].split())
    heavy = {"torch", "numpy", "pandas", "matplotlib", "h5py", "hydra", "omegaconf", "yaml", "rich"}
    assert not loaded & heavy
    code = "import sys; from engine.cli import main; main(['--help']); print(*sys.modules)"
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    loaded = set(answer.stdout.splitlines()[-1].split())
    assert not loaded & (heavy | {"argparse", "json", "dataclasses", "pathlib"})
    assert all(f"  {name} " in answer.stdout for name in COMMANDS)


def test_a_reader_that_goes_away_is_met_with_silence(runs: list[Path]) -> None:
    command = f'"{sys.executable}" -m engine runs --json | true; echo ${{PIPESTATUS[0]}}'
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    answer = subprocess.run(
        ["bash", "-c", command], env=environment, capture_output=True, text=True, check=True
    )
    assert answer.stderr == ""
    assert answer.stdout in ("141\n", "0\n")  # 0 where all was written before the reader had gone


def test_a_name_that_the_output_cannot_show_is_no_failure(
    runs: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    name = os.fsdecode(b"run_\xff\xc3\xa9")
    (runs[0].parent / name / "facts").mkdir(parents=True)
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="strict")
    monkeypatch.setattr(sys, "stdout", out)
    assert main(["runs"]) == 0
    out.flush()
    assert b"run_??" in out.buffer.getvalue()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        *(("rums", "runs"), ("ls", "runs"), ("status", "runs"), ("rm", "remove")),
        *(("delete", "remove"), ("help", "--help"), ("version", "--version")),
    ],
)
def test_an_unknown_command_is_told_with_a_guess(word: str, meant: str, capsys: Capture) -> None:
    assert main([word]) == 2
    said = f"error: there is no command '{word}'\n  Did you mean engine {meant}?\n"
    assert capsys.readouterr().err == said


@pytest.mark.parametrize("words", [["--help"], ["--shell-completion", "install=fish"]])
def test_nobody_reads_what_needs_no_command(words: list[str]) -> None:
    read, written = os.pipe()
    os.close(read)
    answer = subprocess.run(
        [sys.executable, "-m", "engine", *words],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=written,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(written)
    assert (answer.returncode, answer.stderr) == (141, "")


def test_an_interrupt_while_a_command_is_looked_up_is_silent(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    def interrupted(name: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("importlib.import_module", interrupted)
    assert main(["runs"]) == 130
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (ConfigError("wrong", "Right it."), 2, "error: wrong\n  Right it.\n"),
        (FactsError("gone"), 1, "error: gone\n"),
        (ValueError("odd"), 1, "error: unexpected ValueError: odd; --debug shows it here\n"),
        (KeyboardInterrupt(), 130, ""),
        (SystemExit("bye"), 1, "bye\n"),
        (BrokenPipeError(), 141, ""),
    ],
)
def test_every_way_to_end_has_its_code(
    error: BaseException, code: int, told: str, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    def fail(args: argparse.Namespace) -> None:
        raise error

    monkeypatch.setattr("engine.cli.console.nobody_reads", lambda: 141)
    command = Command("do", "Does it.", lambda parser: None, fail)
    assert command([]) == code
    assert capsys.readouterr().err == told
    assert command(["--help"]) == 0
    assert command(["word"]) == 2


def test_what_is_printed_is_safe_and_valid(capsys: Capture) -> None:
    value = {"a": float("nan"), "b": (1, "\x1b[31mé"), "c": Path("x"), "d": {"e": float("inf")}}
    print_json(value)
    text = capsys.readouterr().out
    assert text.isascii()
    assert json.loads(text) == {"a": None, "b": [1, "\x1b[31mé"], "c": "x", "d": {"e": None}}
    print_table(
        ["t\x1b[0m"], [[Cell("", value)] for value in ("a\tb\n\x9b31mc", [1, {}], True, None)]
    )
    assert capsys.readouterr().out == "t\na b c\n[1,{}]\ntrue\n\n"
    write("as it is\x07")
    assert capsys.readouterr().out == "as it is\x07"


def test_hundreds_of_runs_are_listed_at_once(
    own_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(own_folder / "cache"))
    make_tree(own_folder / "outputs", runs=300, epochs=2)
    assert main(["runs"]) == 0
    begin = time.process_time()
    assert main(["runs", "val_loss<0.5 and encoder=mlp", "--sort", "val_loss"]) == 0
    assert time.process_time() - begin < 1.0
    assert capsys.readouterr().out
