import http.server
import json
import threading
from collections import Counter
from pathlib import Path

import pytest

from rag_robust import perturb
from rag_robust.errors import SuiteError
from rag_robust.perturb import query
from rag_robust.seeds import generator
from rag_robust.text import changed_words, words

TEXT = "What was the population of a large country like Kenya in 1992?"


def seen(operator, text=TEXT, **parameters) -> set[str]:
    return {operator(text, generator(seed), **parameters) for seed in range(60)}


@pytest.mark.parametrize(
    ("operator", "example"),
    [
        (query.keyboard, "pooulation"),
        (query.swap, "popluation"),
        (query.omit, "popultion"),
        (query.homoglyph, "cоuntry"),  # a Cyrillic o
        (query.ocr, "couutry"),
    ],
)
def test_each_error_is_of_its_own_kind_and_spares_names(operator, example) -> None:
    every = {word for seed in range(300) for word in words(operator(TEXT, generator(seed)))}
    assert example in every
    assert "Kenya" in every
    assert all(changed_words(TEXT, text) == 1 for text in seen(operator))


def test_the_share_of_words_hit_is_a_parameter() -> None:
    text = "rivers carry plenty water downhill towards distant coasts every spring"
    assert changed_words(text, query.keyboard(text, generator(0), share=0.4)) == 4
    with pytest.raises(SuiteError, match="0 < share <= 1"):
        query.keyboard(text, generator(0), share=0)


def test_no_name_is_hit_even_if_nothing_else_is_left() -> None:
    assert query.keyboard("Madagascar in 1992", generator(0)) != "Madagascar in 1992"  # begins a sentence
    assert query.keyboard("He is in Madagascar", generator(0)).endswith("Madagascar")


def test_homoglyphs_and_marks_of_no_width_look_the_same() -> None:
    assert query.homoglyph("rivers", generator(1)).encode() != b"rivers"
    made = query.zero_width("rivers carry water", generator(1), share=1.0)
    assert len(made) == len("rivers carry water") + 3
    assert made.isprintable() is False
    assert "".join(c for c in made if c.isprintable()) == "rivers carry water"


def test_letter_case_leaves_numbers_and_dates() -> None:
    text = "Did Kenya spend $3.5 million by 14 March 1883?"
    assert (
        query.letter_case(text, generator(0), style="upper")
        == "DID KENYA SPEND $3.5 million BY 14 March 1883?"
    )
    assert query.letter_case(text, generator(0), style="lower").startswith("did kenya spend")
    with pytest.raises(SuiteError, match="expected style"):
        query.letter_case(text, generator(0), style="title")


def test_synonyms_come_from_the_source_and_keep_case(tmp_path: Path) -> None:
    assert {words(text)[6] for text in seen(query.synonym)} | {
        words(text)[7] for text in seen(query.synonym)
    } == {
        "large",
        "big",
        "country",
        "nation",
    }
    (tmp_path / "pairs.txt").write_text("population inhabitants\nkenya uganda\n")
    assert seen(query.synonym, source=f"pairs:{tmp_path / 'pairs.txt'}") == {
        TEXT.replace("population", "inhabitants")
    }
    assert query.synonym("Large rivers", generator(0)) == "Big rivers"


def test_stop_words_go_but_those_that_mean_something_stay() -> None:
    assert query.drop_stop_words(TEXT, generator(0)) == "What population of large country like Kenya in 1992?"
    text = "Who was not in the Bank of England before the war?"
    assert query.drop_stop_words(text, generator(0)) == "Who not Bank of England before war?"
    assert query.drop_stop_words("is it in the", generator(0)) == "is it in the"
    assert query.drop_stop_words("Can a can be recycled?", generator(0)) == "Can can recycled?"
    assert (
        query.drop_stop_words("Was it lower in 1952 or by 1982?", generator(0)) == "lower in 1952 or by 1982?"
    )


@pytest.mark.parametrize(
    "text",
    [
        "How many South Korean won is a dollar?",
        "Should one turn left or right?",
        "What is the official language beside the border?",
        "What is the change in price of a can?",
        "What is the well depth at the end?",
    ],
)
def test_a_word_with_a_second_sense_has_no_synonym(text: str) -> None:
    assert query.synonym(text, generator(0), share=1.0) == text


