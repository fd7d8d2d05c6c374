"""Runs laid over each other: curves, differences, values, points, and their export."""
