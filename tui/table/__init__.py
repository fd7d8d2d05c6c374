"""The table of runs: from runs and a way of looking at them to cells."""
