"""`python -m tui` is `thesis-tui`."""

from tui.arguments import entry

if __name__ == "__main__":
    entry()
