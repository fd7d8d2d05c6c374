"""Collision events from HDF5: right tensors from any described file, a sentence for any other."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from omegaconf import DictConfig, OmegaConf

from engine.config.compose import compose
from engine.data import make_dataloaders
from engine.data.fields import PADDING, SPLITS, EventBatch
from engine.errors import ConfigError, DataError

Table = np.ndarray[Any, np.dtype[np.float32]]

N_TOKENS, N_COLUMNS = 18, 92


@functools.cache
def default_config() -> DictConfig:
    return compose(["data.batch_size=50", "data.limit_samples=200"])


def config(**data: Any) -> DictConfig:
    """The default config with these keys of `data` changed."""
    cfg = copy.deepcopy(default_config())
    for key, value in data.items():
        OmegaConf.update(cfg.data, key, value, force_add=True)
    return cfg


def table(n_events: int = 12, n_tokens: int = N_TOKENS, seed: int = 0) -> Table:
    """Events of 1 to `n_tokens` objects: ids, MET and its azimuth, then E, pT, eta, phi each."""
    rng = np.random.default_rng(seed)
    real = np.arange(n_tokens) < rng.integers(1, n_tokens + 1, (n_events, 1))
    ids = np.where(real, rng.integers(1, 8, real.shape), 0)
    cont = rng.lognormal(3, 1, (n_events, n_tokens, 4)) * real[..., None]
    met = rng.lognormal(3, 1, (n_events, 2))
    parts = [ids, met, cont.reshape(n_events, -1)]
    return np.concatenate(parts, axis=1).astype(np.float32)


def tables() -> dict[str, Any]:
    return {f"X_{split}": table(seed=i) for i, split in enumerate(SPLITS)}


def write(path: Path, **datasets: Any) -> Path:
    with h5py.File(path, "w") as file:
        for name, values in datasets.items():
            file[name] = values
    return path


def load(path: Path, **data: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The tensors of each split of a file, and what the loader says of them."""
    *loaders, meta = make_dataloaders(config(path=str(path), **data))
    return {s: EventBatch(*dl.tensors) for s, dl in zip(SPLITS, loaders, strict=True)}, meta


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.h5"


def refused(path: Path, **data: Any) -> DataError:
    with pytest.raises(DataError) as caught:
        load(path, **data)
    assert str(path) in caught.value.message
    return caught.value


def test_the_sample_that_comes_with_the_package_has_the_described_shapes() -> None:
    *loaders, meta = make_dataloaders(config())
    for split, loader in zip(SPLITS, loaders, strict=True):
        batch = next(iter(loader))
        assert batch.tokens_cont.shape == (50, 18, 4)
        assert batch.tokens_id.shape == (50, 18)
        assert batch.globals.shape == (50, 2)
        dtypes = (batch.tokens_cont.dtype, batch.tokens_id.dtype, batch.globals.dtype)
        assert dtypes == (torch.float32, torch.int64, torch.float32)
        assert meta["n_events"][split] == 200
        assert meta["labels"][split].shape == (200,)
        assert set(meta["labels"][split].tolist()) <= {1, 2, 3, 4, 5}


def test_the_sample_is_found_whole_and_passes_every_check() -> None:
    *loaders, meta = make_dataloaders(config(limit_samples=None))
    assert sum(loader.n_events for loader in loaders) == sum(meta["n_events"].values()) == 20_000
    assert all(torch.isfinite(tensor).all() for dl in loaders for tensor in dl.tensors)


def test_the_description_names_features_units_and_types_in_order() -> None:
    meta = make_dataloaders(config())[3]
    assert meta["features"] == ["E", "pT", "eta", "phi"]
    assert meta["units"] == ["GeV", "GeV", "", "rad"]
    assert meta["global_features"] == ["MET", "MET_phi"]
    assert meta["global_units"] == ["GeV", "rad"]
    assert meta["type_names"][PADDING] == "padding"
    assert len(meta["type_names"]) == 8


def test_only_the_training_split_is_shuffled() -> None:
    train, val, test, _ = make_dataloaders(config())
    assert train.shuffle_seed is not None
    assert val.shuffle_seed is None
    assert test.shuffle_seed is None


