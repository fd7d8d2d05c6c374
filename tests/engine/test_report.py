"""`engine report`: everything is on the page, and nothing on it leads elsewhere."""

from __future__ import annotations

import base64
import json
import math
import os
import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from engine.cli import main
from engine.facts import RunDir
from engine.facts.labels import Labels, write_labels
from engine.library.index import summarise
from engine.library.summary import RunSummary
from engine.report import html, markdown
from engine.report.charts import make_charts
from engine.report.content import make_report
from engine.report.draw import N_TOLD
from engine.report.grid import MOST_COLUMNS
from engine.report.own_figures import MOST_BYTES, own_figures
from engine.tables.commands import train_command
from tests.bench.tree import config_of, events_of, line_of, make_run, make_tree, write_run

HOSTILE = (
    "</pre></style><script>alert(1)</script><img src=x onerror=go()>\"'&`|[a](http://evil.example)"
)
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
VOID = {"meta", "img", "use", "path"}


class Page(HTMLParser):
    """The elements and the text of a page; closing tags must fit."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.feed(page.replace("<wbr>", ""))  # a name may go on in the next line there
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


def assert_self_contained(page: str) -> Page:
    """Nothing to fetch and nothing to execute."""
    read = Page(page)
    for tag, attributes in read.tags:
        assert tag not in {"script", "link", "iframe", "object", "embed", "base", "form", "a"}
        for name, value in attributes.items():
            assert not name.startswith("on")
            if name == "src":
                assert value is not None
                assert value.startswith("data:image/png;base64,")
            if name.endswith("href"):
                assert value is not None
                assert value.startswith("#")
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)
    assert style
    assert "url(" not in style[1]
    assert "@import" not in style[1]
    return read


def report(*words: str) -> str:
    """What the command writes to a file."""
    assert main(["report", *words, "-o", "page.html"]) == 0
    return Path("page.html").read_text("utf-8")


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Charts that show nothing, for pages of which something else is looked at."""
    monkeypatch.setattr(html, "svg", lambda *_: "<svg></svg>")


def test_a_page_about_several_runs_has_every_run_every_difference_and_the_best(
    own_folder: Path,
) -> None:
    paths = make_tree(own_folder / "outputs", 3, epochs=4)
    write_labels(RunDir(paths[1]), Labels(("paper",), "looks good"))
    page = assert_self_contained(report("run_*", "--title", "Which rate?"))
    runs = sorted(map(summarise, paths), key=lambda run: run.numbers["val_loss"].best)
    for run in runs:
        assert run.name in page.text
        assert f"{run.numbers['val_loss'].best:.4g}" in page.text
        assert f"{run.results['test_loss']:.4g}" in page.text
        assert f"phase1.trainer.seed={run.seed}" in page.text
    for text in ("Which rate?", "lr", "seed", "paper", "looks good"):
        assert text in page.text
    best = runs[0].numbers["val_loss"].best
    assert re.search(rf"Lowest validation loss {best:.4g} at epoch \d: #1, lr=", page.text)
    places = [page.text.index(f"#{number} {run.name}") for number, run in enumerate(runs, 1)]
    assert places == sorted(places)
    assert f"paper #{[run.path for run in runs].index(str(paths[1])) + 1}" in page.text
    assert sum(tag == "svg" for tag, _ in page.tags) >= 5
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_runs_that_differ_in_the_seed_alone_are_averaged_and_share_a_colour(
    own_folder: Path,
) -> None:
    found = [run_with(own_folder, seed, lr=rate) for seed, rate in ((1, 0.1), (2, 0.1), (3, 0.01))]
    losses = {run.seed: run.numbers["val_loss"].best for run in found}
    told = make_report(found)
    place = [entry.text for entry in told.runs.titles].index("seed")
    seeds = [row[place].text for row in told.runs.rows]
    colour = dict(zip(map(int, seeds), told.colours, strict=True))
    assert colour[1] == colour[2] != colour[3]
    (row,) = told.seeds[0].rows
    pair = sorted(seeds.index(str(seed)) + 1 for seed in (1, 2))
    runs = f"#{pair[0]}, #{pair[1]}"
    assert [entry.text for entry in row[:2]] == ["all runs", f"2 ({runs})"]
    assert told.seeds[0].titles[2].text.startswith("val_loss")
    assert float(row[2].text.split(" ± ")[0]) == pytest.approx((losses[1] + losses[2]) / 2, rel=0.1)
    page = assert_self_contained(html.render(told))
    entries = {colour[1]: f"{runs} lr=0.1", colour[3]: f"#{seeds.index('3') + 1} lr=0.01, seed=3"}
    assert dict(told.legend) == entries
    assert all(entry in page.text for entry in entries.values())


