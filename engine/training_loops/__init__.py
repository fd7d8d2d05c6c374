"""Where a batch becomes a step: one file a loop, and `session`, which all of them share."""
