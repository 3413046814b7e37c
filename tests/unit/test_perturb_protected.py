import pytest

from rag_robust.perturb.protected import free_words, spans


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("What of South Korea in march 2007?", [("South Korea", "name"), ("march 2007", "date")]),
        ("Who at the Bank of England left?", [("Bank of England", "name")]),
        ('He said "all is well" to Dr. Smith', [('"all is well"', "quotation"), ("Dr. Smith", "name")]),
        ("from 14 March 1883 to 1992-05", [("14 March 1883", "date"), ("1992-05", "date")]),
        ("about $38.5 million or 57.1 %", [("$38.5 million", "number"), ("57.1 %", "number")]),
        ("Marie Curie found it", [("Marie Curie", "name")]),
        ("Rivers carry water. Lakes do not.", []),  # capitals that only begin a sentence
        ("I am here", []),
        ("WHERE IS IT", []),  # nothing tells a name from the rest
        ("東京の人口", []),
    ],
)
def test_what_is_protected(text: str, kept: list[tuple[str, str]]) -> None:
    assert [(text[s.start : s.end], s.kind) for s in spans(text)] == kept


def test_free_words_are_those_outside_every_span() -> None:
    text = 'When did the Bank of England print "large notes" in 1992?'
    assert [text[a:b] for a, b in free_words(text)] == ["When", "did", "the", "print", "in"]
