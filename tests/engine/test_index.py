"""The index of runs: what it finds, that it is as good as reading anew, and what it reads."""

from __future__ import annotations

import json
import os
import random
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import FactsError
from engine.facts import RunDir
from engine.facts.job_report import JobReport
from engine.facts.labels import Labels, write_labels
from engine.library import index, sharing
from engine.library.cache import Cache
from engine.library.find import Found
from engine.library.index import Index, find_runs, summarise
from engine.library.summary import RunSummary
from tests.bench.tree import BEGUN, config_of, events_of, line_of, make_run, make_tree

NOW = BEGUN.timestamp() + 1e7


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An output root with three runs that have ended."""
    make_tree(tmp_path / "outputs", 3, epochs=2)
    return tmp_path / "outputs"


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the runs whose files were read, or that were judged, in the order of it."""
    names: list[str] = []
    for module, name in ((sharing, "read"), (index, "read"), (index, "judge")):
        real = getattr(module, name)

        def counted(*arguments: object, name: str = name, real: object = real) -> object:
            (found,) = (argument for argument in arguments if isinstance(argument, Found))
            names.append(f"{name} {os.path.basename(found.path)}")
            return real(*arguments)  # type: ignore[operator]

        monkeypatch.setattr(module, name, counted)
    return names


def _fresh(root: Path) -> list[RunSummary]:
    return [summarise(path, now=NOW) for path in find_runs(root)]


def _is_unread(run: RunSummary) -> bool:
    try:
        object.__getattribute__(run, "_read")
    except AttributeError:
        return False
    return True


def test_runs_are_found_wherever_they_lie_below_a_root(tmp_path: Path) -> None:
    places = ["runs/a", "runs/b", "other/deep/c", "d", "one/two/three/e"]
    for place in places:
        make_run(tmp_path / place, epochs=1)
    (tmp_path / "queued").mkdir()
    (tmp_path / "queued" / "launch.json").write_text("{}")
    make_run(tmp_path / "one/two/three/four/too_deep", epochs=1)
    make_run(tmp_path / ".hidden", epochs=1)
    make_run(tmp_path / "runs/a/facts/inner", epochs=1)
    expected = sorted(tmp_path / place for place in [*places, "queued"])
    assert find_runs(tmp_path) == expected
    assert find_runs(tmp_path / "runs") == [tmp_path / "runs/a", tmp_path / "runs/b"]
    assert find_runs(tmp_path / "runs/a") == [tmp_path / "runs/a"]
    (tmp_path / "multiruns").mkdir()
    assert find_runs(str(tmp_path / "multiruns")) == []


def test_links_are_not_followed(tmp_path: Path) -> None:
    make_run(tmp_path / "elsewhere" / "run", epochs=1)
    root = tmp_path / "root"
    root.mkdir()
    (root / "link").symlink_to(tmp_path / "elsewhere" / "run")
    (root / "folder").symlink_to(tmp_path / "elsewhere")
    (root / "loop").symlink_to(root)
    (root / "half").mkdir()
    (root / "half" / "launch.json").symlink_to("/etc/passwd")
    assert find_runs(root) == []
    assert find_runs(tmp_path / "elsewhere") == [tmp_path / "elsewhere" / "run"]


@pytest.mark.parametrize("missing", ["nowhere", "file", "a\0b"])
def test_a_root_that_is_no_folder_is_an_error_with_a_hint(tmp_path: Path, missing: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FactsError, match="there is no folder") as caught:
        find_runs(tmp_path / missing)
    assert caught.value.hint
    with pytest.raises(FactsError, match="there is no folder"):
        Index(tmp_path / missing, tmp_path / "cache").refresh()


def test_folders_that_cannot_be_listed_are_passed_over(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "locked").mkdir()
    real = os.scandir

    def scandir(path: str) -> object:
        if os.path.basename(path) == "locked":
            raise PermissionError(13, "Permission denied", path)
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert len(find_runs(root)) == 3


