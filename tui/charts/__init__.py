"""Charts, from values to cells: axes, dots, and a grid of them that is looked at in step."""
