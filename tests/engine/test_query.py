"""The filter language: what it matches, what it says when it is wrong, what it suggests."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.errors import ConfigError
from engine.library.summary import Number, RunSummary
from engine.tables.advice import advice, asks_for
from engine.tables.keys import FIELDS
from engine.tables.query import MAX_DEPTH, MAX_LENGTH, parse
from engine.tables.suggest import complete

NOW = 1_800_000_000.0
HOUR = 3600.0


def run(name: str, config: dict[str, Any] | None = None, **fields: Any) -> RunSummary:
    return RunSummary(f"/outputs/runs/{name}", name, config=config or {}, **fields)


def config(lr: float, dropout: float, **more: Any) -> dict[str, Any]:
    dropouts = {"phase1.encoder.dropout": dropout, "phase1.decoder.dropout": 0.0}
    return {"phase1.trainer.lr": lr, "data.batch_size": 128} | dropouts | more


RUNS = [
    run(
        "run_a_vq",
        config(0.001, 0.1, **{"phase1.trainer.clip_grad_norm": None}),
        state="finished",
        encoder="gnn",
        latent_space="vq",
        seed=1,
        epochs=20,
        epochs_done=20,
        numbers={
            "val_loss": Number(0.4, 9, 3, 0.25, 6, 2),
            "lr": Number(1.0, 1, 1, 1.0, 1, 1),
            "train_token_mse": Number(0.3, 9, 3, 0.1, 6, 2),
        },
        results={"test_loss": 0.3},
        duration_s=2 * HOUR,
        size_bytes=150_000_000,
        started=NOW - 3 * HOUR,
        tags=("paper", "best"),
        note="for the talk, (slide 3)",
    ),
    run(
        "run_b",
        config(0.01, 0.1, **{"phase1.trainer.clip_grad_norm": 1.0, "data.dims": [128, 64]}),
        state="failed",
        encoder="mlp",
        seed=2,
        epochs=20,
        epochs_done=5,
        numbers={"val_loss": Number(0.5, 9, 3, 0.5, 9, 3)},
        duration_s=600.0,
        size_bytes=90_000,
        started=NOW - 30 * HOUR,
        archived=True,
        sweep="exp_2026_lr",
        host="node-7",
    ),
    run("run_c", state=None, problem="no events"),
]


def names(text: str) -> str:
    """The last letters of the runs that match."""
    return "".join(r.name[4] for r in parse(text, NOW).select(RUNS))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "abc"),
        ("  ", "abc"),
        ("VQ", "a"),
        ("talk", "a"),
        ("paper", "a"),
        ("gnn", "a"),
        ("broken", "c"),
        ("exp_", "b"),
        ("NODE-7", "b"),
        ("state=FINISHED", "a"),
        ("run_b or paper", "ab"),
        ("encoder=gnn", "a"),
        ("encoder = gnn", "a"),
        ("encoder==gnn", "a"),
        ("encoder=gnn,mlp", "ab"),
        ("encoder!=gnn", "bc"),
        ("encoder!=gnn,mlp", "c"),
        ("encoder=GNN", ""),
        ("encoder~G.N", "a"),
        ("encoder!~^g", "bc"),
        ("name~(_a|_c)", "ac"),
        ("(name~(_a|_c) has:encoder)", "a"),
        ("lr>=0.001 and encoder=gnn", "a"),
        ("lr=1e-3", "a"),
        ("phase1.trainer.lr>0.005", "b"),
        ("lr.last=1", "a"),
        ("batch_size=128", "ab"),
        ("encoder.dropout=0.1", "ab"),
        ("dims=[128,64]", "b"),
        ("dims=[128, 64]", "b"),
        ("clip_grad_norm=null", "ac"),
        ("has:clip_grad_norm", "b"),
        ("not has:clip_grad_norm", "ac"),
        ("seed=1,2", "ab"),
        ("seed!=1", "bc"),
        ("seed<2", "a"),
        ("val_loss<0.3", "a"),
        ("val_loss.best<0.3", "a"),
        ("val_loss.last<0.45", "a"),
        ("train_token_mse=0.3", "a"),
        ("train_token_mse.best=0.1", "a"),
        ("val_loss.best_epoch=2", "a"),
        ("test_loss>=0.3", "a"),
        ("not test_loss<1", "bc"),
        ("progress<0.5", "b"),
        ("progress=20/20", "a"),
        ("progress=4/4", ""),
        ("progress<20/20", "b"),
        ("duration>1h", "a"),
        ("duration=10min", "b"),
        ("duration<=600", "b"),
        ("size>100MB", "a"),
        ("size<1MiB", "b"),
        ("age<4h", "a"),
        ("age>1d", "b"),
        ("started>yesterday", "ab"),
        ("tag=paper", "a"),
        ("tag!=paper", "bc"),
        ("tag~^be", "a"),
        ("tags=null", "bc"),
        ('note="for the talk, (slide 3)"', "a"),
        ("note~'slide 3'", "a"),
        (r"(note~talk,\ \(slide)", "a"),
        ('note=""', "bc"),
        ("archived=true", "b"),
        ("archived=no", "ac"),
        ("state=broken", "c"),
        ("state=finished,failed seed=2", "b"),
        ("not state=failed or seed=2", "abc"),
        ("not (state=failed or seed=1)", "c"),
        ("not not seed=1", "a"),
        ("seed=1 or seed=2 and state=finished", "a"),
        ("NOT seed=1 AND seed=2", "b"),
        ("name>run_b", "c"),
        ("step>3", ""),
    ],
)
def test_a_filter_picks_the_runs_it_means(text: str, expected: str) -> None:
    assert names(text) == expected
    assert "".join(r.name[4] for r in RUNS if parse(text, NOW).matches(r)) == expected


def test_a_date_is_its_first_moment_and_with_equals_the_whole_day() -> None:
    from datetime import datetime

    noon = datetime(2026, 11, 1, 12).timestamp()
    runs = [run(f"run_{n}", started=noon + n * 24 * HOUR) for n in (-1, 0, 1)]

    def picked(text: str) -> list[str]:
        return [r.name for r in parse(text, NOW).select(runs)]

    assert picked("started=2026-11-01") == ["run_0"]
    assert picked("started>2026-11-01") == ["run_0", "run_1"]
    assert picked("started<2026-11-01") == ["run_-1"]
    assert picked("started>=2026-11-01T12:00 started<2026-11-02") == ["run_0"]
    assert picked("started=2026-11-01T12:00") == ["run_0"]
    assert picked("started=2026-11-01T12:01") == []


@pytest.mark.parametrize(
    ("text", "position", "problem"),
    [
        ("lr>=", 5, "a value is missing after >="),
        ("lr >= and seed=1", 7, "a value is missing"),
        ("=3", 1, "the key is missing"),
        ("has:", 5, "the key is missing"),
        ("(a or b", 1, "never closed"),
        ("a) b", 2, "closes nothing"),
        ("a or", 5, "a condition is missing"),
        ("not", 4, "a condition is missing"),
        ("()", 2, "a condition is missing"),
        ('note="x', 6, "never closed"),
        ("name~[a", 6, "] is missing"),
        ("note=a\\", 7, "nothing follows this"),
        ('seed=1 name~"("', 13, "no regular expression"),
        ("duration>soon", 10, "a time span such as"),
        ("size>3apples", 6, "a size such as"),
        ("started>monday", 9, "a date such as"),
        ("seed=x", 6, "a number such as"),
        ("progress=half", 10, "such as 0.5 or 10/20"),
        ("progress=1/0", 10, "such as 0.5 or 10/20"),
        ("seed=1,", 8, "a value is missing"),
        ("(" * 60 + "a" + ")" * 60, MAX_DEPTH + 1, "deep at most"),
    ],
)
def test_a_wrong_filter_is_told_with_its_place(text: str, position: int, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text, NOW)
    assert f"wrong at character {position}:" in caught.value.message
    assert problem in caught.value.message
    shown, caret = caught.value.hint.split("\n")
    column = caret.index("^") - 2
    assert shown[column:] == text[position - 1 :][:25]


@pytest.mark.parametrize("text", ["lr>abc", "val_loss<low", "batch_size>=many"])
def test_what_has_no_order_with_numbers_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"is a number\n  Write a number, such as \w+[<>=]+\d"):
        parse(text, NOW).select(RUNS)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("state=stoped", "no run has state=stoped; did you mean stopped?"),
        ("seed=1 and (latent_space=vqq or lr=5)", "did you mean vq?"),
        ("tag=bset", "did you mean best?"),
        ("encoder=cnn,mlq", "did you mean gnn?"),
        ("seed=9", "no run has seed=9; there are 1, 2"),
        ("fnished", "did you mean finished?"),
        ("state=running", ""),
        ("encoder=gnn seed=2", ""),
        ("not state=finised", ""),
        ("duration=3h", ""),
        ("path=/outputs/runs/run", ""),
    ],
)
def test_a_value_that_no_run_has_is_told_with_the_nearest(text: str, expected: str) -> None:
    told = advice(parse(text, NOW), RUNS)
    assert expected in told
    assert bool(told) == bool(expected)


def test_a_filter_says_which_keys_it_asks_for() -> None:
    query = parse("seed=1 and not (has:archived or lr>1)", NOW)
    assert [asks_for(query, key) for key in ("seed", "archived", "lr", "state")] == [True] * 3 + [
        False
    ]


def test_a_filter_without_end_is_refused() -> None:
    with pytest.raises(ConfigError, match="characters"):
        parse("a " * MAX_LENGTH)
    assert len(parse("not " * 2000 + "run", NOW).select(RUNS)) == 3


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("encoderr=gnn", "Did you mean encoder"),
        ("val_lss<1", "Did you mean val_loss?"),
        ("batchsize=1", "Did you mean batch_size"),
        ("has:dropout", "dropout means several keys: phase1.encoder.dropout, phase1.decoder."),
        ("zzzzzz=1 or seed=1", "no run here has a key zzzzzz"),
    ],
)
def test_a_key_that_is_not_clear_is_told(text: str, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text, NOW).select(RUNS)
    assert expected in str(caught.value)
    assert parse(text, NOW).select([]) == []


WORDS = st.sampled_from(["run", "vq", "and", "or", "not", 'a"b', "it's", "a b", "c:\\d", "é(", ""])
KEYS = st.sampled_from(["seed", "state", "note", "tag", "duration", "lr", "val_loss", "my key"])
PIECES = st.sampled_from(
    ["(", ")", "and", "or", "not", "has:", "=", "!=", "~", "<", ">=", ",", '"', "'", "\\", " "]
)
ANY_TEXT = st.lists(PIECES | WORDS | KEYS | st.text(max_size=3)).map("".join)


def quote(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def conditions() -> st.SearchStrategy[str]:
    """Filters that are right, with values of every sort in quotes."""
    keys = KEYS.filter(lambda key: key != "duration").map(quote)
    operators = st.sampled_from(["=", "!="])
    values = st.lists((WORDS | st.sampled_from(["1", "0.001", "null"])).map(quote), min_size=1)
    compared = st.builds(lambda k, o, v: f"{k}{o}{','.join(v)}", keys, operators, values)
    compared = compared.filter(lambda text: not text.startswith('"seed"') or "vq" not in text)
    single = st.sampled_from(["seed<2", "lr>=0.01", "note~talk", "has:tag", "duration>1h", "run_a"])
    words = WORDS.filter(bool).map(quote)
    return st.recursive(
        single | words | compared,
        lambda part: (
            st.builds(lambda p: f"not ({p})", part)
            | st.builds(
                lambda ps, o: "(" + o.join(ps) + ")",
                st.lists(part, min_size=1, max_size=3),
                st.sampled_from([" ", " and ", " or "]),
            )
        ),
        max_leaves=8,
    )


def matching(text: str) -> list[bool]:
    return [parse(text, NOW).matches(r) for r in RUNS]


@settings(deadline=None, max_examples=300)
@given(ANY_TEXT)
@example("has:\\")
@example("a=(]")
@example("a=b\\")
@example("~(?L)x")
@example("name~(?i)[[a")
@example("name~a{99999999999}")
@example("seed=" + "9" * 5000)
@example("duration=" + "9" * 400 + "d")
@example("started=9999-12-31")
def test_any_text_is_a_filter_or_a_config_error(text: str) -> None:
    try:
        query = parse(text, NOW)
        matched = [query.matches(r) for r in RUNS]
    except ConfigError:
        return  # anything else is a failure of this test
    assert matching(str(query)) == matched
    assert str(parse(str(query), NOW)) == str(query)
    if text.strip():
        assert matching(f"not ({text})") == [not match for match in matched]


@settings(deadline=None, max_examples=200)
@given(conditions(), conditions())
def test_not_and_or_and_juxtaposition_are_what_they_say(first: str, second: str) -> None:
    try:
        a, b = matching(first), matching(second)
    except ConfigError:
        assert "seed" in first + second  # which takes numbers only
        return
    pairs = list(zip(a, b, strict=True))
    assert matching(f"not ({first})") == [not x for x in a]
    assert matching(f"({first}) and ({second})") == [x and y for x, y in pairs]
    assert matching(f"({first}) ({second})") == [x and y for x, y in pairs]
    assert matching(f"({first}) or ({second})") == [x or y for x, y in pairs]
    assert matching(str(parse(f"({first}) or not ({second})", NOW))) == [
        x or not y for x, y in pairs
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("enc", ["encoder", "encoder.dropout"]),
        ("encoder", ["encoder=", "encoder!=", "encoder~", "encoder!~", "encoder.dropout"]),
        ("seed=1 and lat", ["seed=1 and latent_space=", "seed=1 and latent_space!="]),
        ("(val_l", ["(val_loss<", "(val_loss>="]),
        ("encoder=", ["encoder=gnn", "encoder=mlp"]),
        ("encoder=g", ["encoder=gnn"]),
        ("encoder=gnn,m", ["encoder=gnn,mlp"]),
        ("tag=b", ["tag=best"]),
        ("note=f", ['note="for the talk, (slide 3)"']),
        ('note="for', ['note="for the talk, (slide 3)"']),
        ("has:test", ["has:test_loss"]),
        ("batch", ["batch_size=", "batch_size>"]),
        ("encoder.d", ["encoder.dropout="]),
        ("seed=1 ", ["seed=1 and ", "seed=1 or "]),
        ("", ["state", "val_loss", "lr", "encoder.dropout"]),
    ],
)
def test_the_last_word_is_completed(text: str, expected: list[str]) -> None:
    found = complete(text, RUNS, NOW)
    assert [word for word in expected if word not in found] == []
    assert all(word.startswith(text) or '"' in word for word in found)


@settings(deadline=None, max_examples=150)
@given(ANY_TEXT | st.builds("{}{}".format, KEYS, st.sampled_from(["=", "~", "="])))
def test_what_is_suggested_can_be_read(text: str) -> None:
    for suggestion in complete(text, RUNS, NOW):
        try:
            parse(text + "x", NOW)
        except ConfigError:
            continue  # the beginning is wrong already
        ends = suggestion.endswith((" ", "=", "~", "<", ">"))
        assert parse(suggestion + "null" if ends else suggestion, NOW)


def test_every_suggested_value_matches_a_run() -> None:
    values = [v for key in FIELDS for v in complete(f"{key}=", RUNS, NOW)]
    assert len(values) > 15
    assert [v for v in values if not parse(v, NOW).select(RUNS)] == []
