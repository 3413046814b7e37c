"""Projections of one result: for the terminal, for machines, and a page to read and pass on.

Every report is made from a run folder alone; no model is needed, and none is loaded.
"""

from __future__ import annotations

__all__: list[str] = []
