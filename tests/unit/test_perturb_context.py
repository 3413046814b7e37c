from collections import Counter

import pytest

from rag_robust.corpus.build import build
from rag_robust.errors import SuiteError
from rag_robust.perturb import apply_to_passages, known, load_document, rival, stale_value, sweep
from rag_robust.perturb.promises import Case, about_the_entity
from rag_robust.perturb.stated import places, states
from rag_robust.seeds import generator
from rag_robust.types import Fact, Passage, Query

CAPITAL = (
    "Nairobi is the capital of Kenya. It lies on a plain above the sea, and its railway was built early on."
)
TABLE = (
    "Life expectancy, in years.\n\n"
    "| Year | Value |\n|---|---|\n| 1992 | 59.285 |\n| 1997 | 54.407 |\n| 2002 | 50.992 |"
)
KENYA = Passage("kenya-1", TABLE, "Survey of Kenya")
CITY = Passage("kenya-2", CAPITAL, "Profile of Kenya")
TRADE = Passage(
    "kenya-3",
    "Kenya exports coffee and tea. Its harbour handles the trade of a whole region by ship.",
    "Trade",
)
PERU = Passage(
    "peru-1", "Lima is the capital of Peru. The city lies on the sea and grew with its harbour.", "Profile"
)
RIVERS = Passage(
    "rivers", "Rivers carry water from the hills to the sea. Some of them dry up in summer.", "Rivers"
)
CORPUS = build([KENYA, CITY, TRADE, PERU, RIVERS], where="test")


def fact(passage: Passage, who: str, what: str, value: str, valid: str = "") -> Fact:
    start = passage.text.index(value)
    return Fact(who, what, value, valid, passage.id, start, start + len(value))


FACTS = [
    *(
        fact(KENYA, "Kenya", "life expectancy", v, y)
        for y, v in (("1992", "59.285"), ("1997", "54.407"), ("2002", "50.992"))
    ),
    fact(CITY, "Kenya", "capital", "Nairobi"),
    fact(PERU, "Peru", "capital", "Lima"),
    fact(TRADE, "Kenya", "exports", "coffee and tea"),
]
WORLD = known(CORPUS, FACTS)
YEARS = Query("q1", "What was the life expectancy of Kenya in 1997?", ("54.407", "54.407 years"))
TOWN = Query("q2", "What is the capital of Kenya?", ("Nairobi",))


def made(
    name: str, passages: list[Passage], query: Query, seed: int = 0, **parameters: object
) -> list[Passage] | None:
    result = apply_to_passages(name, passages, query, WORLD, seed=seed, **parameters).result
    return None if result is None else list(result)


def ids(passages: list[Passage] | None) -> list[str]:
    return [p.id for p in passages or []]


def test_removed_leaves_nothing_that_states_the_answer_titles_included() -> None:
    [left] = made("removed", [KENYA], YEARS) or []
    assert left.text == TABLE.replace("\n| 1997 | 54.407 |", "")
    assert ids(made("removed", [Passage("t", CAPITAL, "Nairobi"), TRADE], TOWN)) == ["kenya-3"]
    assert made("removed", [TRADE], TOWN) is None  # nothing to remove
    assert made("removed", [KENYA], Query("u", "Unanswerable?")) is None


def test_a_counterfactual_is_of_the_same_type_and_changes_nothing_else() -> None:
    [wrong] = made("counterfactual", [KENYA], YEARS) or []
    value = next(v for v in ("59.285", "50.992") if wrong.text.count(v) == 2)
    assert wrong.text == TABLE.replace("54.407", value)
    [town] = made("counterfactual", [CITY], TOWN) or []
    assert town.text == CAPITAL.replace("Nairobi", "Lima")
    [chosen] = made("counterfactual", [CITY], TOWN, value="Mombasa") or []
    assert chosen.text == CAPITAL.replace("Nairobi", "Mombasa")


@pytest.mark.parametrize(
    ("written", "shape"),
    [
        ("38.5 million people", r"\d+\.\d million people"),
        ("1,234 ships", r"[\d,]+ ships"),
        ("14 March 1883", r"14 March \d{4}"),
        ("1997", r"\d{4}"),
        ("yes", "no"),
    ],
)
def test_without_a_rival_in_the_corpus_a_value_is_moved(written: str, shape: str) -> None:
    import re

    passage, empty = Passage("p", f"The answer is {written} and so on."), known(CORPUS)
    value = rival([passage], Query("q", "How much?", (written,)), generator(3), empty)
    assert value is not None
    assert re.fullmatch(shape, value)
    assert not states(value, written)


