"""What every command shares: how words are read, how JSON is written, and how it ends."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.cli.arguments import Parser
from engine.cli.console import typed
from engine.cli.json_text import json_pieces, plain_json
from tests.bench.tree import make_run

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.too_slow])  # beside others it may take its time
@given(values)
def test_json_is_written_as_it_would_be_at_once(value: Any) -> None:
    assert "".join(json_pieces(value)) == json.dumps(value, indent=2)


@given(st.lists(values), st.dictionaries(st.text(), values))
def test_iterators_are_written_as_lists(entries: list[Any], record: dict[str, Any]) -> None:
    pieces = json_pieces(record | {"entries": iter(entries)} for _ in range(2))
    assert "".join(pieces) == json.dumps([record | {"entries": entries}] * 2, indent=2)


def test_what_json_does_not_know_is_written_all_the_same() -> None:
    deep: list[Any] = []
    for _ in range(5000):
        deep = [deep]
    assert plain_json([float("nan"), {1: {2}}, 1j]) == [None, {"1": [2]}, "1j"]
    assert "…" in json.loads("".join(json_pieces({"deep": deep}))).__repr__()


def parser() -> Parser:
    parser = Parser(("--sort",), prog="engine do", allow_abbrev=False)
    parser.add_argument("runs", nargs="+")
    parser.add_argument("--sort", action="append")
    parser.add_argument("--columns")
    return parser


@pytest.mark.parametrize(
    ("words", "runs", "sort"),
    [
        (["a", "--sort", "-x", "b"], ["a", "b"], ["-x"]),
        (["--", "-a"], ["-a"], None),
        (["--sort", "-x", "--", "--sort", "-y"], ["--sort", "-y"], ["-x"]),
        (["a", "--", "--", "-b"], ["a", "--", "-b"], None),
    ],
)
def test_words_behind_two_minuses_are_no_options(
    words: list[str], runs: list[str], sort: list[str] | None
) -> None:
    assert parser().parse_words(words) == argparse.Namespace(runs=runs, sort=sort, columns=None)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["a", "--colums", "x"], "error: unrecognized arguments: --colums x\n  Did you mean --col"),
        (["a", "-z"], "error: unrecognized arguments: -z\n  engine do --help tells more."),
        ([], "error: the following arguments are required: runs\n  engine do --help"),
    ],
)
def test_a_mistake_in_the_words_is_one_sentence_with_what_to_do(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        parser().parse_words(words)
    assert capsys.readouterr().err.startswith(told)


@given(st.text())
def test_what_was_typed_is_utf8_in_any_locale(text: str) -> None:
    text = text.encode("utf-8", "ignore").decode()
    assert typed(text) == text
    assert typed(text.encode().decode("ascii", "surrogateescape")) == text


@pytest.mark.parametrize("words", [["runs", "--help"], ["runs"], ["show", "run"]], ids=" ".join)
def test_a_reader_that_has_gone_ends_a_command_in_silence(
    own_folder: Any, words: list[str]
) -> None:
    make_run(own_folder / "outputs" / "run", epochs=1)
    reader, writer = os.pipe()
    os.close(reader)
    answer = subprocess.run(
        [sys.executable, "-m", "engine", *words], stdout=writer, stderr=subprocess.PIPE, check=False
    )
    os.close(writer)
    assert answer.stderr == b""
    assert answer.returncode in (0, 141)  # argparse itself says nothing of its help
