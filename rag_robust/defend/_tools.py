"""What a defender has to look with: models, the corpus as it stands, and queries it expects."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from rag_robust.errors import TargetError
from rag_robust.types import Encoder, Passage

if TYPE_CHECKING:
    from rag_robust.encode.tokens import TokenModel
    from rag_robust.generate.language_model import LanguageModel
    from rag_robust.generate.masked import MaskedModel

__all__ = ["Defence", "Tools", "needed"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Tools:
    """Models are made when first asked for (give a maker that keeps what it made); None: there is none.

    `passages` is the corpus the defender has always had, `inserted` what stands in it today besides
    (in place of any passage of the same id): `tools.seeing(inserted)`. `queries` are texts of queries
    the defender has seen, none that the attacker knows or is judged on. `kept` is what filters keep
    between their calls.
    """

    language_model: Callable[[], LanguageModel] | None = None
    token_model: Callable[[], TokenModel] | None = None
    encoder: Callable[[], Encoder] | None = None
    masked_model: Callable[[], MaskedModel] | None = None
    passages: Mapping[str, Passage] = field(default_factory=dict)
    inserted: tuple[Passage, ...] = ()
    queries: Sequence[str] = ()
    kept: dict[str, tuple[object, Any]] = field(default_factory=dict, compare=False, repr=False)

    def seeing(self, inserted: Sequence[Passage]) -> Tools:
        """The same tools in the corpus with these passages put in."""
        return replace(self, inserted=tuple(inserted))

    def once(self, name: str, source: object, make: Callable[[], T]) -> T:
        """What `make` gave for this very `source`, made at the first call and kept under a name."""
        if name not in self.kept or self.kept[name][0] is not source:
            self.kept[name] = (source, make())
        made: T = self.kept[name][1]
        return made


Defence = Callable[[Sequence[Passage], Tools], NDArray[np.float64]]
"""A filter: n passages to n numbers, larger is more suspicious."""


def needed(maker: Callable[[], T] | None, what: str) -> T:
    """The tool, made now if it has not been.

    Raises:
        TargetError: this defender has no such tool (not applicable).
    """
    if maker is None:
        raise TargetError(f"the defence needs {what} and was given none", "not_applicable")
    return maker()
