"""One module per plot family; each has `draw(payload) -> Figure | None`."""