def test_grammar_breaks_small_words_only() -> None:
    texts = seen(query.grammar)
    assert TEXT.replace("was", "were") in texts
    assert TEXT.replace("the population", "population") in texts
    assert TEXT.replace("in 1992", "at 1992") in texts
    assert all(Counter(words(TEXT))["population"] == Counter(words(text))["population"] for text in texts)


def test_word_order_moves_the_closing_time_or_two_neighbours() -> None:
    texts = seen(query.word_order)
    assert "In 1992, what was the population of a large country like Kenya?" in texts
    assert "What was population the of a large country like Kenya in 1992?" in texts
    assert all(Counter(map(str.lower, words(t))) == Counter(map(str.lower, words(TEXT))) for t in texts)


@pytest.mark.parametrize(
    "text",
    [
        "In 2007, what was the peak rate of the currency whose year-end rate was 145.23 in 2014?",
        "Was the population lower in 1952 or in 1982?",
        "What is the population of the city founded by Romans in 1850?",
        "Who wrote what they had seen in 1850?",
        "What happened after Napoleon died in 1821?",
    ],
)
def test_a_time_that_belongs_to_a_part_of_the_sentence_stays_there(text: str) -> None:
    assert not any(made.startswith(("In 1", "In 2014")) for made in seen(query.word_order, text))


def test_no_verb_changes_places_with_a_name_for_their_order_says_who_did_it() -> None:
    assert seen(query.word_order, "Who did Real Madrid beat") == {
        "did Who Real Madrid beat",
        "Who Real Madrid did beat",
    }
    assert "Which dog man bites?" not in seen(query.word_order, "Which dog bites man?")


def test_names_of_several_words_move_as_one() -> None:
    assert seen(query.word_order, "who ran the Bank of England") == {
        "ran who the Bank of England",
        "who the ran Bank of England",
        "who ran Bank of England the",
    }


def test_manners_and_asides_leave_the_question_whole() -> None:
    assert all(
        TEXT in text for operator in (query.formal, query.polite, query.irrelevant) for text in seen(operator)
    )
    assert query.irrelevant(TEXT, generator(0), sentence="Coffee grows on hills.").replace(
        TEXT, ""
    ).strip() == ("Coffee grows on hills.")
    assert "hey, what's the capital of Peru?" in seen(query.casual, "What is the capital of Peru?")
    assert all("Kenya is" in text for text in seen(query.casual, "Kenya is where?") if "Kenya" in text)


def test_a_persons_paraphrase_is_held_against_the_promises(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own_words.py").write_text(
        "def good(text):\n    return 'In 1992, how many people lived in Kenya?'\n"
        "def wrong(text):\n    return 'How many people lived in Uganda in 1992?'\n"
        "def telling(text):\n    return 'Were there 25.0 million in Kenya in 1992?'\n"
        "def number(text):\n    return 3\n"
    )
    monkeypatch.syspath_prepend(tmp_path)

    def reason(name: str) -> str:
        return perturb.apply("paraphrase", TEXT, answers=["25 million"], by=f"own_words:{name}").reason

    assert reason("good") == ""
    assert reason("wrong") == "broken: protected kept"
    assert reason("telling") == "broken: answer not put in"
    assert reason("number") == "failed: parse"


class Endpoint(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        said = {"message": {"content": "How populous was Kenya, a large country, in 1992?"}}
        body = json.dumps({"choices": [said]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


def test_an_endpoint_paraphrases() -> None:
    with http.server.HTTPServer(("127.0.0.1", 0), Endpoint) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        address = f"http://127.0.0.1:{server.server_port}/v1"
        made = perturb.apply("paraphrase", TEXT, by=address, model="any")
        server.shutdown()
        thread.join()
    assert made.result == "How populous was Kenya, a large country, in 1992?"


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({}, 'needs "by"'),
        ({"by": "no_such_module:f"}, "cannot import"),
        ({"by": "json:nothing"}, "expected by"),
        ({"by": "http://127.0.0.1:1/v1"}, "say which model"),
    ],
)
def test_a_paraphrase_without_an_author_is_refused(parameters: dict[str, str], message: str) -> None:
    with pytest.raises(SuiteError, match=message):
        perturb.apply("paraphrase", TEXT, **parameters)