def test_a_name_without_another_name_has_no_rival() -> None:
    assert rival([CITY], TOWN, generator(0), known(build([CITY], where="test"))) is None
    assert made("counterfactual", [TRADE], TOWN) is None  # the answer is not stated


def test_other_queries_answers_are_rivals_of_their_type() -> None:
    asked = [Query("a", "Who?", ("Kisumu",)), Query("b", "How many?", ("12",)), TOWN]
    corpus = build([CITY], asked, where="test")
    assert rival([CITY], TOWN, generator(0), known(corpus)) == "Kisumu"


def test_stale_is_the_last_earlier_value_of_the_same_fact() -> None:
    assert stale_value([KENYA], YEARS, WORLD) == "59.285"
    [old] = made("stale", [KENYA], YEARS) or []
    assert old.text == TABLE.replace("54.407", "59.285")
    assert made("stale", [CITY], TOWN) is None


def test_a_contradicting_passage_stands_beside_the_right_one() -> None:
    pair = made("contradicting", [TRADE, CITY], TOWN) or []
    assert Counter(ids(pair)) == Counter(["kenya-3", "kenya-2", "kenya-2~other"])
    assert abs(ids(pair).index("kenya-2") - ids(pair).index("kenya-2~other")) == 1
    assert {p.text for p in pair} == {TRADE.text, CAPITAL, CAPITAL.replace("Nairobi", "Lima")}


def test_a_distractor_is_about_the_same_entity_and_another_relation() -> None:
    assert {tuple(sorted(ids(made("distractor", [CITY], TOWN, seed=s)))) for s in range(20)} == {
        ("kenya-1", "kenya-2"),
        ("kenya-2", "kenya-3"),
    }
    blind = apply_to_passages(
        "distractor", [CITY], TOWN, known(CORPUS), seed=0
    ).result  # no facts: by the name
    assert {p.id for p in blind or ()} < {"kenya-1", "kenya-2", "kenya-3"}


def test_a_distractor_names_the_entity_itself_and_not_a_longer_word() -> None:
    japan = Passage("j", "Tokyo is the capital of Japan.")
    yen = Passage("y", "The Japanese yen is a currency.")
    south = Passage("s", "The coast of South Japan is long.")
    asked = Query("q", "What is the capital of Japan?", ("Tokyo",))
    corpus = build([japan, yen, south], where="test")
    assert apply_to_passages("distractor", [japan], asked, known(corpus)).reason == "not applicable"
    trade = Passage("t", "Japan's ports are busy.")
    world = known(build([japan, yen, trade], where="test"))
    assert apply_to_passages("distractor", [japan], asked, world, count=2).result in {
        (japan, trade),
        (trade, japan),
    }


def test_a_passage_beside_the_entity_or_of_the_asked_relation_breaks_the_promise_of_a_distractor() -> None:
    older = Passage("kenya-4", "Kenya had a life expectancy of 58.766 in 1987.")
    shilling = Passage("kenya-5", "The Kenyan shilling is a currency.")
    world = known(CORPUS, [*FACTS, fact(older, "Kenya", "life expectancy", "58.766", "1987")])
    held = [about_the_entity(Case((KENYA,), (KENYA, p), YEARS, world)) for p in (older, shilling, TRADE)]
    assert held == [False, False, True]


def test_dilution_keeps_the_text_whole_among_other_sentences() -> None:
    [thin] = made("diluted", [CITY], TOWN, factor=1.0) or []
    assert CAPITAL in thin.text
    assert "harbour" in thin.text
    assert thin.text.count("Nairobi") == 1
    assert made("diluted", [CITY], TOWN, factor=50) is None


@pytest.mark.parametrize(("place", "at"), [(0, 0), (0.5, 2), (1, 4)])
def test_the_evidence_stands_at_its_place(place: float, at: int) -> None:
    result = made("position", [CITY], TOWN, place=float(place), size=5) or []
    assert len(result) == 5
    assert ids(result).index("kenya-2") == at


def test_a_sweep_is_a_list_of_names_with_parameters() -> None:
    names = sweep("position", place=(0.0, 1.0), size=(3,))
    assert names == ["position?place=0.0&size=3", "position?place=1.0&size=3"]
    placed = [made(name, [RIVERS, CITY, TRADE], TOWN) for name in names]
    assert [ids(p).index("kenya-2") for p in placed if p] == [0, 2]
    assert [
        len(made(name, [CITY, TRADE, PERU], TOWN) or [0] * 3) for name in sweep("top", k=(1, 2, 3, 4))
    ] == [1, 2, 3, 4]


