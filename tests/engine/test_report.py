"""`engine report`: everything is on the page, and nothing on it leads elsewhere."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from engine.cli import main
from engine.facts import RunDir
from engine.facts.labels import Labels, write_labels
from engine.library.index import summarise
from engine.report import markdown
from engine.report.content import make_report
from engine.report.own_figures import MOST_BYTES, own_figures
from tests.bench.tree import config_of, events_of, make_run, make_tree, write_run

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
        self.feed(page)
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


def test_a_page_about_several_runs_has_every_run_every_difference_and_the_best(
    own_folder: Path,
) -> None:
    paths = make_tree(own_folder / "outputs", 3, epochs=4)
    write_labels(RunDir(paths[1]), Labels(("paper",), "looks good"))
    page = assert_self_contained(report("run_*", "--title", "Which rate?"))
    runs = [summarise(path) for path in paths]
    for run in runs:
        assert run.name in page.text
        assert f"{run.numbers['val_loss'].best:.4g}" in page.text
        assert f"{run.results['test_loss']:.4g}" in page.text
        assert f"phase1.trainer.seed={run.seed}" in page.text
    for text in ("Which rate?", "phase1.trainer.lr", "phase1.trainer.seed", "paper", "looks good"):
        assert text in page.text
    best = min(runs, key=lambda run: run.numbers["val_loss"].best)
    assert f"Lowest validation loss {best.numbers['val_loss'].best:.4g}" in page.text
    assert f"#{runs.index(best) + 1}" in page.text
    assert sum(tag == "svg" for tag, _ in page.tags) >= 5
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_runs_that_differ_in_the_seed_alone_are_averaged_and_share_a_colour(
    own_folder: Path,
) -> None:
    for seed, rate in ((1, 0.1), (2, 0.1), (3, 0.01)):
        path = own_folder / "outputs" / "runs" / f"run_{seed}"
        cfg = config_of(seed, 3)
        cfg["phase1"]["trainer"]["lr"] = rate
        write_run(path, list(events_of(path, cfg, 3)), seed, cfg)
    found = [summarise(path) for path in sorted((own_folder / "outputs" / "runs").iterdir())]
    told = make_report(found)
    assert told.colours[0] == told.colours[1] != told.colours[2]
    assert [entry.text for entry in told.seeds.titles[1:]] == ["lr=0.1 (n = 2)", "lr=0.01 (n = 1)"]
    losses = [run.numbers["val_loss"].best for run in found[:2]]
    mean = told.seeds.rows[0][1].text.split(" ± ")[0]
    assert float(mean) == pytest.approx(sum(losses) / 2, rel=0.1)


def test_many_runs_have_a_row_each_and_few_a_column(own_folder: Path) -> None:
    paths = make_tree(own_folder / "outputs", 12, epochs=2)
    for n_runs in (2, 12):
        told = make_report([summarise(path) for path in paths[:n_runs]])
        for grid in (told.config, told.results):
            runs = [entry.run for entry in grid.titles] if n_runs == 2 else []
            runs = runs[1:] or [row[0].run for row in grid.rows]
            assert runs == list(range(n_runs))
            assert {len(row) for row in grid.rows} == {len(grid.titles)}


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
        "runs": ["run_a"],
    }
    assert main(["report", "run_a", "-o", "-"]) == 0
    assert capsys.readouterr().out.startswith("<!doctype html>")
    Path("old.md").write_text("old")
    Path("folder.html").mkdir()
    for words in (["-o", "page.pdf"], ["-o", "folder.html"], ["-o", "-", "--json"]):
        assert main(["report", "run_a", *words]) == 2
    assert main(["report", "nothing", "-o", "old.md"]) == 2
    assert Path("old.md").read_text() == "old"


def test_the_parts_of_a_report_load_nothing_heavy() -> None:
    modules = "engine.cli.report, engine.report.html, engine.report.markdown"
    code = f"import sys, {modules}; print(*sys.modules)"
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    heavy = {"torch", "numpy", "pandas", "matplotlib", "h5py", "hydra", "omegaconf", "rich"}
    assert not heavy & set(answer.stdout.split())
