"""The files of a run: every name once."""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
from dataclasses import dataclass, field
from pathlib import Path

from engine.errors import ConfigError, EngineError, FactsError
from engine.facts.files import NO_SPACE, replace_file


@dataclass(frozen=True)
class RunDir:
    """One run directory; a path and the names of what lies in it.

    Making the object touches nothing. `claim` makes a directory that belongs to one run.
    """

    path: Path
    was_empty: bool = field(default=False, compare=False, repr=False)
    """Whether there was nothing in the directory when `claim` took it."""

    @property
    def run_id(self) -> str:
        """The name of the directory: unique in its output root, and what people type."""
        return self.path.name

    @functools.cached_property
    def hydra(self) -> Path:
        """`config.yaml`, `overrides.yaml` and `hydra.yaml`, as Hydra names them."""
        return self.path / ".hydra"

    @functools.cached_property
    def facts(self) -> Path:
        """The folder of the events and the scalars."""
        return self.path / "facts"

    @functools.cached_property
    def events(self) -> Path:
        """One JSON object a line; the record that everything else reads."""
        return self.facts / "events.jsonl"

    @functools.cached_property
    def scalars(self) -> Path:
        """One row an epoch and split; for spreadsheets and quick plots."""
        return self.facts / "scalars.csv"

    @functools.cached_property
    def figures(self) -> Path:
        """Figures drawn while training."""
        return self.path / "figures"

    @functools.cached_property
    def best(self) -> Path:
        """Weights with the lowest validation loss so far."""
        return self.path / "best_val.pt"

    @functools.cached_property
    def last(self) -> Path:
        """Model, optimiser and schedule as they were last saved."""
        return self.path / "last.pt"

    @functools.cached_property
    def model(self) -> Path:
        """The name that does not change: a link to `best_val.pt`."""
        return self.path / "model.pt"

    @functools.cached_property
    def evaluation(self) -> Path:
        """What the model is worth on the test split."""
        return self.path / "evaluation.json"

    @functools.cached_property
    def log(self) -> Path:
        """What the run printed, with times, and the traceback of a failure."""
        return self.path / "train.log"

    @functools.cached_property
    def launch(self) -> Path:
        """What a launcher wrote before anything else: command, target, job, parent."""
        return self.path / "launch.json"

    @functools.cached_property
    def job_log(self) -> Path:
        """What HTCondor tells of the run's job."""
        return self.path / "job.log"

    @functools.cached_property
    def job_err(self) -> Path:
        """What the last start of the job wrote as errors: all there is before `log` is open."""
        return self.path / "job.err"

    @functools.cached_property
    def submit_lock(self) -> Path:
        """Locked by whoever starts the run, or lets it go on, until others can see that."""
        return self.path / ".submit.lock"

    @functools.cached_property
    def attempts(self) -> Path:
        """The folder with one record per start of this run."""
        return self.path / "attempts"

    @functools.cached_property
    def stop(self) -> Path:
        """While this file exists the training ends after its present step."""
        return self.path / "stop"

    @functools.cached_property
    def labels(self) -> Path:
        """What people say about the run: tags, a note, whether it is archived."""
        return self.path / "labels.json"

    @classmethod
    def claim(cls, wanted: Path) -> RunDir:
        """Make `wanted`, or the next free `wanted_2`, `wanted_3` …, for one run alone.

        The directory may exist already (Hydra makes it); a run owns it once it has made
        `facts/` in it, which only one of several can do, on a network file system too.

        Raises
        ------
        ConfigError
            If the directory cannot be made there.
        """
        for number in itertools.count(1):
            path = wanted if number == 1 else wanted.with_name(f"{wanted.name}_{number}")
            try:
                path.mkdir(parents=True, exist_ok=True)
                run_dir = cls(path, was_empty=not any(path.iterdir()))
                run_dir.facts.mkdir()
            except FileExistsError:
                continue
            except OSError as error:
                raise unwritable_output(path, error) from error
            return run_dir
        raise AssertionError("itertools.count ends never")

    def links(self) -> list[Path]:
        """Those of its files and folders that are links, which a run of our own never makes.

        `model.pt` is one by design.
        """
        own = [self.hydra, self.facts, self.events, self.scalars, self.figures, self.best]
        own += [
            self.last,
            self.evaluation,
            self.log,
            self.attempts,
            self.stop,
            self.hydra / "config.yaml",
        ]
        return [path for path in own if path.is_symlink()]

    def discard_unused(self) -> None:
        """Remove the directory again if its run, which claimed it, never came to an event.

        Only what a run makes before its first event is removed, and nothing where there was
        something before, or where another start has begun. The directory of a run that was
        launched stays: its record and its log tell what became of it.
        """
        if self.events.exists() or len(list(self.attempts.glob("*.json"))) > 1:
            return
        if os.path.lexists(self.launch):
            return
        with contextlib.suppress(OSError):
            for record in self.attempts.glob("*.json"):
                record.unlink()
            self.attempts.rmdir()
        if not self.was_empty:
            with contextlib.suppress(OSError):
                self.facts.rmdir()
            return
        self.log.unlink(missing_ok=True)
        for name in ("config.yaml", "overrides.yaml", "hydra.yaml"):
            (self.hydra / name).unlink(missing_ok=True)
        for folder in (self.hydra, self.facts, self.path):
            if folder == Path.cwd():
                continue
            with contextlib.suppress(OSError):  # not there, or not empty
                folder.rmdir()

    def write_text(self, path: Path, text: str) -> None:
        """Write a small text file of this run, whole or not at all."""
        replace_file(path, lambda handle: handle.write(text.encode()))

    def link_model(self) -> None:
        """Point `model.pt` at `best_val.pt`; a copy where links cannot be made."""
        if self.model.is_symlink() and os.readlink(self.model) == self.best.name:
            return
        beside = self.path / ".model.pt.tmp"
        beside.unlink(missing_ok=True)
        try:
            beside.symlink_to(self.best.name)
            os.replace(beside, self.model)
        except OSError:
            beside.unlink(missing_ok=True)
            replace_file(self.model, lambda handle: handle.write(self.best.read_bytes()))


def unwritable_output(path: str | os.PathLike[str], error: OSError) -> EngineError:
    """The error for an output directory that cannot be made or written."""
    if error.errno in NO_SPACE:
        return FactsError(
            f"no space left to make the run directory {path}",
            "Free some space, or choose another place with THESIS_OUTPUT_ROOT or env.output_root=…",
        )
    return ConfigError(
        f"cannot make the run directory {path}: {error.strerror or error}",
        "Choose a directory you may write to with THESIS_OUTPUT_ROOT or env.output_root=…",
    )