def test_an_index_says_what_reading_anew_says(root: Path, tmp_path: Path) -> None:
    expected = _fresh(root)
    assert [run.name for run in expected] == sorted(path.name for path in (root / "runs").iterdir())
    assert {run.state for run in expected} == {"finished"}
    assert Index(root, tmp_path / "cache").refresh(NOW) == expected
    assert Index(root, tmp_path / "cache").refresh(NOW) == expected


def test_runs_that_ended_are_listed_without_reading_them(
    root: Path, tmp_path: Path, readings: list[str]
) -> None:
    first = Index(root, tmp_path / "cache").refresh(NOW)
    assert len(readings) == 6
    again = Index(root, tmp_path / "cache")
    listed = again.refresh(NOW)
    assert all(map(_is_unread, listed))
    assert listed == first
    assert [id(run) for run in again.refresh(NOW)] == [id(run) for run in listed]
    assert len(readings) == 6


def test_only_what_changed_is_read_again(root: Path, tmp_path: Path, readings: list[str]) -> None:
    live = make_run(root / "runs" / "live", epochs=2, planned=4, end=None)
    killed = make_run(root / "runs" / "killed", epochs=1, planned=4, end=None)
    runs = Index(root, tmp_path / "cache")
    runs.refresh(NOW)
    readings.clear()
    events = [line_of(event) for event in events_of(live, config_of(0, 4), 3, None)]
    with open(RunDir(live).events, "a") as file:
        file.write(events[-1] + "\n")
    os.utime(RunDir(live).events, (NOW - 1000, NOW - 1000))
    listed = {run.name: run for run in runs.refresh(NOW)}
    assert sorted(readings) == ["judge killed", "judge live", "read live"]
    assert listed["live"] == summarise(live, now=NOW)
    assert listed["live"].epochs_done == 3
    assert listed["killed"] == summarise(killed, now=NOW)


