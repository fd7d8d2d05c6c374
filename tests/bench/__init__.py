"""Measurements of the engine, each beside something honest in the same run."""
