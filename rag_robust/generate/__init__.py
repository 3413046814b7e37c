"""Generators: prompts to completions, from a local model, an endpoint or a table."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from rag_robust.errors import SuiteError, nearest
from rag_robust.generate.cache import Cached, TextGenerator

__all__ = ["TextGenerator", "load"]


def load(spec: Mapping[str, object], *, device: str = "cpu", cache: Path | None = None) -> TextGenerator:
    """The generator a table of a suite describes: `kind` and that kind's parameters.

    - huggingface: model, dtype, max_new_tokens
    - openai: model, base_url, api_key_env, timeout_s, retries, max_new_tokens
    - canned: answers, default

    Parameters of the other kinds are allowed and have no effect. Completions of models are kept
    in the folder `cache` under (fingerprint, prompt) and never computed twice; None keeps nothing.

    Raises:
        SuiteError: unknown kind or parameter, missing parameter.
        ModelError: no such model here.
    """
    kind = str(spec.get("kind", "huggingface"))
    if kind not in _KINDS:
        raise SuiteError(f'no generator of kind "{kind}"; {nearest(kind, _KINDS)}')
    known = {"kind", *(name for names in _KINDS.values() for name in names)}
    for name in spec:
        if name not in known:
            raise SuiteError(f'a generator has no parameter "{name}"; {nearest(name, known)}')
    chosen = {name: spec[name] for name in _KINDS[kind] if name in spec}
    if kind == "canned":
        from rag_robust.generate.canned import canned

        return _made(canned, kind, chosen)
    generator = _local(chosen, device, cache) if kind == "huggingface" else _remote(chosen)
    if cache is None:
        return generator
    return Cached(generator, cache / "answers.sqlite")


_KINDS: dict[str, tuple[str, ...]] = {
    "canned": ("answers", "default"),
    "huggingface": ("model", "dtype", "max_new_tokens"),
    "openai": ("base_url", "model", "api_key_env", "timeout_s", "retries", "max_new_tokens"),
}


def _local(chosen: dict[str, Any], device: str, cache: Path | None) -> TextGenerator:
    from rag_robust.generate import huggingface

    where = {"device": device, "cache": None if cache is None else cache / "models"}
    return _made(huggingface.load, "huggingface", chosen | where, rename={"model": "name"})


def _remote(chosen: dict[str, Any]) -> TextGenerator:
    from rag_robust.generate.openai import openai_compatible

    return _made(openai_compatible, "openai", chosen)


def _made(
    build: Callable[..., TextGenerator],
    kind: str,
    chosen: dict[str, Any],
    rename: Mapping[str, str] | None = None,
) -> TextGenerator:
    names = rename or {}
    arguments = {names.get(name, name): value for name, value in chosen.items()}
    required = [p.name for p in inspect.signature(build).parameters.values() if p.default is p.empty]
    back = {new: old for old, new in names.items()}
    for name in required:
        if name not in arguments:
            raise SuiteError(f'a generator of kind "{kind}" needs "{back.get(name, name)}"')
    return build(**arguments)