def test_each_number_of_the_file_arrives_where_the_layout_says(path: Path) -> None:
    values = tables()
    splits, meta = load(write(path, **values))
    for split in SPLITS:
        batch, raw = splits[split], values[f"X_{split}"]
        cont = meta["token_normaliser"].inverse(batch.tokens_cont)[batch.mask]
        expected = torch.from_numpy(raw[:, 20:].reshape(-1, 18, 4))[batch.mask]
        torch.testing.assert_close(cont, expected, rtol=1e-4, atol=1e-3)
        globals_ = meta["global_normaliser"].inverse(batch.globals)
        torch.testing.assert_close(globals_, torch.from_numpy(raw[:, 18:20]), rtol=1e-4, atol=1e-3)
        assert torch.equal(batch.tokens_id, torch.from_numpy(raw[:, :18]).long())


@pytest.mark.parametrize("norm", ["zscore", "log_zscore"])
def test_padding_is_zero_after_normalisation(norm: str) -> None:
    *loaders, _ = make_dataloaders(config(norm=norm))
    for loader in loaders:
        batch = EventBatch(*loader.tensors)
        assert (~batch.mask).any()
        assert (batch.tokens_cont[~batch.mask] == 0).all()


@pytest.mark.parametrize("norm", ["zscore", "log_zscore"])
def test_what_a_file_holds_in_padded_places_changes_nothing(norm: str, tmp_path: Path) -> None:
    clean, dirty = tables(), tables()
    for values in dirty.values():
        padding = np.repeat(values[:, :18] == 0, 4, axis=1)
        values[:, 20:][padding] = -12345.0
    expected, expected_meta = load(write(tmp_path / "a.h5", **clean), norm=norm)
    found, found_meta = load(write(tmp_path / "b.h5", **dirty), norm=norm)
    for split in SPLITS:
        assert all(map(torch.equal, found[split], expected[split]))
    for name in ("token_normaliser", "global_normaliser"):
        assert found_meta[name].as_dict() == expected_meta[name].as_dict()


def test_statistics_come_from_the_training_split_alone(tmp_path: Path) -> None:
    values = tables()
    other = values | {"X_val": table(seed=8) * [*[1.0] * 18, *[5.0] * 74], "X_test": table(seed=9)}
    _, expected = load(write(tmp_path / "a.h5", **values))
    _, found = load(write(tmp_path / "b.h5", **other))
    for name in ("token_normaliser", "global_normaliser"):
        assert found[name].as_dict() == expected[name].as_dict()


@pytest.mark.parametrize(("limit", "expected"), [(None, 12), (1, 1), (5, 5), (12, 12), (99, 12)])
def test_the_limit_takes_the_first_events_of_each_split(
    limit: int | None, expected: int, path: Path
) -> None:
    values = tables()
    splits, meta = load(write(path, **values, Y_train=np.arange(12)), limit_samples=limit)
    assert set(meta["n_events"].values()) == {expected}
    assert meta["labels"]["train"].tolist() == list(range(expected))
    for split in SPLITS:
        ids = torch.from_numpy(values[f"X_{split}"][:expected, :18]).long()
        assert torch.equal(splits[split].tokens_id, ids)


def test_labels_are_read_where_there_are_any(path: Path) -> None:
    labels = np.arange(12, dtype=np.int8)
    _, meta = load(write(path, **tables(), Y_train=labels))
    assert torch.equal(meta["labels"]["train"], torch.arange(12))
    assert meta["labels"]["val"] is None


def test_a_split_may_be_said_to_have_no_labels(path: Path) -> None:
    write(path, **tables(), Y_train=np.arange(12))
    none = dict.fromkeys(SPLITS)
    assert set(load(path, **{"datasets.labels": none})[1]["labels"].values()) == {None}


def other_layout(n_events: int) -> Table:
    """Globals first, then three features a token, then the ids; three globals, five tokens."""
    rng = np.random.default_rng(n_events)
    ids = np.where(np.arange(5) < rng.integers(1, 6, (n_events, 1)), 1, 0)
    parts = [rng.normal(size=(n_events, 3)), rng.normal(size=(n_events, 15)), ids]
    return np.concatenate(parts, axis=1).astype(np.float32)


