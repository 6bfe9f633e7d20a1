"""Bundles that are damaged, of another version or hostile: each is refused, with the reason."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from model import bundle as bundle_module
from model.bundle import CARD, METADATA, TOKENIZER, WEIGHTS, is_bundle, read_bundle
from model.errors import BundleContentError, BundleError, BundleFormatError, BundleIntegrityError
from model.language_model import load
from tests.model.damage import edit, refused, replace_file
from tests.tiny import PICKLED, tiny_tokenizer

# ---------------------------------------------------------------------------------------------- damaged


@pytest.mark.parametrize("name", [CARD, TOKENIZER, WEIGHTS])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    refused(folder, BundleIntegrityError, f"{name} is missing")


@pytest.mark.parametrize("name", [CARD, TOKENIZER, WEIGHTS])
def test_a_truncated_file_is_named_with_both_sizes(folder: Path, name: str) -> None:
    data = (folder / name).read_bytes()
    (folder / name).write_bytes(data[:-3])
    refused(folder, BundleIntegrityError, f"{name} has {len(data) - 3} bytes, bundle.json says {len(data)}")


@pytest.mark.parametrize("name", [CARD, TOKENIZER, WEIGHTS])
def test_one_changed_bit_is_noticed(folder: Path, name: str) -> None:
    data = bytearray((folder / name).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / name).write_bytes(bytes(data))
    refused(folder, BundleIntegrityError, f"{name} was changed: its SHA-256")


def test_a_folder_that_is_no_bundle_is_refused(tmp_path: Path) -> None:
    refused(tmp_path, BundleFormatError, "is not a bundle: it has no bundle.json.")
    assert not is_bundle(tmp_path)


def test_a_folder_where_a_file_should_be_is_refused(folder: Path) -> None:
    (folder / WEIGHTS).unlink()
    (folder / WEIGHTS).mkdir()
    refused(folder, BundleIntegrityError, "weights.safetensors is missing")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is not JSON"),
        (b"{", "is not JSON"),
        (b"\xff\xfe{}", "is not JSON"),
        (b"[1, 2]", "holds a list; expected a JSON object"),
        (b'"en-lstm"', "holds a str"),
        (b"[" * 100_000, "is not JSON"),
        (b'{"a": NaN}', "NaN is no JSON number"),
        (b'{"a": 1e999}', "is not JSON"),
        (b'{"a": ' + b"9" * 5_000 + b"}", "is not JSON"),
        (b'{"a": "\\ud800"}', "is not JSON"),
        (b" " * (5 << 20), "has 5242880 bytes; expected at most 4194304"),
        (b"{}", "format_version is None; this program reads 1"),
        (PICKLED, "is not JSON"),
    ],
)
def test_metadata_that_is_no_json_object_is_refused(folder: Path, data: bytes, said: str) -> None:
    (folder / METADATA).write_bytes(data)
    refused(folder, BundleFormatError, said)


@pytest.mark.parametrize("field", ["format_version", "normaliser_version"])
@pytest.mark.parametrize("version", [0, 2, "1", 1.0, True, None, "x" * 10_000])
def test_another_version_is_refused_with_the_one_that_is_read(folder: Path, field: str, version: Any) -> None:
    edit(folder, lambda metadata: metadata.update({field: version}))
    refused(folder, BundleFormatError, f"{field} is ")
    refused(folder, BundleFormatError, "this program reads 1. Train the bundle again, or use the version")


FIELDS = list(bundle_module.FIELDS)


@pytest.mark.parametrize("field", FIELDS)
def test_a_field_of_another_kind_is_refused_and_never_crashes(folder: Path, field: str) -> None:
    """Some values are fine for some fields: then the bundle must work."""
    for value in (None, 3, "text", [], {}, [[]], {"a": None}):
        edit(folder, lambda metadata, value=value: metadata.update({field: value}))  # type: ignore[misc]
        try:
            bundle = read_bundle(folder)
        except BundleError as error:
            assert field in str(error)
            continue
        assert field in ("provenance", "metrics", "calibration", "name")
        assert bundle.metadata[field] == value
        load(folder).cloze("Tom said ___.")


@pytest.mark.parametrize("field", FIELDS)
def test_a_missing_field_is_named(folder: Path, field: str) -> None:
    edit(folder, lambda metadata: metadata.pop(field))
    refused(folder, BundleFormatError, f"field {field!r} is None")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"objective": {}}, "objective.language_model_weight is None"),
        ({"objective": {"language_model_weight": "1"}}, "objective.language_model_weight is '1'"),
        ({"pronouns": {"pairs": []}}, "pronouns.pairs must be a list"),
        ({"pronouns": {"pairs": [{"forms": ["he"]}]}}, "pronouns.pairs must be a list"),
        ({"pronouns": {"pairs": [{"forms": ["he", 3]}]}}, "pronouns.pairs must be a list"),
        ({"pronouns": {"pairs": [["he", "she"]]}}, "pronouns.pairs must be a list"),
        ({"calibration": [{}]}, "expected a pair with a context and a temperature"),
        ({"calibration": ["both"]}, "expected a pair with a context and a temperature"),
        ({"calibration": [{"forms": ["he", "she"], "temperature": 1.0}]}, "a pair with a context"),
        ({"calibration": [{"forms": ["he", "she"], "context": "right", "temperature": 1.0}]}, "a pair with a context"),
        ({"calibration": [{"forms": ["he", "she"], "context": "both", "temperature": 0}]}, "and a temperature"),
        ({"calibration": [{"forms": ["he", "she"], "context": "both", "temperature": -1}]}, "and a temperature"),
        ({"calibration": [{"forms": ["he", "she"], "context": "both", "temperature": 10**400}]}, "and a temperature"),
        ({"calibration": [{"forms": ["he", "she"], "context": "both", "temperature": "1"}]}, "and a temperature"),
        ({"tokenizer": "bytes"}, "unknown tokenizer kind 'bytes'; expected one of subword, word, character"),
        ({"name": "../en-lstm"}, "expected letters, digits"),
        ({"name": "/etc/passwd"}, "expected letters, digits"),
        ({"name": ".."}, "expected letters, digits"),
        ({"name": ""}, "expected letters, digits"),
        ({"name": "a\nb"}, "expected letters, digits"),
        ({"name": "<script>"}, "expected letters, digits"),
        ({"name": "x" * 101}, "expected letters, digits"),
    ],
)
def test_a_hostile_field_is_refused(folder: Path, changes: dict[str, Any], said: str) -> None:
    edit(folder, lambda metadata: metadata.update(changes))
    with pytest.raises(BundleError) as error:
        read_bundle(folder)
    assert said in str(error.value)


def test_numbers_too_large_for_a_float_do_no_harm(folder: Path) -> None:
    edit(folder, lambda metadata: metadata["objective"].update(language_model_weight=10**400))
    assert read_bundle(folder).has_language_model


def test_metadata_nested_too_deeply_is_refused(folder: Path) -> None:
    """What reads it later may go down into it step by step."""
    nested: Any = []
    for _ in range(40):
        nested = [nested]
    edit(folder, lambda metadata: metadata.update(provenance={"texts": nested}))
    refused(folder, BundleFormatError, "nests lists and objects more than 32 deep")


@pytest.mark.parametrize(
    "changes",
    [
        {"cell": "transformer"},
        {"direction": []},
        {"direction": {}},
        {"n_layers": 9},
        {"n_layers": 10**30},
        {"hidden_size": "6"},
        {"hidden_size": -6},
        {"dropout": 0.5},
    ],
)
def test_an_impossible_network_is_refused(folder: Path, changes: dict[str, Any]) -> None:
    edit(folder, lambda metadata: metadata["network"].update(changes))
    refused(folder, BundleContentError, "declares an impossible network")


def test_a_network_of_huge_declared_sizes_is_refused_before_anything_is_made_of_it(folder: Path) -> None:
    """65,536 units in 8 layers would be 2 TB of weights."""
    edit(folder, lambda metadata: metadata["network"].update(hidden_size=65_536, embedding_size=65_536, n_layers=8))
    refused(folder, BundleContentError, "the tensors that bundle.json lists are not those of its network")


def test_a_vocabulary_of_another_size_is_refused(folder: Path) -> None:
    edit(folder, lambda metadata: metadata["network"].update(vocabulary_size=161))
    refused(folder, BundleContentError, "the tokenizer has 160 pieces, the network 161")


# ---------------------------------------------------------------------------------------------- files


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "weights.pkl", "sub/weights.safetensors"])
def test_a_path_to_anything_else_is_refused(folder: Path, name: str) -> None:
    edit(folder, lambda metadata: metadata["files"].update({name: {"bytes": 1, "sha256": "0" * 64}}))
    refused(folder, BundleFormatError, "lists the files")


@pytest.mark.parametrize(
    "record", [None, {}, [], "0" * 64, {"bytes": "12", "sha256": ""}, {"bytes": 1.5, "sha256": ""}, {"bytes": 12}]
)
def test_a_file_without_size_and_hash_is_refused(folder: Path, record: Any) -> None:
    edit(folder, lambda metadata: metadata["files"].update({WEIGHTS: record}))
    refused(folder, BundleFormatError, "states no size and SHA-256 for weights.safetensors")


@pytest.mark.parametrize("size", [-1, 0, True, 10**30])
def test_a_false_size_is_refused_before_the_file_is_read(folder: Path, size: int) -> None:
    edit(folder, lambda metadata: metadata["files"][WEIGHTS].update(bytes=size))
    refused(folder, BundleIntegrityError, "it was truncated or changed")


@pytest.mark.parametrize("digest", ["0" * 64, None, 7, "", [], "A" * 64])
def test_a_false_hash_is_refused(folder: Path, digest: Any) -> None:
    edit(folder, lambda metadata: metadata["files"][WEIGHTS].update(sha256=digest))
    refused(folder, BundleIntegrityError, "its SHA-256 is not the one in bundle.json")


@pytest.mark.parametrize("name", [METADATA, CARD, TOKENIZER, WEIGHTS])
def test_a_link_out_of_the_bundle_is_refused_even_with_the_right_content(folder: Path, name: str) -> None:
    outside = folder.parent / "secret"
    (folder / name).rename(outside)
    (folder / name).symlink_to(outside)
    refused(folder, BundleFormatError, f"{name} is a link that leads out of the bundle")


def test_a_link_within_the_bundle_and_to_the_bundle_is_followed(folder: Path) -> None:
    """As a mounted volume has them."""
    (folder / "data").mkdir()
    (folder / WEIGHTS).rename(folder / "data" / WEIGHTS)
    (folder / WEIGHTS).symlink_to(folder / "data" / WEIGHTS)
    linked = folder.parent / "linked"
    linked.symlink_to(folder)
    assert read_bundle(linked).name == "tiny"


# ---------------------------------------------------------------------------------------------- tensors


def stored_tensors(folder: Path) -> dict[str, Any]:
    return dict(safetensors.numpy.load_file(folder / WEIGHTS))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_weight_that_is_not_finite_is_refused_by_name(folder: Path, value: float) -> None:
    tensors = stored_tensors(folder)
    tensors["output.bias"][3] = value
    replace_file(folder, WEIGHTS, safetensors.numpy.save(tensors))
    refused(folder, BundleContentError, "tensor output.bias holds values that are not finite")


@pytest.mark.parametrize("dtype", ["float32", "float64", "int16", "bool"])
def test_a_tensor_of_another_type_is_refused_by_name(folder: Path, dtype: str) -> None:
    tensors = stored_tensors(folder)
    tensors["embedding"] = tensors["embedding"].astype(dtype)
    replace_file(folder, WEIGHTS, safetensors.numpy.save(tensors))
    refused(folder, BundleContentError, f"tensor embedding is {dtype} (160, 5); expected float16 (160, 5)")


def test_a_tensor_of_another_shape_is_refused_by_name(folder: Path) -> None:
    tensors = stored_tensors(folder)
    tensors["embedding"] = np.ascontiguousarray(tensors["embedding"].T)
    replace_file(folder, WEIGHTS, safetensors.numpy.save(tensors))
    refused(folder, BundleContentError, "tensor embedding is float16 (5, 160); expected float16 (160, 5)")


def test_missing_and_additional_tensors_are_named(folder: Path) -> None:
    tensors = stored_tensors(folder)
    tensors["layer9.forward.input_bias"] = tensors.pop("layer0.forward.input_bias")
    replace_file(folder, WEIGHTS, safetensors.numpy.save(tensors))
    refused(folder, BundleContentError, "lacks ['layer0.forward.input_bias'] and has ['layer9.forward.input_bias']")


def test_a_tensor_too_many_is_refused(folder: Path) -> None:
    tensors = stored_tensors(folder) | {"extra": np.zeros(1, np.float16)}
    replace_file(folder, WEIGHTS, safetensors.numpy.save(tensors))
    refused(folder, BundleContentError, "lacks [] and has ['extra'] beyond the network's")


def test_a_tensor_list_that_is_not_the_networks_is_refused(folder: Path) -> None:
    edit(folder, lambda metadata: metadata["tensors"]["embedding"].update(dtype="float32"))
    refused(folder, BundleContentError, "the tensors that bundle.json lists are not those of its network")


def header(entries: Any) -> bytes:
    text = json.dumps(entries).encode()
    return struct.pack("<Q", len(text)) + text


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00",
        struct.pack("<Q", 2**63) + b"{}",  # a header of 9 exabytes
        struct.pack("<Q", 100_000_001) + b"{}",
        struct.pack("<Q", 2) + b"[]",
        struct.pack("<Q", 2) + b"\xff\xff",
        header({}),
        header({"embedding": {"dtype": "F16", "shape": [2**40, 2**40], "data_offsets": [0, 2**60]}}),
        header({"embedding": {"dtype": "F16", "shape": [1], "data_offsets": [0, 2]}}),  # no data behind
        header({"embedding": {"dtype": "F16", "shape": [1], "data_offsets": [2, 0]}}) + b"\0\0",
        header({"embedding": {"dtype": "F16", "shape": [-1], "data_offsets": [0, 2]}}) + b"\0\0",
        header({"embedding": {"dtype": "OBJECT", "shape": [1], "data_offsets": [0, 2]}}) + b"\0\0",
        header({"embedding": {"dtype": "BF16", "shape": [1], "data_offsets": [0, 2]}}) + b"\0\0",
        header({"embedding": {"dtype": "F8_E4M3", "shape": [2], "data_offsets": [0, 2]}}) + b"\0\0",
        header({"a": {"dtype": "F16", "shape": [1], "data_offsets": [0, 2]}, "b": None}) + b"\0\0",
        header([["deep"] * 3]),
        struct.pack("<Q", 20_000) + b"[" * 20_000,
        header({f"t{n}": {"dtype": "F16", "shape": [0], "data_offsets": [0, 0]} for n in range(10_000)}),
    ],
)
def test_weights_that_are_no_safetensors_of_the_network_are_refused(folder: Path, data: bytes) -> None:
    replace_file(folder, WEIGHTS, data)
    refused(folder, BundleContentError, WEIGHTS)


def test_random_damage_to_the_weights_is_refused_or_harmless(folder: Path) -> None:
    """Hash and size put right each time: what remains are other finite numbers, or a refusal with a reason."""
    chance = np.random.default_rng(0)
    original = (folder / WEIGHTS).read_bytes()
    header_end = 8 + struct.unpack("<Q", original[:8])[0]
    for _ in range(25):
        data = bytearray(original)
        for place in chance.integers(0, header_end + 50, 3):
            data[place] = int(chance.integers(256))
        replace_file(folder, WEIGHTS, bytes(data[: chance.integers(header_end, len(data) + 1)]))
        try:
            weights = read_bundle(folder).weights
        except BundleError:
            continue
        assert all(np.isfinite(value).all() for value in weights.values())


# ---------------------------------------------------------------------------------------------- tokenizer


@pytest.mark.parametrize("data", [b"", b"\x00" * 100, b"not a model", b"\x0a\xff\xff\xff\xff\x0f", PICKLED])
def test_bytes_that_are_no_tokenizer_are_refused(folder: Path, data: bytes) -> None:
    replace_file(folder, TOKENIZER, data)
    refused(folder, BundleContentError, "tokenizer.model: the tokenizer cannot be used")


def test_a_tokenizer_of_another_network_is_refused(folder: Path) -> None:
    replace_file(folder, TOKENIZER, tiny_tokenizer("word").serialized)
    refused(folder, BundleContentError, "the tokenizer has 109 pieces, the network 160")


def test_a_card_that_is_no_text_is_shown_as_far_as_it_goes(folder: Path) -> None:
    replace_file(folder, CARD, b"# Card \xff")
    assert read_bundle(folder).card == "# Card \ufffd"