def run_with(folder: Path, seed: int, epochs: int = 3, **trainer: Any) -> RunSummary:
    """A run with these settings of the trainer."""
    path = folder / "outputs" / "runs" / f"run_{seed}"
    cfg = config_of(seed, epochs)
    cfg["phase1"]["trainer"] |= trainer
    write_run(path, list(events_of(path, cfg, epochs)), seed, cfg)
    return summarise(path)


def test_many_runs_have_a_row_each_and_few_a_column(own_folder: Path) -> None:
    paths = make_tree(own_folder / "outputs", 12, epochs=2)
    for n_runs in (2, 12):
        told = make_report([summarise(path) for path in paths[:n_runs]])
        for grid in told.results:
            runs = [entry.run for entry in grid.titles] if n_runs == 2 else []
            runs = runs[1:] or [row[0].run for row in grid.rows]
            assert runs == list(range(n_runs))
            assert {len(row) for row in grid.rows} == {len(grid.titles)}
            assert len(grid.titles) <= 1 + (n_runs if n_runs == 2 else MOST_COLUMNS)
    tagged = [RunDir(path) for path in paths]
    for run in tagged:
        write_labels(run, Labels(("all",) if run is tagged[0] else ("all", "most"), ""))
    told = make_report(list(map(summarise, paths)))
    without = next(i for i, row in enumerate(told.runs.rows) if row[1].text == paths[0].name) + 1
    tags = dict(told.tags)
    assert tags["all"] == "all runs"
    assert f"#{without}" not in re.findall(r"#\d+", tags["most"])


@pytest.mark.usefixtures("undrawn")
def test_settings_are_told_by_short_names_and_components_by_theirs(own_folder: Path) -> None:
    paths = [own_folder / name for name in ("a", "b")]
    for path, space in zip(paths, ("vq.VectorQuantiser", "linear.LinearLatentSpace"), strict=True):
        cfg = config_of(1, 2)
        parts = "engine.architectures.autoencoder.latent_spaces."
        cfg["phase1"]["latent_space"]["_target_"] = parts + space
        if space.startswith("linear"):
            del cfg["phase1"]["latent_space"]["codebook_size"]
        write_run(path, list(events_of(path, cfg, 2)), 1, cfg)
    told = make_report(list(map(summarise, paths)))
    place = [entry.text for entry in told.runs.titles].index("latent_space")
    assert {row[place].text for row in told.runs.rows} == {"vq", "linear"}
    assert told.names[0].startswith("latent_space=")
    assert told.config.tables == []
    assert told.config.only_some == ["codebook_size"]
    assert "engine.architectures" not in html.render(told)


def test_losses_of_two_loops_are_not_compared(own_folder: Path) -> None:
    found = [run_with(own_folder, seed) for seed in (1, 2, 3)]
    losses = [run.numbers["val_loss"].best for run in found]
    worst = found[losses.index(max(losses))]
    for run in found:
        run.loop = "other" if run is worst else "ae"
    told = make_report([worst, *(run for run in found if run is not worst)])
    assert told.runs.rows[0][1].text == worst.name
    assert told.headline == ""
    assert not any(
        entry.best for grid in (told.runs, *told.results) for r in grid.rows for entry in r
    )
    told = make_report([run for run in found if run is not worst])
    assert told.headline
    assert any(entry.best for row in told.runs.rows for entry in row)


def test_what_a_chart_shows_across_is_the_same_for_all_its_curves(own_folder: Path) -> None:
    """A run in its first epoch knows its losses by steps alone."""
    done = make_run(own_folder / "done", epochs=4)
    young = make_run(own_folder / "young", epochs=0, end=None)
    events = list(events_of(young, config_of(2, 4), 3, None))
    for event in events[1:]:
        event |= {"moment": "on_validation_end", "epoch": 0}
    RunDir(young).events.write_text("".join(line_of(event) + "\n" for event in events))
    shown, _ = make_charts([summarise(done), summarise(young)], [0, 1])
    chart = next(chart for chart in shown if chart.title == "val_loss")
    assert chart.x_title == "step"
    assert [list(line.xs) for line in chart.lines] == [[100, 200, 300, 400], [100, 200, 300]]


def test_a_value_that_no_axis_can_hold_is_a_gap(own_folder: Path) -> None:
    path = make_run(own_folder / "run", epochs=0, end=None)
    events = list(events_of(path, config_of(1, 5), 5, None))
    events[2]["val_loss"] = 1e300
    RunDir(path).events.write_text("".join(line_of(event) + "\n" for event in events))
    chart = make_charts([summarise(path)], [0]).shown[0]
    values = chart.lines[-1].ys
    assert [math.isnan(value) for value in values] == [False, True, False, False, False]
    assert max(value for value in values if not math.isnan(value)) < 3


