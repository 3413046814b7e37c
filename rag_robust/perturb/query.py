"""What happens to a query on its way; every public function here is a name in a suite.

A perturbation is `(text, rng) -> text` with keyword-only parameters, and gives a text back as it is
where there is nothing to change. It declares its promises with `promised`; `checked` holds it to them
and to those that all share: protected spans intact, the answer not put in, the text not emptied.
To add one, write the function and list it in `__all__`; suites, the command line and the contract
tests find it. Intensity is the share of words and marks that differ (`applied.Applied`).
"""

from __future__ import annotations

from numpy.random import Generator

from rag_robust.errors import SuiteError
from rag_robust.perturb import _typing, _wording
from rag_robust.perturb.promises import (
    content_words_in_order,
    letters_kept,
    looks_alike,
    promised,
    protected_kept_if_possible,
    reads_the_same,
    same_words,
    text_kept_whole,
    words_within_two_letters,
)
from rag_robust.perturb.protected import Kind, spans

__all__ = [
    "casual",
    "drop_stop_words",
    "formal",
    "grammar",
    "homoglyph",
    "irrelevant",
    "keyboard",
    "letter_case",
    "ocr",
    "omit",
    "paraphrase",
    "polite",
    "swap",
    "synonym",
    "typo",
    "word_order",
    "zero_width",
]

_ALL: tuple[Kind, ...] = ("quotation", "date", "number", "name")


@promised(words_within_two_letters, protected_kept_if_possible, touches=_ALL)
def typo(text: str, rng: Generator, *, edits: int = 1) -> str:
    """The text with a typing error in one word, or in each of `edits` words.

    An error is a neighbouring key (QWERTY), two letters swapped, a letter left out or a letter
    typed twice; the first letter of a word stays. Content words are hit: no stop words, at least
    4 letters, no digits. Names (capitalised, not only because a sentence begins), quotations,
    numbers and dates stay intact, unless nothing else is left: then the longest word without digits
    is hit. A text without two letters side by side comes back as it is; fewer than `edits` suitable
    words get fewer errors.

    Per word, the Levenshtein distance is 1, or 2 for a swap, and words are neither split nor
    joined. *Source*: the character level of RARE-Met of the RARE benchmark (arXiv 2506.00789), which
    swaps in 10 % of all words, names and numbers too, so that the question may become another one.
    """
    if edits < 1:
        raise SuiteError(f"typo: expected edits >= 1, got {edits}")
    return _typing.hit_once_each(text, rng, edits)


@promised(words_within_two_letters)
def keyboard(text: str, rng: Generator, *, share: float = 0.1) -> str:
    """A neighbouring QWERTY key in a `share` of the words, at least one; no name is hit, ever.

    One letter per content word, never the first. *Source*: RARE-Met's character level, 10 % of words.
    """
    return _typing.hit(text, rng, share, change=lambda word, dice: _typing.mistyped(word, dice, "key"))


@promised(words_within_two_letters)
def swap(text: str, rng: Generator, *, share: float = 0.1) -> str:
    """Two neighbouring letters swapped in a `share` of the words, at least one; no name is hit."""
    return _typing.hit(text, rng, share, change=lambda word, dice: _typing.mistyped(word, dice, "swap"))


@promised(words_within_two_letters)
def omit(text: str, rng: Generator, *, share: float = 0.1) -> str:
    """A letter left out in a `share` of the words, at least one; no name is hit, no first letter."""
    return _typing.hit(text, rng, share, change=lambda word, dice: _typing.mistyped(word, dice, "omit"))


@promised(words_within_two_letters, looks_alike)
def homoglyph(text: str, rng: Generator, *, share: float = 0.1) -> str:
    """A Latin letter replaced by the Cyrillic one that looks like it, in a `share` of the words.

    To a reader the text is the same; to a tokeniser it is not. One letter per content word.
    """
    return _typing.hit(text, rng, share, change=_typing.look_alike)


@promised(words_within_two_letters)
def ocr(text: str, rng: Generator, *, share: float = 0.1) -> str:
    """One misreading of a scanner in a `share` of the words: "rn" for "m", "cl" for "d", "c" for "e".

    Letters become letters, so that no number comes into being, and protected spans stay: what is
    measured is noise around the evidence, not a lost answer. The list of confusions is ours.
    """
    return _typing.hit(text, rng, share, change=_typing.misread, small=True)


@promised(reads_the_same)
def zero_width(text: str, rng: Generator, *, share: float = 0.2) -> str:
    """A character of no width inside a `share` of the words; on screen the text is the same.

    Zero-width space, non-joiner, joiner or word joiner, as text copied from web pages has them.
    """
    return _typing.hit(text, rng, share, change=_typing.widthless, small=True)


