"""The record of a run: written once, read by everything (standard library only)."""

from engine.facts.events import append_jsonl_event, build_event_payload, read_events
from engine.facts.run_dir import RunDir
from engine.facts.scalars import append_scalars_csv, read_scalars

__all__ = [
    "RunDir",
    "append_jsonl_event",
    "append_scalars_csv",
    "build_event_payload",
    "read_events",
    "read_scalars",
]
