"""`make bench`: every measurement, as a table of ratios."""

from __future__ import annotations

from tests.bench import diffusion, facts, gan, gnn, library, reading, startup, throughput


def main() -> None:
    """Print all measurements; the machine should have nothing else to do."""
    throughput.main()
    gan.main()
    diffusion.main()
    gnn.main()
    facts.main()
    reading.main()
    library.main()
    startup.main()


if __name__ == "__main__":
    main()
