"""The values that a config has: of what kind each is, its range, and a word about it.

Components bring further keys of their own; those are checked by the classes they configure.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from engine.launch.resources import CATEGORIES


@dataclass(frozen=True)
class Field:
    """One key of the config.

    `minimum` and `maximum` are allowed, `above` and `below` are not; `optional` allows null;
    `choices` lists all values; `required` says that no config can do without it, and `words` what
    is allowed, where the kind does not tell.
    """

    key: str
    kind: type
    minimum: float | None = None
    above: float | None = None
    maximum: float | None = None
    below: float | None = None
    optional: bool = False
    choices: tuple[str, ...] = ()
    required: bool = False
    words: str = ""

    def problem(self, value: Any) -> str | None:
        """A sentence about what is wrong with `value`; None if nothing is."""
        if value is None:
            return None if self.optional else f"{self.key} is empty: give {self.expected()}"
        if not self._accepts(value):
            return f"{self.key}={value}: must be {self.expected()}"
        return None

    def expected(self) -> str:
        """What is allowed, in words."""
        if self.choices:
            return " or ".join(self.choices) + (", or null" if self.optional else "")
        words = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}
        bounds = [
            f"at least {self.minimum:g}" if self.minimum is not None else "",
            f"above {self.above:g}" if self.above is not None else "",
            f"at most {self.maximum:g}" if self.maximum is not None else "",
            f"below {self.below:g}" if self.below is not None else "",
        ]
        bound = " and ".join(filter(None, bounds))
        text = self.words or f"{words[self.kind]} {bound}".strip()
        return f"{text}, or null" if self.optional else text

    def _accepts(self, value: Any) -> bool:
        if self.kind is bool:
            return isinstance(value, bool)
        if self.kind is str:
            allowed = value in self.choices if self.choices else bool(value)
            return isinstance(value, str) and allowed
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        if self.kind is int and not isinstance(value, int):
            return False
        return (
            math.isfinite(value)
            and (self.minimum is None or value >= self.minimum)
            and (self.above is None or value > self.above)
            and (self.maximum is None or value <= self.maximum)
            and (self.below is None or value < self.below)
        )


FIELDS = (
    Field("env.output_root", str),
    Field("data.root", str),
    Field("data.file", str),
    Field("device", str, choices=("auto", "cpu", "cuda")),
    Field("run.resume", str, choices=("never", "auto")),
    Field("run.checkpoint_every_s", float, above=0),
    Field("launcher.target", str, choices=("local", "htcondor")),
    Field("launcher.cpus", int, minimum=1),
    Field("launcher.gpus", int, minimum=0),
    Field("launcher.gpu_capability", float, above=0, optional=True),
    Field("launcher.memory", str, words="a size with its unit, such as 4GB"),
    Field("launcher.disk", str, words="a size with its unit, such as 2GB"),
    Field("launcher.category", str, choices=tuple(CATEGORIES), optional=True),
    Field("launcher.time_limit", str, optional=True, words="a time with its unit, such as 90min"),
    Field("launcher.os", str, optional=True),
    Field("launcher.requirements", str, optional=True, words="a ClassAd expression"),
    Field("launcher.accounting_group", str, optional=True),
    Field("launcher.max_vacate_time", int, minimum=1),
    Field("launcher.max_materialize", int, minimum=1),
    Field("launcher.schedd", str, optional=True),
    Field("phase1.latent_dim", int, minimum=1),
    Field("phase1.id_embedding_dim", int, minimum=1),
    Field("phase1.trainer.epochs", int, minimum=1, required=True),
    Field("phase1.trainer.lr", float, above=0, required=True),
    Field("phase1.trainer.seed", int, minimum=0, maximum=2**63 - 1, optional=True),
    Field("phase1.trainer.weight_decay", float, minimum=0),
    Field("phase1.trainer.clip_grad_norm", float, above=0, optional=True),
    Field("phase1.trainer.accumulate_batches", int, minimum=1),
    Field("phase1.trainer.schedule", str, choices=("constant", "cosine")),
    Field("phase1.trainer.warmup_epochs", float, minimum=0),
    Field("phase1.trainer.final_lr_fraction", float, minimum=0, maximum=1),
    Field("phase1.trainer.early_stopping.patience", int, minimum=1, optional=True),
    Field("phase1.trainer.early_stopping.min_delta", float, minimum=0),
    Field("phase1.encoder.dropout", float, minimum=0, maximum=1),
    Field("phase1.encoder.k", int, minimum=1, optional=True),
    Field("phase1.encoder.backend", str, choices=("dense", "pyg")),
    Field("phase1.encoder.noise_level", float, minimum=0, maximum=1),
    Field("phase1.decoder.dropout", float, minimum=0, maximum=1),
    Field("phase1.decoder.k", int, minimum=1, optional=True),
    Field("phase1.decoder.backend", str, choices=("dense", "pyg")),
    Field("phase1.decoder.noise_dim", int, minimum=0),
    Field("phase1.decoder.noise_steps", int, minimum=1),
    Field("phase1.decoder.sampling_steps", int, minimum=1),
    Field("phase1.decoder.globals_head", bool),
    Field("phase1.latent_space.dim", int, minimum=1),
    Field("phase1.latent_space.codebook_size", int, minimum=2),
    Field("phase1.latent_space.decay", float, minimum=0, below=1),
    Field("phase1.latent_space.revive_every", int, minimum=0),
    Field("phase1.latent_space.dead_below", float, minimum=0),
    Field("phase1.latent_space.cosine", bool),
    Field("phase1.latent_space.levels", int, minimum=1),
    Field("ae.loss_weights.token_mse", float, minimum=0),
    Field("ae.loss_weights.id_cross_entropy", float, minimum=0),
    Field("ae.loss_weights.globals_mse", float, minimum=0),
    Field("ae.loss_weights.commitment", float, minimum=0),
    Field("gan_ae.loss_weights.token_mse", float, minimum=0),
    Field("gan_ae.loss_weights.id_cross_entropy", float, minimum=0),
    Field("gan_ae.loss_weights.globals_mse", float, minimum=0),
    Field("gan_ae.loss_weights.commitment", float, minimum=0),
    Field("gan_ae.adversarial_weight", float, minimum=0),
    Field("gan_ae.prior_weight", float, minimum=0),
    Field("gan_ae.r1_weight", float, minimum=0),
    Field("gan_ae.spectral_norm", bool),
    Field("diffusion_ae.average_decay", float, minimum=0, maximum=1),
    Field("diffusion_ae.loss_weights.noise_mse", float, minimum=0),
    Field("diffusion_ae.loss_weights.id_cross_entropy", float, minimum=0),
    Field("diffusion_ae.loss_weights.globals_mse", float, minimum=0),
    Field("diffusion_ae.loss_weights.commitment", float, minimum=0),
    Field("task", str, choices=("regression", "binary")),
    Field("test_mlp.dropout", float, minimum=0, maximum=1),
    Field("data.batch_size", int, minimum=1, required=True),
    Field("data.limit_samples", int, minimum=1, optional=True, required=True),
    Field("data.norm", str, choices=("zscore", "log_zscore")),
    Field("data.n_tokens", int, minimum=1),
    Field("data.n_features", int, minimum=3),
    Field("data.n_events.train", int, minimum=1),
    Field("data.n_events.val", int, minimum=1),
    Field("data.n_events.test", int, minimum=1),
    Field("data.seed", int, minimum=0, maximum=2**63 - 1),
    Field("data.datasets.events.train", str),
    Field("data.datasets.events.val", str),
    Field("data.datasets.events.test", str),
    Field("data.datasets.labels.train", str, optional=True),
    Field("data.datasets.labels.val", str, optional=True),
    Field("data.datasets.labels.test", str, optional=True),
    Field("data.noise", float, minimum=0),
    Field("logging.save_artifacts", bool, required=True),
    Field("logging.make_plots", bool),
    Field("logging.progress_every_s", float, minimum=0),
    Field("logging.figure_every_epochs", int, minimum=1),
    Field("logging.fig_format", str, choices=("png", "pdf", "svg")),
    Field("logging.dpi", int, minimum=30, maximum=1200),
    Field("logging.families.losses.enabled", bool),
    Field("logging.families.metrics.enabled", bool),
    Field("logging.families.recon.enabled", bool),
    Field("logging.families.codebook.enabled", bool),
    Field("logging.families.adversarial.enabled", bool),
    Field("logging.families.diffusion.enabled", bool),
    Field("logging.families.latency.enabled", bool),
    Field("logging.families.evaluation.enabled", bool),
    Field("evaluation.enabled", bool),
)
