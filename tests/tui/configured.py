"""The Configure screen in tests: opened on an empty root, and on one with a past run."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from textual.pilot import Pilot

from engine.config.compose import compose
from tests.bench.tree import make_run
from tests.tui.conftest import AppAt, wait_for
from tui.configure.override_line import OverrideLine
from tui.screens.configure import ConfigurePage
from tui.widgets.prompt import Prompt

TYPED = ["phase1/latent_space=vq", "phase1.trainer.lr=0.01", "phase1.trainer.seed=7"]
"""The overrides of the past run."""


def make_past_run(root: Path) -> Path:
    """A run with a whole config of its own, whose encoder is another one than today's."""
    path = make_run(root / "runs" / "run_20250106-093000_ae", seed=7)
    config = compose(TYPED)
    config.phase1.encoder.hidden_dims = [64]
    config.env.output_root = "/elsewhere/outputs"
    (path / ".hydra" / "config.yaml").write_text(OmegaConf.to_yaml(config))
    (path / ".hydra" / "overrides.yaml").write_text(OmegaConf.to_yaml(TYPED))
    chosen = {"hydra": {"runtime": {"choices": {"phase1/latent_space": "vq", "data": "h5"}}}}
    (path / ".hydra" / "hydra.yaml").write_text(OmegaConf.to_yaml(chosen))
    return path


@contextlib.asynccontextmanager
async def configuring(
    app_at: AppAt, root: Path, size: tuple[int, int] = (120, 40), **settings: Any
) -> AsyncIterator[tuple[Pilot[int], ConfigurePage]]:
    """The screen, once its first form is there."""
    root.mkdir(exist_ok=True)
    async with app_at(root, size=size, **settings) as pilot:
        await pilot.press("N")
        await wait_for(pilot, lambda: isinstance(pilot.app.screen, ConfigurePage))
        page: Any = pilot.app.screen
        await settled(pilot, page)
        yield pilot, page


async def settled(pilot: Pilot[int], page: ConfigurePage) -> None:
    """Wait until all of the present draft is composed and checked."""
    await wait_for(pilot, lambda: page.form is not None and page.is_settled)
    await pilot.pause()


async def type_text(pilot: Pilot[int], text: str) -> None:
    """Press the keys of a text."""
    names = {
        " ": "space", ".": "full_stop", "/": "slash", "=": "equals_sign", ",": "comma",
        "_": "underscore", "(": "left_parenthesis", ")": "right_parenthesis", "-": "minus",
        "+": "plus",
    }  # fmt: skip
    await pilot.press(*(names.get(sign, sign) for sign in text))


async def override(pilot: Pilot[int], page: ConfigurePage, text: str) -> None:
    """Paste overrides behind those that are there, and keep them."""
    await pilot.press("e")
    page.query_one(OverrideLine).query_one(Prompt).insert_text_at_cursor(text)
    await pilot.press("enter")
    await settled(pilot, page)


async def go_to(pilot: Pilot[int], page: ConfigurePage, key: str) -> Any:
    """Put the cursor of the form on a key; the form."""
    form: Any = page.query_one("FormList")
    assert form.go_to_key(key)
    form.focus()
    await pilot.pause()
    return form
