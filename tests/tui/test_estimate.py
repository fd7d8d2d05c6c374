"""How long a draft will train, told before it is checked."""

from __future__ import annotations

import socket
from typing import Any

from engine.config.form import FormMaker
from engine.library.summary import RunSummary
from tui.configure.estimate import EPOCHS, epoch_seconds, time_of


def past(number: int, seconds: float, config: dict[str, Any], host: str = "") -> RunSummary:
    """A run that took so long an epoch."""
    run = RunSummary(f"/r{number}", f"r{number}", config=config, host=host or socket.gethostname())
    run.epoch_time_s, run.started = seconds, float(number)
    return run


def test_an_epoch_takes_what_it_took_in_runs_of_its_kind_on_this_machine() -> None:
    small = {"loop": "ae", "data.path": "a", "data.limit_samples": 100}
    whole = small | {"data.limit_samples": None}
    runs = [past(1, 2, whole), past(2, 4, whole | {"lr": 3}), past(3, 90, whole, "elsewhere")]
    runs += [past(4, 0.01, small), past(5, 60, whole | {"data.path": "b"})]
    assert epoch_seconds(runs, whole | {"lr": 7}) == 3
    assert epoch_seconds(runs, whole | {"data.path": "c"}) is None


def test_a_draft_is_of_the_kind_of_the_runs_that_it_would_be_one_of() -> None:
    form = FormMaker().form([f"{EPOCHS}=10"])
    runs = [past(1, 30, form.settings), past(2, 1, form.settings | {"data.limit_samples": 10})]
    assert time_of(form, None, runs, 1) == "about 5 min"
    assert time_of(form, None, runs[1:], 1) == ""
    sent = FormMaker().form([f"{EPOCHS}=10", "launcher=htcondor"])
    assert time_of(sent, 30, [], 6) == "about 5 min for each of 6 points"