@pytest.mark.usefixtures("undrawn")
def test_the_command_has_the_seed_that_was_drawn(own_folder: Path) -> None:
    run = run_with(own_folder, 77)
    overrides = RunDir(Path(run.path)).hydra / "overrides.yaml"
    overrides.write_text("- phase1.trainer.epochs=9\n- phase1.trainer.seed=null\n")
    told = make_report([summarise(run.path)])
    (row,) = told.commands.rows
    assert row[1].text == "thesis-train phase1.trainer.epochs=9 phase1.trainer.seed=77"
    assert "phase1.trainer.seed=77" in html.render(told)
    overrides.write_text("- phase1.trainer.epochs=9\n")
    assert train_command(summarise(run.path)) == "thesis-train phase1.trainer.epochs=9"


def test_a_run_of_htcondor_is_sent_there_again() -> None:
    run = RunSummary(path="/r/one", name="one", launcher="htcondor", config={"loop": "ae"})
    run = replace(run, overrides=["launcher=htcondor", "launcher.memory=8GB"])
    assert train_command(run) == "engine submit launcher.memory=8GB"


def test_a_page_in_markdown_about_many_runs_is_drawn_without_a_warning(own_folder: Path) -> None:
    """A legend that has no room makes matplotlib warn, which fails a test."""
    found = [run_with(own_folder, n, lr=0.001 * n, batch=n) for n in range(1, 33)]
    told = make_report(found)
    assert len(told.legend) == N_TOLD + 1
    assert told.legend[-1][1] == f"#{N_TOLD + 1}\N{EN DASH}#32 the others"
    few = told.charts._replace(shown=told.charts.shown[:2])
    text = markdown.render(replace(told, charts=few))
    assert text.count("data:image/png") == 2
    assert len(re.findall(r"(?m)^- ", text)) == N_TOLD + 1


@pytest.mark.usefixtures("undrawn")
def test_figures_behind_a_link_are_not_on_the_page(own_folder: Path) -> None:
    path = make_run(own_folder / "outputs" / "runs" / "run_a", epochs=2)
    elsewhere = own_folder / "private"
    elsewhere.mkdir()
    (elsewhere / "passport.png").write_bytes(PIXEL)
    RunDir(path).figures.symlink_to(elsewhere)
    page = report("run_a")
    assert not any(tag == "img" for tag, _ in Page(page).tags)
    assert "passport" not in page
    assert "or a link: figures." in page


def test_a_page_about_one_run_shows_its_overrides_and_its_own_figures(own_folder: Path) -> None:
    path = make_run(own_folder / "outputs" / "runs" / "run_a", epochs=3)
    figures = RunDir(path).figures
    figures.mkdir()
    for name in ("losses-on_epoch_end-e001.png", "losses-on_train_end-e002.png", "other.png"):
        (figures / name).write_bytes(PIXEL)
    (figures / "wrong.png").write_bytes(b"GIF89a.." + PIXEL[8:])
    Path("elsewhere.png").write_bytes(PIXEL)
    (figures / "huge.png").write_bytes(PIXEL[:8] + bytes(MOST_BYTES))
    (figures / "link.png").symlink_to(Path("elsewhere.png").absolute())
    shown, left_out = own_figures(path)
    assert [figure.name for figure in shown] == ["losses, epoch 2", "other.png"]
    assert left_out == ["huge.png", "link.png", "wrong.png"]
    page = assert_self_contained(report("run_a"))
    assert sum(tag == "img" for tag, _ in page.tags) == 2
    assert "phase1/latent_space=vq" in page.text
    assert "thesis-train phase1/latent_space=vq" in page.text
    assert "'note=\"a, b\"'" in page.text


def hostile_run(root: Path) -> Path:
    """A run with markup in its name and in every text and number's name of its events."""
    path = root / "runs" / "run_<b>&\"'`|_*evil*_[x](y)"
    cfg = config_of(1, 3) | {HOSTILE: HOSTILE, "list": [HOSTILE]}
    events = list(events_of(path, cfg, 3))
    for event in events:
        event["metrics"] |= {HOSTILE: 0.5 + (event["epoch"] or 0), "$x$\x1b[2J": 1e300}
        event["error"] = HOSTILE
        event["meta"] |= dict.fromkeys(("hostname", "git_commit", "engine_version"), HOSTILE)
    write_run(path, events, 1, cfg)
    (RunDir(path).hydra / "overrides.yaml").write_text(f"- {json.dumps('a=' + HOSTILE)}\n")
    write_labels(RunDir(path), Labels((), f"{HOSTILE}\n```\n# title\n---\n1. x"))
    return path