def test_the_order_is_another_one() -> None:
    given = [CITY, TRADE, PERU]
    assert ids(made("reordered", given, TOWN, order="reversed")) == ["peru-1", "kenya-3", "kenya-2"]
    assert all(ids(made("reordered", given, TOWN, seed=s)) != ids(given) for s in range(20))
    assert made("reordered", [CITY], TOWN) is None


@pytest.mark.parametrize("of", ["topic", "evidence"])
def test_a_flood_is_near_duplicates_no_two_alike(of: str) -> None:
    result = made("flooded", [CITY], TOWN, copies=4, of=of) or []
    copies = [p.text for p in result if p.id != "kenya-2"]
    assert len(set(copies)) == len(copies) == 4
    assert all(states(text, "Nairobi") == (of == "evidence") for text in copies)


@pytest.mark.parametrize(("style", "said"), [("answer", "Lima"), ("refuse", ""), ("mark", "BLUE-LANTERN")])
def test_an_injection_gives_an_order_and_leaves_the_evidence(style: str, said: str) -> None:
    inside = made("injected", [TRADE, CITY], TOWN, style=style) or []
    assert inside[0] == TRADE
    assert inside[1].text.startswith(f"{CAPITAL}\n\n")
    assert said in inside[1].text
    own = made("injected", [CITY], TOWN, style=style, where="own") or []
    assert len(own) == 2
    assert CITY in own


def test_rows_move_and_the_header_stays() -> None:
    [moved] = made("shuffled_rows", [KENYA], YEARS) or []
    before, after = TABLE.split("\n"), moved.text.split("\n")
    assert after[:4] == before[:4]
    assert after[4:] != before[4:]
    assert sorted(after) == sorted(before)
    assert made("shuffled_rows", [CITY], TOWN) is None


def test_a_cut_passage_is_its_beginning() -> None:
    [cut] = made("truncated", [CITY], TOWN, share=0.3) or []
    assert cut.text == "Nairobi is the capital of Kenya"  # 6 of 21 words
    assert made("truncated", [Passage("s", "five words are the least")], TOWN) is None


def test_words_of_passages_are_hit_around_the_answer() -> None:
    [noisy] = made("ocr", [CITY], TOWN, share=1.0) or []
    assert "Nairobi" in noisy.text
    assert noisy.text != CAPITAL
    shouted = made("letter-case?style=upper", [CITY], TOWN) or []
    assert [p.text for p in shouted] == [CAPITAL.upper()]


def test_the_fact_behind_a_query_may_be_given() -> None:
    chosen = known(CORPUS, FACTS, behind={"q1": [FACTS[2]]})  # the fact of 2002
    query = Query("q1", "How old?", ("50.992",))
    assert stale_value([KENYA], query, chosen) == "54.407"


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("distracter", {}, 'did you mean "distractor"'),
        ("position", {"place": 2.0}, "0 <= place <= 1"),
        ("position?place=near", {}, "place is a number"),
        ("top?k=0", {}, "k >= 1"),
        ("top?many=1", {}, 'no parameter "many"'),
        ("reordered", {"order": "sorted"}, "shuffled"),
        ("injected", {"style": "rude"}, "expected style"),
        ("truncated", {"share": 1.0}, "0 < share < 1"),
        ("flooded", {"of": "all"}, "topic"),
        ("diluted", {"factor": 0.0}, "factor > 0"),
    ],
)
def test_a_wrong_name_or_value_is_explained(name: str, parameters: dict[str, object], message: str) -> None:
    with pytest.raises(SuiteError, match=message):
        load_document(name, **parameters)([CITY], TOWN, generator(0), WORLD)


@pytest.mark.parametrize(
    ("text", "answer", "found"),
    [
        ("57.1 and 57.10, not 57.12", "57.1 years", ["57.1", "57.10"]),
        ("$38.5 million or 38,500,000", "$38.5 million", ["38.5 million", "38,500,000"]),
        ("Norway, no.", "no", ["no"]),
        ("New\nYork, new york", "New York", ["New\nYork", "new york"]),
    ],
)
def test_places_of_an_answer_are_found_in_other_spellings(text: str, answer: str, found: list[str]) -> None:
    assert [text[a:b] for a, b in places(text, answer)] == found
