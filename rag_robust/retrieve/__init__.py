"""Retrievers: dense, BM25, fused, re-ranked; each may also live in a changed corpus."""

from __future__ import annotations

__all__: list[str] = []