def test_of_a_file_that_grew_only_the_new_lines_are_read(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = make_run(root / "runs" / "live", epochs=50, end=None)
    runs = Index(root, tmp_path / "cache")
    runs.refresh(NOW)
    lengths: list[int] = []
    real = os.pread

    def pread(handle: int, size: int, offset: int) -> bytes:
        data = real(handle, size, offset)
        lengths.append(len(data))
        return data

    monkeypatch.setattr(os, "pread", pread)
    line = line_of(list(events_of(live, config_of(0, 50), 51, None))[-1]) + "\n"
    with open(RunDir(live).events, "a") as file:
        file.write(line)
    (run,) = (run for run in runs.refresh(NOW) if run.name == "live")
    assert run.epochs_done == 51
    assert sum(lengths) < 4096


class _Changes:
    """Random changes of a tree of runs, each with a time of its own."""

    def __init__(self, root: Path, seed: int) -> None:
        self.root = root
        self.random = random.Random(seed)
        self.time = BEGUN.timestamp() + 1e6
        self.made = 0

    def make(self) -> None:
        kind = self.random.choice(
            [self.add, self.append, self.append, self.label, self.remove, self.cut, self.start]
        )
        kind()

    def _run(self) -> RunDir | None:
        paths = find_runs(self.root)
        return RunDir(self.random.choice(paths)) if paths else None

    def _touch(self, *paths: Path) -> None:
        self.time += 100
        for path in paths:
            if path.exists():
                os.utime(path, (self.time, self.time))

    def add(self) -> None:
        self.made += 1
        end = self.random.choice(["on_train_end", "on_exception", None])
        epochs = self.random.randrange(4)
        make_run(self.root / "runs" / f"run_{self.made}", epochs=epochs, seed=self.made, end=end)

    def append(self) -> None:
        run = self._run()
        if run is None:
            return
        events = list(events_of(run.path, config_of(self.random.randrange(5), 3), 3))
        text = line_of(self.random.choice(events)) + "\n"
        with open(run.events, "a") as file:
            file.write(self.random.choice([text, text, "no event\n", text[: len(text) // 2]]))
        self._touch(run.events)

    def label(self) -> None:
        run = self._run()
        if run is not None:
            write_labels(run, Labels((f"t{self.made}",), "note", self.random.random() < 0.5))
            self._touch(run.path)

    def remove(self) -> None:
        run = self._run()
        if run is not None:
            shutil.rmtree(run.path)

    def cut(self) -> None:
        run = self._run()
        if run is not None and run.events.exists():
            os.truncate(run.events, self.random.randrange(run.events.stat().st_size + 1))
            self._touch(run.events)

    def start(self) -> None:
        run = self._run()
        if run is not None:
            number = len(list(run.attempts.iterdir())) + 1
            size = run.events.stat().st_size
            attempt = {"host": "other", "pid": 1, "events_size": size}
            (run.attempts / f"{number}.json").write_text(json.dumps(attempt))
            self._touch(run.attempts / f"{number}.json", run.attempts)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_an_index_says_what_reading_anew_says_after_any_change(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    root = tmp_path_factory.mktemp("root")
    changes, lasting = _Changes(root, seed), Index(root, root.parent / f"{root.name}_cache")
    changes.add()
    for _ in range(8):
        changes.make()
        expected = _fresh(root)
        assert lasting.refresh(NOW) == expected
        if changes.random.random() < 0.3:
            lasting = Index(root, root.parent / f"{root.name}_cache")
        assert Index(root, root.parent / f"{root.name}_cache").refresh(NOW) == expected


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_damaged_cache_is_made_again(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    root = tmp_path_factory.mktemp("root")
    make_tree(root, 2, epochs=1)
    folder = root.parent / f"{root.name}_cache"
    expected = Index(root, folder).refresh(NOW)
    (file,) = folder.iterdir()
    whole = file.read_bytes()
    place = data.draw(st.integers(0, 10**6)) % len(whole)
    damage = data.draw(st.sampled_from(["cut", "byte", "grow"]))
    if damage == "cut":
        file.write_bytes(whole[:place])
    elif damage == "byte":
        byte = bytes([whole[place] ^ data.draw(st.integers(1, 255))])
        file.write_bytes(whole[:place] + byte + whole[place + 1 :])
    else:
        file.write_bytes(whole + data.draw(st.binary(min_size=1)))
    assert Index(root, folder).refresh(NOW) == expected
    assert file.read_bytes() == whole


def test_a_cache_that_cannot_be_written_or_read_costs_nothing_but_time(
    root: Path, tmp_path: Path
) -> None:
    expected = _fresh(root)
    (tmp_path / "file").write_text("")
    assert Index(root, tmp_path / "file").refresh(NOW) == expected
    assert Index(root, tmp_path / "file" / "below").refresh(NOW) == expected
    (tmp_path / "cache").mkdir()
    Cache(str(root), tmp_path / "cache").path.mkdir()  # type: ignore[union-attr]
    assert Index(root, tmp_path / "cache").refresh(NOW) == expected
    assert [path.name for path in (tmp_path / "cache").iterdir() if path.is_file()] == []


def test_the_cache_lies_in_the_users_folder_for_such_files(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "mine"))
    Index(root).refresh(NOW)
    assert len(list((tmp_path / "mine" / "thesis-ml").iterdir())) == 1
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    Index(root).refresh(NOW)
    assert len(list((tmp_path / "home" / ".cache" / "thesis-ml").iterdir())) == 1
    assert {path.name for path in root.iterdir()} == {"runs"}


def test_the_cache_is_not_written_where_nothing_changed(root: Path, tmp_path: Path) -> None:
    make_run(root / "runs" / "killed", epochs=1, end=None)
    Index(root, tmp_path / "cache").refresh(NOW)
    (file,) = (tmp_path / "cache").iterdir()
    before = file.stat().st_ino, file.stat().st_mtime_ns
    runs = Index(root, tmp_path / "cache")
    runs.refresh(NOW)
    runs.refresh(NOW + 1)
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == before
    shutil.rmtree(root / "runs" / "killed")
    Index(root, tmp_path / "cache").refresh(NOW)
    assert file.stat().st_ino != before[0]


def test_names_of_any_kind_are_listed(tmp_path: Path) -> None:
    names = ["tab\there", "line\nend", "ünïcode", "quote'\"", "\x1b[31mred"]
    for name in names:
        make_run(tmp_path / "root" / name, epochs=1)
    os.rename(tmp_path / "root" / "ünïcode", os.fsencode(tmp_path / "root") + b"/\xff\xfe")
    expected = {*names, os.fsdecode(b"\xff\xfe")} - {"ünïcode"}
    for _ in range(2):
        listed = Index(tmp_path / "root", tmp_path / "cache").refresh(NOW)
        assert {run.name for run in listed} == expected
        assert {run.state for run in listed} == {"finished"}


def _broken(path: Path, kind: str) -> None:
    """Make the run at `path` one that is broken in this way."""
    run = RunDir(path)
    events = run.events.read_bytes()
    run.events.unlink()
    if kind == "no events":
        pass
    elif kind == "events are a folder":
        run.events.mkdir()
    elif kind == "events are a pipe":
        os.mkfifo(run.events)
    elif kind == "events are a link":
        (path / "real").write_bytes(events)
        run.events.symlink_to(path / "real")
    elif kind == "facts are a link":
        run.events.write_bytes(events)
        run.facts.rename(path / "real")
        run.facts.symlink_to(path / "real")
    elif kind == "facts are a file":
        shutil.rmtree(run.facts)
        run.facts.write_text("")
        run.launch.write_text("{}")
    elif kind == "no line is an event":
        run.events.write_bytes(b"\0\0\n[[[[\n{}\n\xff\xfe\n" + b"[" * 100_000 + b"\n")
    else:
        run.events.write_bytes(events)
        name = {"launch": "launch.json", "labels": "labels.json"}[kind.split()[0]]
        content = {"garbage": b"\x80\x04cos\nsystem\n", "list": b"[1]", "huge": b" " * 10**6}
        (path / name).write_bytes(content[kind.split()[-1]])


@pytest.mark.parametrize(
    ("kind", "problem"),
    [
        ("no events", None),
        ("events are a folder", "is no regular file"),
        ("events are a pipe", "is no regular file"),
        ("events are a link", "is a link, which is not followed"),
        ("facts are a link", "is a link, which is not followed"),
        ("facts are a file", "Not a directory"),
        ("no line is an event", "none of the 5 whole lines of facts/events.jsonl is an event"),
        ("launch is garbage", "launch.json is damaged"),
        ("launch is a list", "launch.json is damaged"),
        ("labels are garbage", "labels.json is damaged"),
        ("labels are huge", "labels.json is damaged"),
    ],
)
def test_a_broken_run_is_a_row_with_a_reason(
    root: Path, tmp_path: Path, kind: str, problem: str | None
) -> None:
    path = find_runs(root)[1]
    _broken(path, kind)
    if kind != "facts are a link":
        assert path in find_runs(root)
    for _ in range(2):
        listed = Index(root, tmp_path / "cache").refresh(NOW)
        assert listed == _fresh(root)
        (run,) = (run for run in listed if run.path == str(path))
        assert (problem or "") in (run.problem or "")
        assert (run.problem is None) == (problem is None)
        assert [run.problem for run in listed].count(None) >= 2


def test_a_run_that_cannot_be_read_now_is_read_once_it_can(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked = str(RunDir(find_runs(root)[0]).events)
    real = os.open

    def opened(path: str, *arguments: int, dir_fd: int | None = None) -> int:
        folder = "" if dir_fd is None else os.readlink(f"/proc/self/fd/{dir_fd}")
        if os.path.join(folder, path) == locked:
            raise PermissionError(13, "Permission denied", path)
        return real(path, *arguments, dir_fd=dir_fd)

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", opened)
        run = Index(root, tmp_path / "cache").refresh(NOW)[0]
        assert (run.state, run.epochs_done) == (None, 0)
        assert run.problem == f"cannot read {locked}: Permission denied"
    assert Index(root, tmp_path / "cache").refresh(NOW) == _fresh(root)


def test_a_path_that_is_no_run_has_a_problem(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing", Path("/dev/null"), Path("a\0b")):
        assert summarise(path).problem == "there is no run directory here"


def test_a_config_of_any_depth_is_kept(tmp_path: Path) -> None:
    path = make_run(tmp_path / "root" / "run", epochs=0)
    event = next(iter(events_of(path, config_of(0, 3), 0)))
    deep = "[" * 300 + "]" * 300 + ',"d":' + '{"a":' * 300 + "1" + "}" * 300
    text = line_of(event).replace('"loop":"ae"', f'"loop":"ae","deep":{deep}')
    RunDir(path).events.write_text(text + "\n")
    for _ in range(2):
        (run,) = Index(tmp_path / "root", tmp_path / "cache").refresh(NOW)
        assert (run.loop, run.config["deep"], run.problem) == ("ae", "…", None)


def test_a_root_that_is_away_for_a_while_is_not_forgotten(
    root: Path, tmp_path: Path, readings: list[str]
) -> None:
    runs = Index(root, tmp_path / "cache")
    expected = runs.refresh(NOW)
    readings.clear()
    root.rename(tmp_path / "away")
    with pytest.raises(FactsError, match="there is no folder"):
        runs.refresh(NOW)
    (tmp_path / "away").rename(root)
    assert runs.refresh(NOW) == expected
    assert readings == []


def test_a_run_without_an_event_began_when_it_was_launched(tmp_path: Path) -> None:
    path = tmp_path / "run"
    path.mkdir()
    record = {"state": "queued", "submitted": BEGUN.isoformat(), "target": "htcondor"}
    (path / "launch.json").write_text(json.dumps(record))
    run = summarise(path, now=NOW)
    assert (run.state, run.started, run.launcher) == ("queued", BEGUN.timestamp(), "htcondor")


def test_a_run_that_was_made_anew_has_nothing_of_the_one_before(tmp_path: Path) -> None:
    place = make_run(tmp_path / "runs" / "run", epochs=2, end=None)
    index = Index(tmp_path, cache_dir=tmp_path / "cache")
    (run,) = index.refresh()
    assert run.epochs_done == 2
    shutil.rmtree(place)
    RunDir.claim(place).launch.write_text('{"target": "htcondor", "state": "queued"}')
    for looks in (index, Index(tmp_path, cache_dir=tmp_path / "cache")):
        (run,) = looks.refresh()
        assert (run.state, run.epochs_done) == ("queued", 0)


def test_what_launchers_say_about_jobs_counts(root: Path, tmp_path: Path) -> None:
    path = make_run(root / "runs" / "live", epochs=1, end=None)
    runs = Index(root, tmp_path / "cache")
    assert [run.state for run in runs.refresh(NOW) if run.name == "live"] == ["lost"]
    jobs = {str(path): JobReport("running", host="node7")}
    assert [run.state for run in runs.refresh(NOW, jobs) if run.name == "live"] == ["running"]
    assert [run.state for run in runs.refresh(NOW) if run.name == "live"] == ["lost"]


def test_configs_are_kept_with_their_types(tmp_path: Path) -> None:
    values = [1, 1.0, True, "1", None, [1], [1.0], [True], {}, 0.0, -0.0, "", 1e300]
    for number, value in enumerate(values):
        path = make_run(tmp_path / "root" / f"run_{number:02}", epochs=0)
        event = next(iter(events_of(path, config_of(0, 3), 0)))
        event["meta"]["config"] = {"x": value, **({"more": number} if number % 3 else {})}
        RunDir(path).events.write_text(line_of(event) + "\n")
        os.utime(RunDir(path).events, (NOW - 1000, NOW - 1000))
    for _ in range(2):
        listed = Index(tmp_path / "root", tmp_path / "cache").refresh(NOW)
        assert [repr(run.config["x"]) for run in listed] == list(map(repr, values))
        assert ["more" in run.config for run in listed] == [n % 3 > 0 for n in range(len(values))]
