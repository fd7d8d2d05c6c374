"""Fixtures that have to be one for all modules: a pool of HTCondor is started once a process."""

from tests.engine.condor_pool import pool, running_pool

__all__ = ["pool", "running_pool"]
