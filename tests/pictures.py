"""The pictures of the docs: `make pictures` draws them anew, of runs that `tests.demo` makes up.

Each is a screen of the app at a size, after some keys. Names of pictures draw those alone.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from tests.cluster_demo import make_cluster_demo, queue_of_demo
from tests.demo import make_demo
from tui.arguments import main as thesis_tui

IMAGES = Path(__file__).parents[1] / "docs" / "images"

CHOSEN = ["N", *["down"] * 7, "space"]
"""Another option of a group is chosen."""
SWEEP = ["space" if sign == " " else "comma" if sign == "," else sign
         for sign in "phase1.trainer.lr=0.01,0.003 phase1.trainer.seed=1,2,3"]  # fmt: skip

Screens = dict[str, tuple[list[str], list[str]]]

SCREENS: Screens = {
    "tui_runs": (["--size", "130x34"], []),
    "tui_tree": (["--size", "130x30"], ["f"]),
    "tui_filter": (["latent_space=vq", "--size", "130x24"], ["slash", *" and lr<0.002"]),
    "tui_run": (["--run", "last", "--size", "130x38"], []),
    "tui_log": (["--run", "last", "--size", "100x24"], ["2"]),
    "tui_compare": (["tag=paper or sweep~gnn_none", "--size", "130x36"], ["a", "c"]),
    "tui_differences": (["lr<0.1", "--size", "130x28"], ["a", "c", "2"]),
    "tui_values": (["sweep~gnn", "--size", "130x28"], ["a", "c", "3"]),
    "tui_scatter": (["finished", "--size", "130x34"], ["a", "c", "4"]),
    "tui_jobs": (["--size", "130x30"], ["J"]),
    "tui_configure": (["--size", "130x38"], CHOSEN),
    "tui_points": (["--size", "130x24"], ["N", "e", *SWEEP, "enter", "3", "x"]),
    "tui_small": (["--size", "60x16"], []),
    "tui_light": (["--run", "last", "--size", "130x38", "--light"], []),
}
"""Name of the picture to arguments and keys."""

CLUSTER: Screens = {
    "hpc_configure": (["--size", "130x38"], ["N", "T"]),
    "hpc_jobs": (["--size", "130x18"], ["J", *["down"] * 3]),
}
"""The same with runs on HTCondor."""


def main() -> None:
    """Draw all pictures."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {
            "XDG_CACHE_HOME": f"{folder}/cache",
            "HOME": folder,
            "THESIS_DATA_ROOT": "/data",
        }
        here, there = Path(folder) / "outputs", Path(folder) / "cluster" / "outputs"
        make_demo(here)
        _draw(SCREENS, here, Path(folder))
        make_cluster_demo(there)
        with queue_of_demo():
            _draw(CLUSTER, there, Path(folder))


def _draw(screens: Screens, root: Path, folder: Path) -> None:
    os.environ["THESIS_OUTPUT_ROOT"] = str(root)  # so that no command has to name it
    for name, (words, keys) in screens.items():
        if sys.argv[1:] and name not in sys.argv[1:]:
            continue
        os.environ["XDG_STATE_HOME"] = f"{folder}/{name}"  # nothing of one is in another
        file = IMAGES / f"{name}.svg"
        press = ["--press", ",".join(keys)] if keys else []
        code = thesis_tui([*words, *press, "--root", str(root), "--screenshot", str(file)])
        print(file if code == 0 else f"{name}: exit code {code}", flush=True)


if __name__ == "__main__":
    main()
