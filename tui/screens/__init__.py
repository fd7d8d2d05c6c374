"""The screens: what is seen at a time, and what its keys do."""
