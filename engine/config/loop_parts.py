"""Which encoders and decoders a loop can train: what else is refused before a training starts."""

from __future__ import annotations

from collections.abc import Iterator

TRAINS: dict[str, dict[str, tuple[str, ...]]] = {
    "ae": {"encoder": ("mlp", "gnn"), "decoder": ("mlp", "gnn")},
    "gan_ae": {"encoder": ("mlp", "gnn", "gan"), "decoder": ("gan", "mlp", "gnn")},
    "diffusion_ae": {"encoder": ("mlp", "gnn", "diffusion"), "decoder": ("diffusion",)},
}
"""Loop to the options of `phase1/encoder` and `phase1/decoder` that it can train.

A loop that is not here takes anything, and a class that none of them names goes with each."""

_CLASSES = "engine.architectures.autoencoder"


def part_problems(loop: object, targets: dict[str, object]) -> Iterator[str]:
    """A sentence for each part that the loop cannot train.

    Parameters
    ----------
    loop
        The value of `loop`.
    targets
        `encoder` and `decoder` to the `_target_` of each.
    """
    for part, trained in TRAINS.get(str(loop), {}).items():
        option = option_of(part, targets.get(part))
        others = loops_that_train(part, option) if option is not None else []
        if others and option not in trained:
            ways = [*(f"loop={name}" for name in others), f"phase1/{part}={trained[0]}"]
            yield f"phase1/{part}={option}: loop={loop} cannot train it; use {' or '.join(ways)}"


def loops_that_train(part: str, option: str) -> list[str]:
    """The loops of the table that can train an option of `phase1/encoder` or `phase1/decoder`."""
    return [loop for loop, parts in TRAINS.items() if option in parts.get(part, ())]


def option_of(part: str, target: object) -> str | None:
    """The option that a class of ours is: modules are named like them. None for other classes."""
    within = f"{_CLASSES}.{part}s."
    name = str(target)
    return name.removeprefix(within).partition(".")[0] if name.startswith(within) else None
