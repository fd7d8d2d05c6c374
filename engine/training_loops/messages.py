"""What a training says of itself, in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def epoch_line(
    numbers: dict[str, float], done: int, epochs: int, is_best: bool, left_s: float
) -> str:
    """One line for an epoch: losses, speed, and how many seconds are left."""
    width = len(str(epochs))
    parts = (
        f"[{done:{width}}/{epochs}] epoch {done - 1:{width}}",
        f"train {digits(numbers['train_loss']):8}",
        f"val {digits(numbers['val_loss']):8} {'*' if is_best else ' '}",
        f"{numbers['throughput'] / 1000:.1f}k events/s",
        f"{numbers['epoch_time_s']:.1f} s",
        f"ETA {int(left_s // 60)}:{int(left_s % 60):02d}",
    )
    return "  ".join(parts)


def result_lines(
    result: dict[str, Any], done: int, epochs: int, starts_again: bool = False
) -> Iterator[str]:
    """How it ended: the best loss beside that of predicting the mean.

    Parameters
    ----------
    starts_again
        Whether somebody else than its user may start it again.
    """
    if result["test_loss"] is None:
        next_start = "its next start" if starts_again else "engine resume"
        yield f"stopped after {done} of {epochs} epochs; {next_start} goes on with it"
    if result["best_val_loss"] is not None:
        yield (
            f"best validation loss {digits(result['best_val_loss'])} in epoch "
            f"{result['best_epoch']}; predicting the mean gives "
            f"{digits(result['baseline_val_loss'])}"
        )
    if result["test_loss"] is not None:
        yield f"test loss {digits(result['test_loss'])}"


def digits(loss: float) -> str:
    """A loss with four decimals, or three digits where it is small."""
    return f"{loss:.4f}" if abs(loss) >= 0.01 or loss == 0 else f"{loss:.2e}"
