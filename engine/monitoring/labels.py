"""How names are written in a figure: pretty where known, as they are otherwise."""

from __future__ import annotations

_QUANTITIES = {
    "e": r"$E$",
    "pt": r"$p_T$",
    "eta": r"$\eta$",
    "phi": r"$\phi$",
    "met": r"$E_T^{\,\mathrm{miss}}$",
    "metphi": r"$\phi(E_T^{\,\mathrm{miss}})$",
}
_OBJECTS = {
    "jet": "jet",
    "b-jet": r"$b$-jet",
    "e+": r"$e^{+}$",
    "e-": r"$e^{-}$",
    "mu+": r"$\mu^{+}$",
    "mu-": r"$\mu^{-}$",
    "photon": r"$\gamma$",
    "padding": "none",
}
_METRICS = {
    "token_mse": "token MSE",
    "globals_mse": "globals MSE",
    "id_cross_entropy": "type cross-entropy",
    "id_accuracy": "type accuracy",
    "commitment": "commitment loss",
    "perplexity": "codebook perplexity",
    "codes_used": "codes used",
    "lr": "learning rate",
    "reconstruction_error": "reconstruction error",
    "denoising_error": "denoising error",
    "discriminator_score": "discriminator score",
    "adversarial_loss": "loss against discriminator",
    "prior_loss": "loss against critic",
    "discriminator_loss": "discriminator loss",
    "discriminator_accuracy": "discriminator accuracy",
    "critic_loss": "critic loss",
    "critic_accuracy": "critic accuracy",
    "noise_mse": "noise MSE",
    "signal_probability": "signal probability",
}


def plain(name: str) -> str:
    """Turn a name from outside into literal text: a dollar sign would start a formula."""
    return str(name).replace("$", r"\$")


def quantity(name: str) -> str:
    """Write a physical quantity, for example `pT` -> $p_T$."""
    key = str(name).lower().replace("_", "").replace(" ", "")
    return _QUANTITIES.get(key, plain(name))


def with_unit(text: str, unit: str) -> str:
    """Text of an axis: the quantity, and its unit in brackets where it has one."""
    return f"{text} [{plain(unit)}]" if unit else text


def object_type(name: str) -> str:
    """Write a kind of object, for example `e-` -> $e^{-}$."""
    return _OBJECTS.get(str(name).lower(), plain(name))


def metric(name: str) -> str:
    """Write a metric in words; an unknown one keeps its name."""
    return _METRICS.get(name, plain(name))