def test_the_config_alone_says_how_a_file_is_laid_out(path: Path) -> None:
    values = {name: other_layout(n) for name, n in (("learn", 9), ("check", 4), ("final", 5))}
    write(path, **values, kind=np.arange(4))
    cfg = compose(
        [
            f"data.path='{path}'",
            "data.datasets.events={train: learn, val: check, test: final}",
            "data.datasets.labels={train: null, val: kind, test: missing}",
            "data.n_tokens=5",
            "data.columns={total: 23, ids: [18, 23], globals: [0, 3], tokens: [3, 18]}",
            "data.features=[px,py,pz]",
            "data.global_features=[a,b,c]",
            "data.type_names=[nothing,something]",
        ]
    )
    *loaders, meta = make_dataloaders(cfg)
    for name, loader in zip(values, loaders, strict=True):
        batch, raw = EventBatch(*loader.tensors), values[name]
        cont = meta["token_normaliser"].inverse(batch.tokens_cont)[batch.mask]
        expected = torch.from_numpy(raw[:, 3:18].reshape(-1, 5, 3))[batch.mask]
        torch.testing.assert_close(cont, expected)
        found = meta["global_normaliser"].inverse(batch.globals)
        torch.testing.assert_close(found, torch.from_numpy(raw[:, :3]))
        assert torch.equal(batch.tokens_id, torch.from_numpy(raw[:, 18:]).long())
    assert meta["n_tokens"] == 5
    assert meta["units"] == ["", "", ""]
    assert meta["labels"]["train"] is None
    assert meta["labels"]["val"].tolist() == [0, 1, 2, 3]
    assert meta["labels"]["test"] is None


@pytest.mark.parametrize("dtype", ["float16", "float64", "int32"])
def test_numbers_of_any_kind_become_float32(dtype: str, path: Path) -> None:
    values = {name: np.rint(events).astype(dtype) for name, events in tables().items()}
    splits, _ = load(write(path, **values))
    assert splits["train"].tokens_cont.dtype == torch.float32


def test_a_missing_file_says_where_to_name_it(path: Path) -> None:
    error = refused(path)
    assert "no data file" in error.message
    assert "data_root" in error.hint


@pytest.mark.parametrize("share", [0.5, 0.9, 0.999])
def test_a_truncated_file_is_called_truncated(share: float, path: Path) -> None:
    content = write(path, **tables()).read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    assert "truncated" in refused(path).message


@pytest.mark.parametrize("content", [b"", b"E,pT,eta,phi\n1,2,3,4\n", b"\x89HDF\r\n\x1a\n"])
def test_a_file_that_is_no_hdf5_is_called_so(content: bytes, path: Path) -> None:
    path.write_bytes(content)
    assert "HDF5" in refused(path).message


def test_a_folder_is_no_data_file(path: Path) -> None:
    path.mkdir()
    assert str(path) in str(refused(path))


def test_a_damaged_block_of_data_is_an_error_that_names_the_dataset(path: Path) -> None:
    with h5py.File(write(path, **tables()), "a") as file:
        del file["X_val"]
        data = file.create_dataset("X_val", data=table(), compression="gzip", fletcher32=True)
        block = data.id.get_chunk_info(0)
    with open(path, "r+b") as handle:
        handle.seek(block.byte_offset)
        handle.write(b"\xff" * 64)
    assert "X_val" in refused(path).message


@pytest.mark.parametrize("split", SPLITS)
def test_a_missing_dataset_is_named_beside_those_that_are_there(split: str, path: Path) -> None:
    values = tables()
    del values[f"X_{split}"]
    error = refused(write(path, **values))
    assert f"X_{split}" in error.message
    assert all(name in error.message for name in values)
    assert "data.datasets" in error.hint


def test_a_dataset_name_that_is_a_group_is_a_data_error(path: Path) -> None:
    values = tables()
    del values["X_val"]
    with h5py.File(write(path, **values), "a") as file:
        file["X_val/inside"] = table()
    assert "X_val" in refused(path).message


@pytest.mark.parametrize(
    "wrong",
    [
        table()[:, :-1],
        table(n_tokens=19),
        table()[:0],
        table().reshape(12, 2, -1),
        table()[0],
        np.float32(1),
    ],
    ids=["too few columns", "too many columns", "no events", "3 dims", "1 dim", "scalar"],
)
def test_a_dataset_of_the_wrong_shape_is_named_with_its_shape(wrong: Any, path: Path) -> None:
    error = refused(write(path, **(tables() | {"X_val": wrong})))
    assert "X_val" in error.message
    assert str(N_COLUMNS) in error.message
    assert all(str(size) in error.message for size in np.shape(wrong))


