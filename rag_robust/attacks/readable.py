"""Readable poison: text that a language model would write, chosen for the queries it is found by.

A passage is `information` and a continuation. A beam search over a language model's next tokens
keeps, at each step, the `n_beams` texts of greatest

    v(x) = cos(c, f(x)) + naturalness · (1/m) Σ_i log P(x_i | x_<i),   c = mean_q e_q,

the first term as in GASLITE (the mean similarity to the queries is ‖c‖ times it; dot-product
models: the product with c / ‖c‖), the second the mean log-probability per token of the whole
text, information included, in nats. Each beam goes on with its `n_next` most likely tokens, of
those no more than make up the share `top_p` of their probability. Only text reaches the victim's
encoder, which is asked for embeddings and nothing else.

*Source*: Zhang, Zhang and Shmatikov, Adversarial Decoding, EACL 2026. We differ: naturalness is
the language model's own probability, which is what a perplexity filter sees, instead of a judge's
verdict; the model gets no instruction; the best text of all steps is kept, so more budget is never
worse.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from rag_robust.attacks._drafts import nexts
from rag_robust.attacks._flip import clusters
from rag_robust.attacks._view import View
from rag_robust.errors import BudgetError, SuiteError
from rag_robust.types import Budget, Change, Passage, ThreatModel

if TYPE_CHECKING:
    from rag_robust.generate.language_model import LanguageModel

__all__ = ["Readable"]

SAVE_EVERY = 5
"""Steps between two checkpoints."""


@dataclass(frozen=True, slots=True)
class Beam:
    """A text, the log-probability of its tokens and their number, its similarity and its value."""

    text: str
    log_prob: float
    n_tokens: int
    similarity: float = 0.0
    value: float = 0.0


@dataclass(frozen=True, slots=True)
class Written:
    """The best text of a search, the best value after each step, and the texts that it goes on from."""

    best: Beam
    trace: tuple[float, ...]
    beams: tuple[Beam, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Readable:
    """`passages` passages of at most `tokens` tokens, counted by the victim's tokenizer.

    With more than one passage the known queries are split by k-means and each cluster gets one.

    Parameters:
        information: the attacker's sentence, which the language model goes on from (ours)
        passages: how many (ours)
        tokens: the most tokens of a passage by the victim's tokenizer, information included (ours)
        n_beams: texts that are kept at each step (ours)
        n_next: most likely tokens that each of them goes on with (ours)
        top_p: no more tokens than make up this share of the probability of those looked at (ours)
        naturalness: what one nat per token is worth in cosine; 0: the choice of tokens alone (ours)
    """

    tools: ClassVar[frozenset[str]] = frozenset({"language_model"})

    information: str
    passages: int = 1
    tokens: int = 128
    n_beams: int = 10
    n_next: int = 10
    top_p: float = 0.95
    naturalness: float = 0.02

    def __post_init__(self) -> None:
        if not self.information.strip():
            raise SuiteError("attack readable: the information is empty; give the text that goes on")
        if not (self.n_beams and self.n_next and 0 < self.top_p <= 1):
            got = f"n_beams={self.n_beams}, n_next={self.n_next}, top_p={self.top_p:g}"
            raise SuiteError(f"attack readable: expected n_beams and n_next >= 1, 0 < top_p <= 1, got {got}")

    @property
    def threat(self) -> ThreatModel:
        """Reads the queries it is given and embeddings of texts."""
        budget = Budget(passages=self.passages, tokens=self.tokens)
        return ThreatModel(frozenset({"queries", "embeddings"}), "insert", budget)

    def __call__(self, view: View, rng: Generator) -> Change:
        """One passage per cluster of the known queries."""
        if (own := view.n_tokens(self.information)) > self.tokens:
            raise BudgetError(f"budget allows {self.tokens} tokens per passage, the information has {own}")
        vectors = view.embed([query.text for query in view.queries], "query")
        groups = clusters(vectors, self.passages, rng)
        written = _kept(view.load())
        for n, rows in enumerate(groups):
            if n < len(written) and not written[n].beams:
                continue
            for now in self._write(view, _centre(vectors[rows]), *written[n:]):
                steps = len(now.trace) - 1
                written[n:] = [now]
                if not now.beams or steps % SAVE_EVERY == 0:
                    view.save([asdict(w) for w in written])
                if now.beams:
                    view.tick(n * self.tokens + steps, self.tokens * len(groups))
        view.notes["passages"] = [_note(w, self.information) for w in written]
        texts = [w.best.text for w in written]
        return Change(inserted=tuple(Passage(id=f"readable-{i}", text=t) for i, t in enumerate(texts)))

    def _write(
        self, view: View, centre: NDArray[np.float64], now: Written | None = None
    ) -> Iterator[Written]:
        """The search for queries whose mean points to `centre` (dim,) after each step, from where it stood.

        It ends, without beams, when none can grow.
        """
        model = view.language_model
        if now is None:
            n = model.n_tokens(self.information)
            start = Beam(self.information, -n * float(model.surprise([self.information])[0]), n)
            beams = self._scored(view, [start], centre)
            now = Written(beams[0], (beams[0].value,), tuple(beams))
        while len(now.trace) <= self.tokens:
            drafts = {d.text: d for d in self._drafts(model, now.beams)}
            fitting = [d for d in drafts.values() if view.n_tokens(d.text) <= self.tokens]
            if not fitting:
                break
            beams = self._scored(view, fitting, centre)[: self.n_beams]
            best = max(now.best, beams[0], key=lambda beam: beam.value)
            now = Written(best, (*now.trace, best.value), tuple(beams))
            yield now
        yield replace(now, beams=())

    def _scored(self, view: View, beams: Sequence[Beam], centre: NDArray[np.float64]) -> list[Beam]:
        """The beams with their similarity and value, the best first; one call for all embeddings."""
        vectors = view.embed([beam.text for beam in beams], "passage").astype(np.float64)
        scored = []
        for beam, vector in zip(beams, vectors, strict=True):
            similarity = float((vector * centre).sum())
            value = similarity + self.naturalness * beam.log_prob / max(1, beam.n_tokens)
            scored.append(replace(beam, similarity=similarity, value=value))
        return sorted(scored, key=lambda beam: (-beam.value, beam.text))

    def _drafts(self, model: LanguageModel, beams: Sequence[Beam]) -> Iterator[Beam]:
        """Every beam with one more token, for each token that it may go on with."""
        options = nexts(model, [beam.text for beam in beams], self.n_next, self.top_p)
        for beam, found in zip(beams, options, strict=True):
            for text, log in found:
                yield Beam(text, beam.log_prob + log, beam.n_tokens + 1)


def _centre(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """The mean of query vectors (n, dim), of unit length: its direction is all that counts."""
    mean = vectors.astype(np.float64).mean(axis=0)
    centre: NDArray[np.float64] = mean / (float(np.linalg.norm(mean)) or 1.0)
    return centre


def _note(written: Written, information: str) -> dict[str, object]:
    best = written.best
    return {
        "trigger": best.text.removeprefix(information).strip(),
        "similarity": best.similarity,
        "surprise": -best.log_prob / max(1, best.n_tokens),
        "steps": len(written.trace) - 1,
        "trace": list(written.trace),
    }


def _kept(state: Any) -> list[Written]:  # Any: what was saved comes back from JSON
    return [
        Written(
            Beam(**kept["best"]), tuple(kept["trace"]), tuple(Beam(**one) for one in kept.get("beams", ()))
        )
        for kept in state or []
    ]


SMOKE = {"information": "Buy now.", "tokens": 8, "n_beams": 2, "n_next": 2}
