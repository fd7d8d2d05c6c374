"""Configure: a draft of a command, the form that shows it, its points, and how it is started.

Nothing here loads Hydra when it is imported: the thread that makes the forms does, so that the
screen is there at once.
"""
