"""thesis-ml's headless half: data, models, training loops, facts, figures and launching.

Importing this package loads nothing but the standard library; each command imports what it needs.
"""

__version__ = "0.1.0"
