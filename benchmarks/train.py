"""Noise training: what it costs in quality and what it gives in certified lists, before and after.

    python benchmarks/train.py [--kinds bi cross] [--steps N] [--queries N] [--keep FOLDER]

The task needs no hub: of a Wikipedia lead the last sentence is the query and what stands before it, without
its title and cut at 24 words, the passage to be found. Models are trained on 3,000 leads and judged on 400
others, on BM25's first eight passages, for the first queries whose passage is among them. Three of a kind
are compared: as it comes, trained on the texts as written, and trained on random versions of them with the
same steps, batches and seed. Two certificates, over WordNet: that of the median over random synonyms, where
any number of words may be replaced inside classes of at most 12; and the exact one of the model itself, for
one word and its first two synonyms.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from rag_robust import corpus, encode, seeds, stats, synonyms, text, train
from rag_robust.certify import exact, percentile
from rag_robust.certify._smooth import Noise, law
from rag_robust.certify.ranking import Ranking
from rag_robust.retrieve.bm25 import bm25
from rag_robust.retrieve.cross_encoder import cross_encoder
from rag_robust.retrieve.scores import bi_encoder
from rag_robust.synonyms.space import Substitutions
from rag_robust.types import Certificate, Corpus, Encoder, Passage, Query, Score

BASE, WORDS, N_TEST, N_TRAIN, DEPTH, N_MAX, DRAWS = "paraphrase-MiniLM-L3-v2", 24, 400, 3000, 8, 64, 5


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kinds", nargs="+", default=["bi", "cross"], choices=["bi", "cross"])
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--queries", type=int, default=40)
    parser.add_argument("--keep", type=Path, help="folder for the trained models; those that are there stay")
    given = parser.parse_args()
    seen, unseen = leads()
    threats = Threats(
        Substitutions(source=synonyms.load("wordnet?stop=0&cap=12"), swaps=None),
        Substitutions(source=synonyms.load("wordnet"), swaps=1, per_word=2),
    )
    lists = list(listed(unseen, given.queries))
    print(f"{len(lists)} lists of {DEPTH}, {given.steps} steps; CRQ@1 with 95 % intervals; CPU seconds")
    print(f"{'model':30} nDCG@{DEPTH}  smoothed  CRQ@1 of the median  CRQ@1 exact, one word  judged  trained")
    with tempfile.TemporaryDirectory() as scratch:
        folder = given.keep or Path(scratch)
        for name, score, spent in models(seen, threats.classes, given, folder):
            print(f"{name:30} {row(lists, score, threats)}  {spent:7.0f}", flush=True)
        if "bi" in given.kinds:
            print(f"{N_TEST} queries over {N_TEST} passages: nDCG@10, and of the median of {DRAWS} draws")
            for name in (BASE, *sorted(str(place) for place in folder.glob(f"bi_*_{given.steps}"))):
                whole, median = everywhere(encode.load(name), unseen, threats.classes)
                print(f"{Path(name).name:30} {whole:6.3f}  {median:8.3f}")


@dataclass(frozen=True)
class Threats:
    classes: Substitutions
    one: Substitutions


def leads() -> tuple[Corpus, Corpus]:
    """Last sentences as queries, what stands before them as passages: to train on, and to judge on."""
    made: list[tuple[Passage, Query]] = []
    known = corpus.load("wikipedia").passages
    for i in sorted(known, key=lambda i: seeds.digest("split", i)):
        *before, last = text.sentences(known[i].text) or [""]
        body = " ".join(" ".join(before).split()[:WORDS])
        if 6 <= len(text.words(last)) <= 30 and len(text.words(body)) >= 12:
            made.append((Passage(i, body), Query(i, last)))

    def of(pairs: Sequence[tuple[Passage, Query]]) -> Corpus:
        passages, queries = {p.id: p for p, _ in pairs}, {q.id: q for _, q in pairs}
        return Corpus(passages, queries, {i: {i: 1} for i in passages}, "")

    return of(made[N_TEST : N_TEST + N_TRAIN]), of(made[:N_TEST])


def listed(unseen: Corpus, most: int) -> Iterator[tuple[Query, tuple[Passage, ...]]]:
    index = bm25(unseen.passages)
    for query in unseen.queries.values():
        hits = [h.passage_id for h in index.search([query.text], DEPTH)[0]]
        if most and query.id in hits and len(hits) == DEPTH:
            most -= 1
            yield query, tuple(unseen.passages[i] for i in hits)


def models(
    seen: Corpus, allowed: Substitutions, given: argparse.Namespace, folder: Path
) -> Iterator[tuple[str, Score, float]]:
    """Every model with its score, and the CPU seconds of its training."""
    size = replace(train.CPU, steps=given.steps)
    plain = train.examples(seen)
    noisy = train.noisy(plain, allowed)
    kinds: dict[str, tuple[Callable[..., Path], Callable[[str], Score]]] = {
        "bi": (train.bi_encoder, lambda name: bi_encoder(encode.load(name))),
        "cross": (train.cross_encoder, cross_encoder),
    }
    for kind in given.kinds:
        learn, load = kinds[kind]
        if kind == "bi":
            yield "bi-encoder, as it comes", load(BASE), 0.0
        for how, rows in (("as written", plain), ("random versions", noisy)):
            place = folder / f"{kind} {how} {given.steps}".replace(" ", "_")
            started = time.process_time()
            if not (place / "config.json").exists():
                learn(BASE, rows, place, size=size)
            yield f"{kind}-encoder, {how}", load(str(place)), time.process_time() - started


def row(lists: Sequence[tuple[Query, tuple[Passage, ...]]], score: Score, threats: Threats) -> str:
    """Quality of the model and of its median, and how many first places each certificate proves."""
    started = time.process_time()
    medians, singles = [], []
    for query, passages in lists:
        own = score(query.text, [p.full for p in passages])
        order = np.argsort(-own, kind="stable")
        ranking = Ranking(query, tuple(passages[i] for i in order), score)
        rng = np.random.default_rng(0)
        medians.append(percentile.certify(ranking, threats.classes, rng, k=1, n_max=N_MAX))
        singles.append(exact.certify(ranking, threats.one, k=1))
    quality = [
        np.mean([gain(f, q.id) for f, (q, _) in zip(found, lists, strict=True)])
        for found in (singles, medians)
    ]
    spent = time.process_time() - started
    return f"{quality[0]:6.3f}  {quality[1]:8.3f}  {share(medians)}  {share(singles)}  {spent:6.0f} s"


def everywhere(encoder: Encoder, unseen: Corpus, allowed: Substitutions) -> tuple[float, float]:
    """Quality of the encoder alone and of its median, where the list is the corpus."""
    ids, noise = sorted(unseen.passages), Noise(allowed)
    aims = encoder.encode([unseen.queries[i].text for i in ids], "query")
    laws = [law(unseen.passages[i].text, noise) for i in ids]
    drawn = [
        [one.draw(np.random.default_rng([n, j]), 1)[0] for j, one in enumerate(laws)] for n in range(DRAWS)
    ]
    scores = [aims @ encoder.encode(texts, "passage").T for texts in drawn]
    plain = aims @ encoder.encode([unseen.passages[i].full for i in ids], "passage").T
    return ndcg(plain), ndcg(np.median(scores, axis=0))


def ndcg(scores: np.ndarray) -> float:
    """nDCG@10 where passage i alone is relevant to query i."""
    ranks = (scores > np.diag(scores)[:, None]).sum(axis=1)
    return float(np.where(ranks < 10, 1 / np.log2(ranks + 2), 0.0).mean())


def gain(found: Certificate, query_id: str) -> float:
    """nDCG of a list with one relevant passage."""
    return float(1 / np.log2(2 + list(found.scores).index(query_id)))


def share(found: Sequence[Certificate]) -> str:
    won, n = sum(f.verdict == "certified" for f in found), len(found)
    low, high = stats.clopper_pearson(won, n, 0.95)
    return f"{won / n:.2f} [{low:.2f}, {high:.2f}]"


if __name__ == "__main__":
    main()