def test_text_from_files_stays_text(own_folder: Path) -> None:
    hostile_run(own_folder / "outputs")
    make_run(own_folder / "outputs" / "runs" / "good", epochs=2)
    for words in (["run_*"], ["run_*", "good"]):
        page = assert_self_contained(report(*words, "--title", HOSTILE))
        assert HOSTILE in page.text
        assert "\x1b" not in page.text


def test_markdown_keeps_text_text_and_holds_its_pictures(own_folder: Path) -> None:
    path = hostile_run(own_folder / "outputs")
    assert main(["report", "run_*", "-o", "page.md", "--title", HOSTILE]) == 0
    text = Path("page.md").read_text("utf-8")
    pictures = re.findall(r"!\[[^\n]*\]\(([^)\n]*)\)", text)
    assert pictures
    for picture in pictures:
        assert picture.startswith("data:image/png;base64,")
        assert base64.b64decode(picture.partition(",")[2]).startswith(PIXEL[:8])
    outside = re.sub(r"^(`{3,})\n.*?\n\1$|(`+) .*? \2", "", text, flags=re.DOTALL | re.MULTILINE)
    assert "<script" not in outside.replace("\\<", "")
    assert "](http" not in outside.replace("\\]", "")
    assert "://" not in outside.replace("\\://", "")
    assert "\n# title" not in outside
    for table in re.findall(r"(?:^\|.*\n)+", outside, re.MULTILINE):
        widths = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}
        assert len(widths) == 1
    assert summarise(path).name in text.replace("\\", "")


@pytest.mark.parametrize("text", ["``` \n```` x", "`", "a\n~~~\n```"])
def test_a_code_block_cannot_be_closed_by_what_is_in_it(text: str) -> None:
    first, *inside, last = markdown.fence(text).split("\n")
    assert first == last
    assert "\n".join(inside) == text
    assert all(not line.strip().startswith(first) for line in inside)
    assert "```" * len(text) not in markdown.code(text)


def test_runs_without_events_or_with_broken_ones_are_on_the_page(own_folder: Path) -> None:
    make_run(own_folder / "outputs" / "runs" / "good", epochs=2)
    queued = own_folder / "outputs" / "runs" / "waiting"
    queued.mkdir()
    (queued / "launch.json").write_text('{"state": "queued", "command": []}')
    broken = own_folder / "outputs" / "runs" / "broken"
    RunDir(broken).events.mkdir(parents=True)
    page = assert_self_contained(report("good", "waiting", "broken"))
    for text in ("good", "waiting", "broken", "queued"):
        assert text in page.text
    assert "Lowest validation loss" in page.text
    assert assert_self_contained(report("waiting")).text


@pytest.mark.usefixtures("undrawn")
def test_where_the_page_goes_is_told_and_wrong_places_are_refused(
    own_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_run(own_folder / "outputs" / "runs" / "run_a", epochs=2)
    assert main(["report", "run_a", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == {
        "path": str(own_folder / "report.html"),
        "format": "html",
        "bytes": os.path.getsize("report.html"),
        "replaced": False,
        "runs": ["run_a"],
    }
    assert main(["report", "run_a"]) == 0
    assert "in place of the file that was there" in capsys.readouterr().err
    assert main(["report", "run_a", "-o", "-"]) == 0
    assert capsys.readouterr().out.startswith("<!doctype html>")
    Path("old.md").write_text("old")
    Path("folder.html").mkdir()
    wrong = (["page.pdf"], ["folder.html"], ["no/page.html"], ["-", "--json"])
    for words in wrong:
        assert main(["report", "run_a", "-o", *words]) == 2
    assert not Path("no").exists()
    assert main(["report", "nothing", "-o", "old.md"]) == 2
    assert Path("old.md").read_text() == "old"


@pytest.mark.usefixtures("undrawn")
def test_a_pipe_is_written_into(own_folder: Path) -> None:
    make_run(own_folder / "outputs" / "runs" / "run_a", epochs=2)
    os.mkfifo("pipe")
    reader = subprocess.Popen(["cat", "pipe"], stdout=subprocess.PIPE)
    try:
        assert main(["report", "run_a", "-o", "pipe"]) == 0
        page, _ = reader.communicate(timeout=30)
    finally:
        reader.kill()  # without a writer it would wait for ever
        reader.communicate()
    assert page.startswith(b"<!doctype html>")
    assert Path("pipe").is_fifo()


def test_the_parts_of_a_report_load_nothing_heavy() -> None:
    modules = "engine.cli.report, engine.report.html, engine.report.markdown"
    code = f"import sys, {modules}; print(*sys.modules)"
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    heavy = {"torch", "numpy", "pandas", "matplotlib", "h5py", "hydra", "omegaconf", "rich"}
    assert not heavy & set(answer.stdout.split())