@promised(letters_kept, touches=("name", "quotation"))
def letter_case(text: str, rng: Generator, *, style: str = "any") -> str:
    """The text in small letters, in capitals, or with every letter's case drawn: `style` lower, upper, mixed.

    "any" draws one of the three. Declared to touch names and quotations; numbers and dates stay.
    """
    styles = ("lower", "upper", "mixed")
    if style not in (*styles, "any"):
        raise SuiteError(f'letter-case: expected style "any", "lower", "upper" or "mixed", got "{style}"')
    chosen = styles[rng.integers(3)] if style == "any" else style
    upper = rng.random(len(text)) < {"lower": 0.0, "upper": 1.0, "mixed": 0.5}[chosen]
    kept = {i for s in spans(text) if s.kind in ("number", "date") for i in range(s.start, s.end)}
    return "".join(
        c if i in kept or c.isnumeric() else _turned(c, bool(upper[i])) for i, c in enumerate(text)
    )


@promised()
def synonym(text: str, rng: Generator, *, share: float = 0.1, source: str = "everyday") -> str:
    """A `share` of the words, at least one, replaced by a synonym from `source`.

    Sources are those of substitution attacks ("wordnet", "pairs:FILE", "vectors:FILE?…"), or a short
    list that comes with the package, "everyday". Stop words and protected spans stay; the article
    before a word is not adapted. *Source*: RARE-Met's word level, there the nearest neighbours in
    counter-fitted vectors, which replaces names as well.
    """
    return _wording.replaced(text, rng, source, share)


@promised(content_words_in_order)
def drop_stop_words(text: str, rng: Generator, *, share: float = 1.0) -> str:
    """The text without its stop words, as typed into a search box, or without a `share` of them.

    Small words that carry the meaning stay: question words, negations, "before", "more", "from" and
    the like; so does all that is protected. A text of nothing but stop words comes back as it is.
    """
    return _wording.shortened(text, rng, share)


@promised(content_words_in_order)
def grammar(text: str, rng: Generator, *, edits: int = 1) -> str:
    """A mistake in grammar in `edits` places: agreement, preposition, a wrong or a missing article.

    All words but the small ones that are wrong stay, in order. *Source*: RARE-Met's grammatical
    perturbation, there free rewording by a language model, three samples of which the most similar
    is taken; ours is a rule and is checked.
    """
    return _wording.misspoken(text, rng, edits)


@promised(same_words)
def word_order(text: str, rng: Generator) -> str:
    """The closing "in 1992" brought to the front, or two neighbouring words swapped.

    The same words as often, protected spans as a whole; only the case of first letters may differ.
    """
    return _wording.turned(text, rng)


@promised(text_kept_whole)
def irrelevant(text: str, rng: Generator, *, sentence: str = "") -> str:
    """The text as it is, with a sentence before or behind it that has nothing to do with it.

    `sentence` is your own, say of your domain; else one of ten that hold no name and no number.
    *Source*: RARE-Met's irrelevant information, there written by a language model on the domain.
    """
    return _wording.with_aside(text, rng, sentence)


@promised(content_words_in_order)
def formal(text: str, rng: Generator) -> str:
    """The question in a formal frame: "I should be grateful for an answer to the following question: …"."""
    return _wording.framed(text, rng, _FORMAL)


@promised(content_words_in_order)
def polite(text: str, rng: Generator) -> str:
    """The question with please and thank you around it."""
    return _wording.framed(text, rng, _POLITE)


@promised(content_words_in_order)
def casual(text: str, rng: Generator) -> str:
    """The question as one writes to a friend: "hey, what's …", begun with a small letter."""
    return _wording.framed(text, rng, _CASUAL, casual=True)


@promised()
def paraphrase(
    text: str, rng: Generator, *, by: str, model: str = "", api_key_env: str = "OPENAI_API_KEY"
) -> str:
    """The question in the words of your own function, or of a `model` behind an OpenAI-compatible endpoint.

    `by` is "package.module:function", from a text to a text, or an address such as
    "https://host/v1". What comes back is a proposal: it is held against the promises that every
    rewording makes, so that a paraphrase with another name, number, date or with the answer in it is
    dropped and counted. The generator is not used; a model at temperature 0 answers alike each time.

    Raises:
        SuiteError: no such function, or an address without a model.
        TargetError: the endpoint failed.
    """
    del rng
    return _wording.asked_of(text, by, model, api_key_env).strip() or text


_FORMAL = (
    "I should be grateful for an answer to the following question: {q}",
    "I am writing to enquire about the following: {q}",
    "Kindly provide the information requested below: {q}",
    "With regard to the matter below, clarification would be appreciated: {q}",
)
_POLITE = (
    "Could you please tell me: {q}",
    "Please answer this question: {q} Thank you very much.",
    "Excuse me, would you be so kind as to help me? {q}",
    "Sorry to bother you. {q} Thanks in advance!",
)
_CASUAL = ("hey, {s}", "ok so {s}", "quick one, {s}", "umm {s}", "yo {s}")


def _turned(letter: str, upper: bool) -> str:
    """The letter in that case, if case is all that changes."""
    made = letter.upper() if upper else letter.lower()
    return made if made.casefold() == letter.casefold() else letter
