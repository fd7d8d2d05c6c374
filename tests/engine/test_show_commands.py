"""`engine show`, `engine diff`, `engine export`: what is said is what the facts say."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import pytest

from engine.cli import main
from engine.cli.formats import Field, latex_lines, latex_text
from engine.cli.run_text import facts_of
from engine.facts import RunDir, read_events
from engine.facts.attempts import begin_attempt
from engine.library.index import summarise
from engine.library.overrides import read_config_dirs
from tests.bench.tree import METRICS, OVERRIDES, make_run, make_tree
from tests.conftest import Outcome

HEAVY = {"torch", "numpy", "pandas", "matplotlib", "h5py", "hydra", "omegaconf", "rich"}


@pytest.fixture
def runs(own_folder: Path) -> list[Path]:
    """Three runs: seeds 0, 1 and 3, of which the first and the last have one learning rate."""
    paths = make_tree(own_folder / "outputs", 4, epochs=3)
    RunDir(paths[2]).events.unlink()
    (paths[2] / "facts" / "scalars.csv").unlink()
    paths[2].rename(own_folder / "aside")
    return [paths[0], paths[1], paths[3]]


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """What a command prints that goes well and complains of nothing."""
    capsys.readouterr()
    assert main(list(words)) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


def facts(text: str) -> dict[str, list[str]]:
    """The word at the left of what `show` prints, to its lines."""
    found: dict[str, list[str]] = {}
    word = ""
    for line in text.splitlines()[2:]:
        word = line[2:11].strip() or word
        found.setdefault(word, []).append(line[13:])
    return found


def test_show_says_the_state_first_and_then_what_matters(
    runs: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    run = summarise(runs[0])
    assert main(["tag", "job0", "+paper"]) == 0
    assert main(["note", "job0", "best so far"]) == 0
    text = printed(capsys, "show", "job0")
    assert text.splitlines()[:2] == [run.name, "finished 3 epochs"]
    assert len(text.splitlines()) <= 20
    said = facts(text)
    parts = "loop ae, encoder mlp, decoder mlp, latent space vq, seed 0, 44,652 parameters"
    assert said["what"] == [parts]
    assert said["progress"][0].startswith("3/3 epochs, step 300")
    assert said["where"][0] == str(runs[0])
    assert said["where"][1].startswith("attempt 1, on node, process 4711")
    assert said["tags"] == ["paper"]
    assert said["note"] == ["best so far"]
    best, test = run.numbers["val_loss"], run.results["test_loss"]
    (line,) = (line for line in said["numbers"] if line.startswith("val_loss"))
    assert f"best {best.best:.4g} in epoch {best.best_epoch}" in line
    assert f"last {best.last:.4g}" in line
    assert f"test {test:.4g}" in line
    assert {line.split()[0] for line in said["numbers"]} == {"train_loss", "val_loss", *METRICS}
    assert said["files"][0].startswith("10 files, ")
    assert not said.keys() & {"problem", "results", "overrides"}


def test_show_has_all_of_it_on_request(
    runs: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    run = summarise(runs[0])
    (runs[0] / "figures").mkdir()
    (runs[0] / "figures" / "curves.png").write_bytes(b"x" * 100_000)
    begin_attempt(RunDir(runs[0]))
    said = facts(printed(capsys, "show", "job0", "--all"))
    assert {line.split()[0] for line in said["numbers"]} == set(run.numbers)
    (rate,) = (line for line in said["numbers"] if line.startswith("lr"))
    assert rate.split() == ["lr", "last", "0.001"]
    assert {line.split()[0] for line in said["results"]} == set(run.results)
    assert [line.split(",")[0] for line in said["where"][1:]] == ["attempt 1", "attempt 2"]
    assert said["overrides"] == list(run.overrides)
    assert said["files"][0].split() == ["100", "kB", "figures/curves.png"]
    assert said["files"][-1].endswith("in all")
    in_short = facts(printed(capsys, "show", "job0"))
    assert "(1 figure)" in in_short["files"][0]
    assert len(in_short["where"]) == 2


def test_show_has_the_unit_of_an_error_where_the_config_tells_it(own_folder: Path) -> None:
    run = summarise(make_run(own_folder / "outputs" / "one", epochs=1))
    run.config |= {"data.units.pT": "MeV", "data.units.phi": None}
    run.results |= {"test_error_pT": 12.5, "test_error_phi": 0.1, "test_error_eta": 0.2}
    (lines,) = (fact.lines for fact in facts_of(run, []) if fact.word == "results")
    said = [line.split() for line in lines if "error" in line]
    assert said == [
        ["test_error_pT", "12.5", "MeV"],
        ["test_error_phi", "0.1"],
        ["test_error_eta", "0.2"],
    ]


def test_a_lost_run_names_its_cause(own_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = make_run(own_folder / "outputs" / "gone", epochs=1, planned=5, end=None)
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    record = json.loads((path / "attempts" / "1.json").read_text())
    record |= asdict(begin_attempt(RunDir(own_folder / "other"))) | {"pid": process.pid}
    del record["path"], record["number"]
    (path / "attempts" / "1.json").write_text(json.dumps(record | {"events_size": 0}))
    assert printed(capsys, "show", "gone").splitlines()[1].endswith("is gone; probably killed")
    assert main(["follow", "gone"]) == 1
    assert capsys.readouterr().out.splitlines()[-1].endswith("is gone; probably killed")


def test_the_command_to_train_it_again_survives_the_shell(
    runs: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    (said,) = json.loads(printed(capsys, "show", "job0", "--json"))
    assert said["resume_command"] is None
    words = shlex.split(said["train_command"])
    assert words == ["thesis-train", *summarise(runs[0]).overrides]
    assert 'note="a, b"' in words
    assert facts(printed(capsys, "show", "job0"))["again"] == [said["train_command"]]


@pytest.mark.parametrize(
    "name", ["my configs", "a very " * 12 + "long name", "its own: it's", "é: \\"]
)
def test_the_command_to_train_it_again_has_its_folder_of_configs(
    name: str,
    thesis_train: Callable[..., Outcome],
    own_folder: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    option = own_folder / name / "phase1" / "trainer" / "quick.yaml"
    option.parent.mkdir(parents=True)
    option.write_text("epochs: 1\nlr: 0.01\n")
    words = ["loop=test_mlp", "phase1/trainer=quick", "data.n_events.train=64"]
    run = thesis_train("--config-dir", name, *words).run
    (said,) = json.loads(printed(capsys, "show", "last", "--json"))
    folder, *others = shlex.split(said["train_command"])[1:]
    assert (folder, others[0]) == ("--config-dir", str(own_folder / name))
    assert others[1:] == list(summarise(run.path).overrides)
    launch = {"config_dirs": ["/home/me/mine"], "state": "done"}
    run.launch.write_text(json.dumps(launch))
    assert read_config_dirs(run) == ("/home/me/mine",)


def test_a_seed_that_was_drawn_is_in_the_command(
    own_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = make_run(own_folder / "outputs" / "drawn", epochs=1, seed=77)
    text = OVERRIDES.format(seed="null", lr=0.1)
    RunDir(path).hydra.joinpath("overrides.yaml").write_text(text)
    (said,) = json.loads(printed(capsys, "show", "drawn", "--json"))
    words = shlex.split(said["train_command"])
    assert words[-1] == "phase1.trainer.seed=77"
    assert "phase1.trainer.seed=null" not in words


@pytest.mark.parametrize(
    ("end", "stopped", "again"),
    [("on_exception", False, True), ("on_train_end", True, True), ("on_train_end", False, False)],
)
def test_show_offers_to_go_on_where_that_makes_sense(
    own_folder: Path,
    capsys: pytest.CaptureFixture[str],
    end: str,
    stopped: bool,
    again: bool,
) -> None:
    make_run(own_folder / "outputs" / "a run", epochs=1, planned=2, end=end, stopped=stopped)
    said = facts(printed(capsys, "show", "a run"))
    assert said.get("resume") == (["engine resume 'a run'"] if again else None)


def test_show_has_the_config_the_events_and_the_log(
    runs: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    RunDir(runs[0]).log.write_text("first\nbar 1%\rbar 2%\nlast\n")
    text = printed(capsys, "show", "job0", "--config", "--events", "--log", "2")
    config, rest = text.split("\n  config\n")[1].split("\n  events\n")
    events, log = rest.split("\n  log\n")
    assert "    phase1.trainer.seed: 0" in config.splitlines()
    assert len(events.split("\n    ")) == len(read_events(runs[0]).records)
    assert log.splitlines() == ["    bar 2%", "    last"]
    (said,) = json.loads(printed(capsys, "show", "job0", "--events", "--log", "9", "--json"))
    assert said["events"] == read_events(runs[0]).records
    assert said["log"] == ["first", "bar 2%", "last"]
    assert said["config"]["phase1.trainer.seed"] == 0


def test_events_are_written_one_by_one(
    runs: list[Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pieces: list[str] = []
    monkeypatch.setattr("engine.cli.output.write", pieces.append)
    assert main(["show", "job0", "job1", "--json", "--events"]) == 0
    said = json.loads("".join(pieces))
    assert [one["events"] for one in said] == [read_events(path).records for path in runs[:2]]
    longest = max(len(json.dumps(event, indent=2)) for one in said for event in one["events"])
    assert max(map(len, pieces)) < 2 * longest
    RunDir(runs[0]).events.unlink()
    RunDir(runs[0]).events.mkdir()
    assert main(["show", "job0", "--json", "--events"]) == 1
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("state", ["finished", "queued", "broken"])
def test_every_command_says_the_same_of_a_run_in_json(
    own_folder: Path, capsys: pytest.CaptureFixture[str], state: str
) -> None:
    run = RunDir(own_folder / "outputs" / "run")
    if state == "finished":
        make_run(run.path, epochs=1)
    elif state == "queued":
        run.path.mkdir(parents=True)
        run.launch.write_text('{"run_id": "run", "state": "queued"}')
    else:
        run.events.mkdir(parents=True)
        os.utime(run.events, (0, 0))
        run.hydra.mkdir()
        (run.hydra / "config.yaml").write_text("loop: ae\n")
    commands = [["runs"], ["show", "run"]]
    if state != "queued":
        commands += [["remove", "run", "--dry-run", "--broken"]]
    said = [json.loads(printed(capsys, *words, "--json"))[0] for words in commands]
    for one in said:
        assert (one["name"], one["path"], one["state"]) == ("run", str(run.path), state)
        assert one["size"] == said[0]["size"]
    assert {key: said[1][key] for key in said[0] if key != "age"} == {
        key: value for key, value in said[0].items() if key != "age"
    }


def test_a_broken_run_is_shown_with_what_is_wrong(
    own_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = own_folder / "outputs" / "broken"
    RunDir(path).events.mkdir(parents=True)
    text = printed(capsys, "show", "broken")
    assert "events.jsonl" in text
    assert "Traceback" not in text


def rows_of(text: str) -> dict[tuple[str, str], list[str]]:
    """Rows of a tab-separated table by their first two cells."""
    rows = [line.split("\t") for line in text.splitlines()]
    return {(row[0], row[1]): row[2:] for row in rows}


def test_diff_shows_the_keys_that_differ_and_only_those(
    runs: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    rows = rows_of(printed(capsys, "diff", "job0", "job1"))
    config = {key: values for (kind, key), values in rows.items() if kind == "config"}
    assert config == {"phase1.trainer.lr": ["0.01", "0.001"], "phase1.trainer.seed": ["0", "1"]}
    assert rows["kind", "key"] == [path.name for path in runs[:2]]
    known = [summarise(path) for path in runs[:2]]
    assert [float(x) for x in rows["best", "val_loss"]] == [
        run.numbers["val_loss"].best for run in known
    ]
    assert [float(x) for x in rows["result", "test_loss"]] == [
        r.results["test_loss"] for r in known
    ]
    every = rows_of(printed(capsys, "diff", "job0", "job1", "--all"))
    assert {key for kind, key in every if kind == "config"} == set(known[0].config)
    assert rows.keys() < every.keys()


def test_diff_of_equal_configs_has_no_config_rows_and_of_one_run_is_a_mistake(
    runs: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    said = json.loads(printed(capsys, "diff", "job0", "job3", "--json"))
    assert said["config"] == {"phase1.trainer.seed": [0, 3]}
    assert [run["name"] for run in said["runs"]] == [runs[0].name, runs[2].name]
    assert main(["diff", "job0", "job0"]) == 2
    assert "Name two runs" in capsys.readouterr().err


def test_export_writes_numbers_with_all_their_digits(
    runs: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["job0", "job1", "--columns", "name,lr,val_loss,duration,started"]
    rows = list(csv.DictReader(io.StringIO(printed(capsys, "export", *words))))
    records = json.loads(printed(capsys, "export", *words, "--json"))
    assert [row["name"] for row in rows] == [path.name for path in runs[:2]]
    for row, record, path in zip(rows, records, runs, strict=False):
        known = summarise(path)
        assert float(row["val_loss"]) == record["val_loss"] == known.numbers["val_loss"].best
        assert float(row["duration"]) == record["duration"] == known.duration_s
        assert row["started"] == record["started"]
    backwards = printed(capsys, "export", *words, "--sort", "-name")
    assert [line.split(",")[0] for line in backwards.splitlines()[1:]] == [
        path.name for path in reversed(runs[:2])
    ]


def test_export_folds_seeds_into_mean_and_spread(
    runs: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["export", "job0", "job3", "--seeds", "--columns", "lr,val_loss"]
    (row,) = csv.DictReader(io.StringIO(printed(capsys, *words)))
    values = [summarise(path).numbers["val_loss"].best for path in (runs[0], runs[2])]
    assert float(row["val_loss"]) == pytest.approx(sum(values) / 2)
    assert float(row["val_loss_std"]) == pytest.approx(abs(values[0] - values[1]) / 2**0.5)
    (record,) = json.loads(printed(capsys, *words, "--json"))
    assert record["val_loss"]["n"] == 2
    assert r" $\pm$ " in printed(capsys, *words, "--latex")


def test_curves_are_every_value_of_the_events(
    runs: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    text = printed(capsys, "export", "job0", "job1", "--curves")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert json.loads(printed(capsys, "export", "job0", "--curves", "--json"))[0]["run"]
    found = {
        (row["run"], row["name"], int(row["epoch"]), int(row["step"])): float(row["value"])
        for row in rows
        if row["kind"] == "epochs"
    }
    for path in runs[:2]:
        for event in read_events(path).of("on_epoch_end"):
            numbers = {"val_loss": event["val_loss"]} | event["metrics"]
            for name, value in numbers.items():
                assert found[path.name, name, event["epoch"], event["step"]] == value
    assert main(["export", "job0", "--curves", "--latex"]) == 2
    assert "--curves has columns of its own" in capsys.readouterr().err


def test_curves_of_runs_without_events_or_broken_ones_are_left_out(
    runs: list[Path], own_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    queued, broken = RunDir(own_folder / "outputs" / "run_q"), own_folder / "outputs" / "run_b"
    queued.path.mkdir()
    queued.launch.write_text('{"run_id": "q", "state": "queued"}')
    RunDir(broken).events.mkdir(parents=True)
    expected = printed(capsys, "export", "job0", "job1", "job3", "--curves")
    assert main(["export", "run_*", "--curves"]) == 0
    out, err = capsys.readouterr()
    assert sorted(out.splitlines()) == sorted(expected.splitlines())
    assert "run_q has no events" in err
    assert "run_b is left out: cannot read" in err
    assert main(["export", "run_q", "--curves"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1
    assert main(["export", "run_b", "--curves"]) == 1


def test_a_special_file_is_written_into_and_a_link_leads_to_the_file(
    runs: list[Path], own_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = printed(capsys, "export", "job0")
    os.mkfifo("pipe")
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(Path("pipe").read_text)
        assert main(["export", "job0", "-o", "pipe"]) == 0
        assert reading.result() == expected
    assert Path("pipe").is_fifo()
    Path("link.csv").symlink_to("target.csv")
    assert main(["export", "job0", "-o", "link.csv"]) == 0
    assert Path("link.csv").is_symlink()
    assert Path("target.csv").read_text() == expected
    assert main(["export", "job0", "-o", "/dev/null"]) == 0
    assert Path("/dev/null").is_char_device()


@pytest.mark.parametrize("name", ["runs.xlsx", "folder", "not/there.csv"])
def test_an_output_that_cannot_be_meant_is_refused(
    runs: list[Path], own_folder: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    Path("folder").mkdir()
    before = sorted(os.listdir(own_folder))
    assert main(["export", "job0", "-o", name]) == 2
    assert name in capsys.readouterr().err
    assert sorted(os.listdir(own_folder)) == before


def test_a_file_is_written_in_the_format_of_its_ending(
    runs: list[Path], own_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("runs.csv", "runs.json", "runs.tex"):
        assert main(["export", "job0", "-o", name]) == 0
        assert capsys.readouterr() == ("", f"wrote {name}\n")
    assert json.loads(Path("runs.json").read_text())[0]["name"] == runs[0].name
    assert Path("runs.csv").read_text() == printed(capsys, "export", "job0", "--csv")
    assert Path("runs.tex").read_text() == printed(capsys, "export", "job0", "--latex")
    assert main(["export", "job0", "--csv", "-o", "runs.txt"]) == 0
    assert Path("runs.txt").read_text() == Path("runs.csv").read_text()


def test_latex_has_no_character_that_means_more_than_itself(
    runs: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert latex_text(r"50% & $a_b#{c}~^\d") == (
        r"50\% \& \$a\_b\#\{c\}\textasciitilde{}\textasciicircum{}\textbackslash{}d"
    )
    assert main(["note", "job0", r"[2pt] \input{/etc/passwd} & 3 % *"]) == 0
    text = printed(capsys, "export", "job0", "job1", "--columns", "note,val_loss", "--latex")
    rows = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert len(rows) == 3
    assert all(line.replace(r"\&", "").count("&") == 1 for line in rows)
    assert rows[1].startswith(r"{[}2pt] \textbackslash{}input\{/etc/passwd\} \& 3 \% {*} & ")
    assert text.index(r"\toprule") < text.index(r"\midrule") < text.index(r"\bottomrule")


def test_latex_writes_powers_of_ten() -> None:
    rows = [[Field("number", value)] for value in (-1.5e-7, 0.25, None)]
    text = "".join(latex_lines(["lr"], rows))
    assert "{r}" in text
    assert text.splitlines()[5:8] == [r"$-$1.5$\times10^{-7}$ \\", r"0.25 \\", r" \\"]


@pytest.mark.parametrize("note", ["=cmd()", "+1", "-1+1", "@SUM(A1)"])
def test_a_spreadsheet_is_given_no_formula(
    runs: list[Path], capsys: pytest.CaptureFixture[str], note: str
) -> None:
    assert main(["note", "job0", "--", note]) == 0
    (row,) = csv.DictReader(
        io.StringIO(printed(capsys, "export", "job0", "--columns", "note,val_loss"))
    )
    assert row["note"] == f"'{note}"


@pytest.mark.parametrize(
    "words",
    [
        ["show", "last", "--events"],
        ["follow", "last"],
        ["diff", "job0", "job1"],
        ["export", "job0", "--curves"],
        ["export", "job0", "--latex"],
        ["tag", "job0", "+a"],
        ["remove", "job0", "--dry-run"],
    ],
    ids=" ".join,
)
def test_nothing_heavy_is_imported(runs: list[Path], words: list[str]) -> None:
    code = "import sys, engine.cli; engine.cli.main(sys.argv[1:]); print(*sys.modules)"
    answer = subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, check=True
    )
    assert answer.stderr == ""
    assert not set(answer.stdout.split()) & HEAVY


def test_the_tables_fit_a_terminal(
    runs: list[Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "72")
    monkeypatch.setattr("engine.cli.diff.on_terminal", lambda: True)
    monkeypatch.setattr("engine.cli.output.on_terminal", lambda: True)
    text = re.sub(r"\x1b\[[0-9;]*m", "", printed(capsys, "diff", "job0", "job1", "job3"))
    assert max(map(len, text.splitlines())) <= 72
    assert all(f" {key} " in text for key in ("val_loss", "lr", "seed", "id_cross_entropy"))