def test_a_dataset_of_texts_is_a_data_error(path: Path) -> None:
    texts = np.full((12, N_COLUMNS), b"jet", dtype="S3")
    assert "X_val" in refused(write(path, **(tables() | {"X_val": texts}))).message


def spoil(place: tuple[int, int], value: float) -> Table:
    events = table()
    events[place] = value
    return events


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("column", [0, 19, 91])
def test_values_that_are_not_finite_are_counted_and_the_first_is_named(
    column: int, value: float, path: Path
) -> None:
    events = spoil((7, column), value)
    events[9, 20] = value
    message = refused(write(path, **(tables() | {"X_test": events}))).message
    assert "X_test" in message
    assert "2 of 12" in message
    assert "event 7" in message


def test_a_number_too_large_for_float32_is_a_data_error(path: Path) -> None:
    events = table().astype(np.float64)
    events[3, 30] = 1e39
    assert "X_train" in refused(write(path, **(tables() | {"X_train": events}))).message


@pytest.mark.parametrize("value", [8, -1, 2.5, 0.001])
def test_an_object_type_that_the_config_does_not_know_is_named(value: float, path: Path) -> None:
    events = spoil((4, 2), value)
    message = refused(write(path, **(tables() | {"X_val": events}))).message
    assert "X_val" in message
    assert f"{value:g} in event 4" in message
    assert "0 to 7" in message


def test_a_split_with_nothing_but_padding_is_refused(path: Path) -> None:
    events = table()
    events[:, :18] = 0
    message = refused(write(path, **(tables() | {"X_val": events}))).message
    assert "X_val" in message
    assert "padding" in message


def test_a_single_event_without_objects_is_fine(path: Path) -> None:
    events = table()
    events[3, :18] = 0
    splits, _ = load(write(path, **(tables() | {"X_train": events})))
    assert (splits["train"].tokens_cont[3] == 0).all()
    assert torch.isfinite(splits["train"].tokens_cont).all()


@pytest.mark.parametrize(
    "labels", [np.arange(11), np.zeros((12, 2)), np.float32(1)], ids=["too few", "2 dims", "scalar"]
)
def test_labels_that_do_not_fit_the_events_are_named(labels: Any, path: Path) -> None:
    assert "Y_val" in refused(write(path, **tables(), Y_val=labels)).message


def test_labels_that_are_no_numbers_are_a_data_error(path: Path) -> None:
    labels = np.full(12, b"tttt", dtype="S4")
    assert "Y_val" in refused(write(path, **tables(), Y_val=labels)).message


LAYOUTS: dict[str, dict[str, Any]] = {
    "fewer tokens than columns": {"n_tokens": 17},
    "ids do not match tokens": {"columns.ids": [0, 17]},
    "one feature too few": {"features": ["E", "pT", "eta"]},
    "columns beyond the end": {"columns.tokens": [20, 93]},
    "one global too many": {"global_features": ["MET", "MET_phi", "HT"]},
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS.keys())
def test_a_layout_that_contradicts_itself_is_said_in_a_sentence(
    layout: dict[str, Any], path: Path
) -> None:
    write(path, **tables())
    with pytest.raises((ConfigError, DataError), match=r"columns|n_tokens|features"):
        load(path, **layout)


def test_an_unknown_source_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"data\.source=csv") as caught:
        make_dataloaders(config(source="csv"))
    assert "h5" in str(caught.value)
    assert "synthetic" in str(caught.value)


def test_a_home_directory_may_be_written_as_a_tilde(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "events.h5", **tables())
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load(Path("~/events.h5"))[1]["n_events"]["train"] == 12


@pytest.mark.parametrize("change", [lambda a: a, lambda a: a[::-1]], ids=["as is", "reversed"])
def test_statistics_do_not_depend_on_the_order_of_the_events(
    change: Callable[[Table], Table], tmp_path: Path
) -> None:
    values = tables()
    _, expected = load(write(tmp_path / "a.h5", **values))
    _, found = load(write(tmp_path / "b.h5", **(values | {"X_train": change(values["X_train"])})))
    assert found["token_normaliser"].as_dict() == expected["token_normaliser"].as_dict()
