"""What figures are drawn from in tests, and what stands on one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from engine.monitoring import orchestrator, style

FAMILIES = set(orchestrator.FAMILIES)
PNG = b"\x89PNG\r\n\x1a\n"
Payload = dict[str, Any]


def config(*families: str, **settings: Any) -> dict[str, Any]:
    """Make a logging group with these families on and small, fast figures."""
    return {"dpi": 40, "families": {name: {"enabled": True} for name in families}, **settings}


def histories(n_epochs: int) -> dict[str, list[float | None]]:
    """Make plausible histories of every kind, one value per epoch."""
    falling = [1.0 / (epoch + 1) for epoch in range(n_epochs)]
    names = ("train_loss", "val_loss", "token_mse", "train_token_mse", "lr", "perplexity")
    names += ("noise_mse_at_10", "noise_mse_at_90")
    names += ("adversarial_loss", "discriminator_loss", "discriminator_accuracy")
    costs = ("epoch_time_s", "throughput", "max_memory_mib")
    return {name: list(falling) for name in (*names, *costs)}


def recon_data(n_objects: int = 200) -> dict[str, Any]:
    """Make objects in physical units with a smeared reconstruction, and one global per event.

    Two features, an energy and an angle, stand for all: each panel costs a tenth of a second.
    """
    rng = np.random.default_rng(1)
    energy, angle = rng.lognormal(4, 1, n_objects), rng.uniform(-np.pi, np.pi, n_objects)
    truth = np.column_stack([energy, angle])
    types = rng.integers(1, 4, n_objects)
    return {
        "features": ["pT", "phi"],
        "units": ["GeV", "rad"],
        "truth": truth,
        "reconstruction": truth * rng.normal(1, 0.1, truth.shape),
        "id_names": ["padding", "jet", "b-jet", "e+"],
        "id_truth": types,
        "id_prediction": np.where(rng.random(n_objects) < 0.8, types, 0),
        "global_features": ["MET"],
        "global_units": ["GeV"],
        "globals_truth": truth[:50, :1],
        "globals_reconstruction": truth[:50, :1] + 1,
    }


def sampler_data() -> dict[str, Any]:
    """Make errors of two samplers."""
    errors = {"deterministic": [0.3, 0.02, 0.01], "ancestral": [0.5, 0.04, 0.02]}
    return {"steps": [1, 5, 10], "sampling_steps": 5, **errors}


def judged_data() -> dict[str, Any]:
    """Make logits of real and made events, and of vectors."""
    rng = np.random.default_rng(3)
    names = ("discriminator", "critic")
    return {name: {"real": rng.normal(1, 1, 50), "made": rng.normal(0, 1, 50)} for name in names}


def score_data() -> dict[str, Any]:
    """Make scores of one signal and two backgrounds, and the curve of the signal."""
    rng = np.random.default_rng(2)
    efficiency = np.linspace(0, 1, 50)
    curve = {"signal_efficiency": efficiency, "background_efficiency": efficiency**2}
    return {
        "score": "reconstruction_error",
        "scores": {name: rng.lognormal(size=80) for name in ("tttt", "ttH", "ttW")},
        "background": ["ttH", "ttW"],
        "curves": {
            "reconstruction_error": {"tttt": {"auroc": (0.667, 0.02), **curve}},
            "denoising_error": {"tttt": {"auroc": (0.444, 0.02), **curve}},
        },
    }


def payload_in(tmp_path: Path) -> Payload:
    """Make an event at the end of epoch 9 with everything that any family could need."""
    return {
        "run_dir": str(tmp_path),
        "epoch": 9,
        "histories": histories(10),
        "figure_data": {
            "baseline_val_loss": 1.0,
            "recon": recon_data(),
            "evaluation": recon_data() | score_data(),
            "codebook": {"counts": np.arange(64) // 8},
            "diffusion": sampler_data(),
            "adversarial": judged_data(),
        },
    }


def drawn(draw: Callable[[Payload], Figure | None], payload: Payload) -> Figure | None:
    """Draw a family and all its artists: much of what can fail fails only then.

    Without arranging the margins, which takes most of the time; the tests that write files do.
    """
    with style.context():
        figure = draw(payload)
        if figure is not None:
            figure.set_layout_engine("none")
            figure.draw_without_rendering()
    return figure


def texts(figure: Figure) -> str:
    """Join everything a figure says, in one string."""
    return "\n".join(text.get_text() for text in figure.findobj(matplotlib.text.Text))
