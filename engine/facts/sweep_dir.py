"""The files of a sweep: every name once. Its runs have directories of their own."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path

from engine.facts.run_dir import unwritable_output


@dataclass(frozen=True)
class SweepDir:
    """The directory of one sweep. Making the object touches nothing."""

    path: Path

    @property
    def record(self) -> Path:
        """What a launcher wrote; a run has its own in `launch.json`, by which runs are found."""
        return self.path / "sweep.json"

    @property
    def runs(self) -> Path:
        """Of a sweep on a cluster each of its runs, a line each, written before any is sent."""
        return self.path / "runs.jsonl"

    @property
    def clusters(self) -> Path:
        """Of its runs that were sent as one cluster the ids, in the order of the jobs of that.

        A line for each cluster that HTCondor may have, written before it is sent.
        """
        return self.path / "clusters.jsonl"

    @property
    def lock(self) -> Path:
        """Locked by whoever submits the sweep."""
        return self.path / "submit.lock"

    @property
    def log(self) -> Path:
        """What the sweep printed; each run has a log of its own besides."""
        return self.path / "train.log"

    @property
    def stop(self) -> Path:
        """Once this file exists the runs save and end, and no further ones begin."""
        return self.path / "stop"

    @classmethod
    def claim(cls, wanted: Path) -> SweepDir:
        """Make `wanted`, or the next free `wanted_2`, `wanted_3` …, for one sweep alone.

        Raises
        ------
        ConfigError, FactsError
            If the directory cannot be made there.
        """
        for number in itertools.count(1):
            path = wanted if number == 1 else wanted.with_name(f"{wanted.name}_{number}")
            try:
                path.mkdir(parents=True)
            except FileExistsError:
                continue
            except OSError as error:
                raise unwritable_output(path, error) from error
            return cls(path)
        raise AssertionError("itertools.count ends never")
