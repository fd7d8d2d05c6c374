"""Where a job is started, and ended."""
