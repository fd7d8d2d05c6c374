"""The page of one run: its parts, and what they read."""
