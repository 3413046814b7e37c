"""The weights inside an ONNX file, by the names they had in PyTorch, read without the onnx library.

Two message types of a fixed, public format are all that is needed, so sixty lines stand for a
dependency of 20 MB. Nothing of the graph is run.

*Source*: the Protocol Buffers wire format, and the field numbers of onnx.proto3 (ONNX 1.0 and later).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rag_robust.errors import ModelError

__all__ = ["read"]

GRAPH = 7
NODE, INITIALIZER = 1, 5
INPUT, NAME, OP_TYPE = 1, 3, 4
DIMS, DATA_TYPE, FLOAT_DATA, TENSOR_NAME, RAW_DATA = 1, 2, 4, 8, 9
FLOAT32 = 1

Tensors = dict[str, NDArray[np.float32]]


def read(path: Path, module: str) -> Tensors:
    """Float32 weights below `module`, "auto_model" say, by the parameter names they had there.

    An initializer "….auto_model.embeddings.LayerNorm.bias" is the parameter of that name. A linear
    layer's weight (out, in) was folded into a nameless initializer (in, out) of a MatMul; the node's
    name, "/…/auto_model/…/query/MatMul", tells whose it is, and it is turned back.

    Raises:
        ModelError: the file is no ONNX model, or has no weights of that module.
    """
    try:
        graph = next(_all(memoryview(path.read_bytes()), GRAPH))
        tensors = dict(_tensor(data) for data in _all(graph, INITIALIZER))
        nodes = [_node(data) for data in _all(graph, NODE)]
    except (IndexError, OverflowError, ValueError, StopIteration) as error:
        raise ModelError(f"{path.name} is no whole ONNX file; install its package again") from error
    whole = {name.partition(f".{module}.")[2]: tensor for name, tensor in tensors.items()}
    for op, name, inputs in nodes:
        layer = name.partition(f"/{module}/")[2].rpartition("/")[0].replace("/", ".")
        if op == "MatMul" and layer and inputs[-1] in tensors:
            whole[f"{layer}.weight"] = np.ascontiguousarray(tensors[inputs[-1]].T)
    found = {name: tensor for name, tensor in whole.items() if name and tensor.size}
    if not found:
        raise ModelError(f"{path.name} holds no weights of {module}; expected that module, exported to ONNX")
    return found


def _fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """(number, value) of each field of a message: a number, or bytes."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        wire = tag & 7
        if wire == 0:
            value, at = _varint(data, at)
            yield tag >> 3, value
            continue
        size, at = _varint(data, at) if wire == 2 else ({1: 8, 5: 4}[wire] if wire in (1, 5) else -1, at)
        if size < 0 or at + size > len(data):
            raise ValueError(f"wire type {wire}, {size} bytes at {at} of {len(data)}")
        yield tag >> 3, data[at : at + size]
        at += size


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    """A number of 7 bits per byte, lowest first, and where the next field begins."""
    value = shift = 0
    while True:
        byte = data[at]
        at, value, shift = at + 1, value | (byte & 127) << shift, shift + 7
        if byte < 128:
            return value, at


def _all(data: memoryview, number: int) -> Iterator[memoryview]:
    return (value for n, value in _fields(data) if n == number and isinstance(value, memoryview))


def _tensor(data: memoryview) -> tuple[str, NDArray[np.float32]]:
    """Name and values; a tensor that is not float32 is none of the weights and comes back empty."""
    fields = list(_fields(data))
    name = next((bytes(v).decode() for n, v in fields if n == TENSOR_NAME and isinstance(v, memoryview)), "")
    if (DATA_TYPE, FLOAT32) not in fields:
        return name, np.empty(0, np.float32)
    shape = [
        size for n, v in fields if n == DIMS for size in (_packed(v) if isinstance(v, memoryview) else [v])
    ]
    raw = b"".join(bytes(v) for n, v in fields if n in (RAW_DATA, FLOAT_DATA) and isinstance(v, memoryview))
    if len(raw) != 4 * math.prod(shape):
        raise ValueError(f"{name}: {len(raw)} bytes for the shape {shape}")
    return name, np.frombuffer(raw, "<f4").reshape(shape).astype(np.float32)


def _packed(data: memoryview) -> Iterator[int]:
    at = 0
    while at < len(data):
        value, at = _varint(data, at)
        yield value


def _node(data: memoryview) -> tuple[str, str, list[str]]:
    texts = {number: [bytes(v).decode() for v in _all(data, number)] for number in (OP_TYPE, NAME, INPUT)}
    return (texts[OP_TYPE] or [""])[0], (texts[NAME] or [""])[0], texts[INPUT] or [""]
