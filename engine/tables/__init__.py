"""Runs as tables: filtered, put in columns, sorted and grouped (standard library only)."""
