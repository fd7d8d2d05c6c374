"""Which parts of an autoencoder a loop can train: what else is refused before a training starts."""

from __future__ import annotations

from collections.abc import Iterator

TRAINS: dict[str, dict[str, tuple[str, ...]]] = {
    "ae": {"encoder": ("mlp", "gnn"), "decoder": ("mlp", "gnn")},
    "gan_ae": {"encoder": ("mlp", "gnn", "gan"), "decoder": ("gan", "mlp", "gnn")},
    "diffusion_ae": {"encoder": ("mlp", "gnn", "diffusion"), "decoder": ("diffusion",)},
}
"""Loop to the options of `phase1/encoder` and `phase1/decoder` that it can train.

A loop that is not here takes anything, and a class that none of them names goes with each."""

UNUSED = {"test_mlp": {"encoder": "mlp", "latent_space": "none", "decoder": "mlp"}}
"""Loop with a network of its own to the defaults of the parts that it does not use.

Another choice would change nothing, and two runs of a sweep over it would be the same."""

_CLASSES = "engine.architectures.autoencoder"


def part_problems(loop: object, targets: dict[str, object]) -> Iterator[str]:
    """A sentence for each part that the loop cannot train, or does not use.

    Parameters
    ----------
    loop
        The value of `loop`.
    targets
        `encoder`, `latent_space` and `decoder` to the `_target_` of each.
    """
    yield from _unused_parts(loop, targets)
    for part, trained in TRAINS.get(str(loop), {}).items():
        option = option_of(part, targets.get(part))
        others = loops_that_train(part, option) if option is not None else []
        if others and option not in trained:
            ways = [*(f"loop={name}" for name in others), f"phase1/{part}={trained[0]}"]
            yield f"phase1/{part}={option}: loop={loop} cannot train it; use {' or '.join(ways)}"


def _unused_parts(loop: object, targets: dict[str, object]) -> Iterator[str]:
    for part, default in UNUSED.get(str(loop), {}).items():
        option = option_of(part, targets.get(part)) or targets.get(part)
        if isinstance(option, str) and option != default:
            others = loops_that_train(part, option) or ["ae"]
            yield (
                f"phase1/{part}={option}: loop={loop} has a network of its own and does not use it;"
                f" leave it out, or use {' or '.join(f'loop={name}' for name in others)}"
            )


def loops_that_train(part: str, option: str) -> list[str]:
    """The loops of the table that can train an option of `phase1/encoder` or `phase1/decoder`."""
    return [loop for loop, parts in TRAINS.items() if option in parts.get(part, ())]


def option_of(part: str, target: object) -> str | None:
    """The option that a class of ours is: modules are named like them. None for other classes."""
    within = f"{_CLASSES}.{part}s."
    name = str(target)
    return name.removeprefix(within).partition(".")[0] if name.startswith(within) else None
