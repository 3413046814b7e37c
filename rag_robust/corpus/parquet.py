"""Rows of a parquet file, one at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet

from rag_robust.errors import CorpusError

__all__ = ["rows"]


def rows(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """`path:row` (from 1) and the row as a mapping from column name to value.

    Raises:
        CorpusError: the file is not parquet or is damaged.
    """
    number = 0
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=1024):
                for row in batch.to_pylist():
                    number += 1
                    yield f"{path}:{number}", row
    except (pyarrow.ArrowException, OSError) as error:
        raise CorpusError(f"{path}: expected a parquet file, got {error}") from error
