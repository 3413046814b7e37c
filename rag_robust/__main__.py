"""`python -m rag_robust` is the command line."""

from __future__ import annotations

from rag_robust.cli import main

__all__: list[str] = []

if __name__ == "__main__":
    main()
