"""Sentences, fields and tables that no extractor was written from, with the facts that they state.

The patterns know the wordings of the `economy` corpus, so precision and recall there say how much of
what they know they find. These were written afterwards, in other words; an extractor that is mended
because of one of them must have that one replaced by another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from rag_robust.corpus.build import build
from rag_robust.questions.evidence import Triplet
from rag_robust.questions.world import Score, extracted, scores
from rag_robust.types import Corpus, Fact, Passage

__all__ = ["FIELDS", "SENTENCES", "TABLES", "held_out", "held_out_scores"]

Told = tuple[str, str, str, str]
"""Subject, relation, object as written, and date ("" without one)."""

SENTENCES: tuple[tuple[str, tuple[Told, ...]], ...] = (
    # stated, in one way or another
    ("Nairobi serves as Kenya's capital.", (("Kenya", "capital", "Nairobi", ""),)),
    ("The capital of Iceland is Reykjavík.", (("Iceland", "capital", "Reykjavík", ""),)),
    ("Yamoussoukro is the capital of Côte d’Ivoire.", (("Côte d’Ivoire", "capital", "Yamoussoukro", ""),)),
    ("Norway's seat of government is Oslo.", (("Norway", "capital", "Oslo", ""),)),
    (
        "São Tomé is the capital city of São Tomé and Príncipe.",
        (("São Tomé and Príncipe", "capital", "São Tomé", ""),),
    ),
    ("Peru lies in South America.", (("Peru", "region", "South America", ""),)),
    ("Chile is a country in South America.", (("Chile", "region", "South America", ""),)),
    ("Iceland is situated in Northern Europe.", (("Iceland", "region", "Northern Europe", ""),)),
    ("Peruvians pay in soles.", ()),
    ("The currency of Peru is the sol.", (("Peru", "currency", "sol", ""),)),
    ("Norway's currency is the krone.", (("Norway", "currency", "krone", ""),)),
    ("Chile uses the Chilean peso as its currency.", (("Chile", "currency", "Chilean peso", ""),)),
    (
        "In Kenya, a newborn in 2003 had a life expectancy of 52.4 years.",
        (("Kenya", "life expectancy", "52.4 years", "2003"),),
    ),
    (
        "By 2011 Norwegians lived 81.3 years on average.",
        (),
    ),
    (
        "Life expectancy in Chile reached 78.9 years in 2009.",
        (("Chile", "life expectancy", "78.9 years", "2009"),),
    ),
    (
        "Bolivia's life expectancy stood at 66.1 years in 2008.",
        (("Bolivia", "life expectancy", "66.1 years", "2008"),),
    ),
    (
        "Bolivia counted 9.9 million inhabitants in 2010.",
        (("Bolivia", "population", "9.9 million inhabitants", "2010"),),
    ),
    (
        "In 2015, 31.4 million people called Peru home.",
        (("Peru", "population", "31.4 million people", "2015"),),
    ),
    (
        "The population of Iceland passed 330,000 people in 2015.",
        (("Iceland", "population", "330,000 people", "2015"),),
    ),
    (
        "Some 17.9 million people lived in Chile in 2014.",
        (("Chile", "population", "17.9 million people", "2014"),),
    ),
    (
        "GDP per capita in Kenya came to 1,335 US dollars in 2014.",
        (("Kenya", "GDP per head", "1,335 US dollars", "2014"),),
    ),
    (
        "Per head, Norway's economy produced 97,000 dollars in 2014.",
        (("Norway", "GDP per head", "97,000 dollars", "2014"),),
    ),
    ("Nordhavn booked sales of €41.2 million in 2019.", (("Nordhavn", "revenue", "€41.2 million", "2019"),)),
    (
        "In 2020 the turnover of Grünwald rose to €7 million.",
        (("Grünwald", "revenue", "€7 million", "2020"),),
    ),
    (
        "Revenue at Tanaka Seiki was ¥9.5 billion in 2021.",
        (("Tanaka Seiki", "revenue", "¥9.5 billion", "2021"),),
    ),
    (
        "Nordhavn made a net profit of €2.4 million in 2019.",
        (("Nordhavn", "net income", "€2.4 million", "2019"),),
    ),
    ("Nordhavn employed 310 people in 2019.", (("Nordhavn", "number of employees", "310 people", "2019"),)),
    (
        "At the end of 2020, 95 people worked for Grünwald.",
        (("Grünwald", "number of employees", "95 people", "2020"),),
    ),
    (
        "Grünwald was set up in 1956 in Graz.",
        (("Grünwald", "founding year", "1956", ""), ("Grünwald", "headquarters", "Graz", "")),
    ),
    ("Nordhavn was founded in 1998.", (("Nordhavn", "founding year", "1998", ""),)),
    ("Tanaka Seiki dates from 1934.", (("Tanaka Seiki", "founding year", "1934", ""),)),
    ("Haruki Tanaka founded Tanaka Seiki.", (("Tanaka Seiki", "founder", "Haruki Tanaka", ""),)),
    ("Nordhavn was founded by Ida Østby.", (("Nordhavn", "founder", "Ida Østby", ""),)),
    ("Nordhavn is based in Ålesund.", (("Nordhavn", "headquarters", "Ålesund", ""),)),
    ("Tanaka Seiki has its head office in Osaka.", (("Tanaka Seiki", "headquarters", "Osaka", ""),)),
    ("Nordhavn bought Fjordlys in 2017.", (("Nordhavn", "acquisition", "Fjordlys", "2017"),)),
    ("Fjordlys has belonged to Nordhavn since 2017.", (("Nordhavn", "acquisition", "Fjordlys", "2017"),)),
    ("Ida Østby is the CEO of Nordhavn.", (("Nordhavn", "chief executive", "Ida Østby", ""),)),
    ("Grünwald is run by Jörg Weiß.", (("Grünwald", "chief executive", "Jörg Weiß", ""),)),
    (
        "Pedro Páramo was written by Juan Rulfo.",
        (("Pedro Páramo", "author", "Juan Rulfo", ""),),
    ),
    ("Juan Rulfo is the author of Pedro Páramo.", (("Pedro Páramo", "author", "Juan Rulfo", ""),)),
    ("The official language of Iceland is Icelandic.", (("Iceland", "official language", "Icelandic", ""),)),
    # several at once
    (
        "Norway has a population of 5.2 million people and Iceland one of 330,000 people.",
        (),
    ),
    (
        "The capitals of Chile, Peru and Norway are Santiago, Lima and Oslo.",
        (
            ("Chile", "capital", "Santiago", ""),
            ("Peru", "capital", "Lima", ""),
            ("Norway", "capital", "Oslo", ""),
        ),
    ),
    (
        "Life expectancy was 81.3 years in Norway and 78.9 years in Chile in 2011.",
        (
            ("Norway", "life expectancy", "81.3 years", "2011"),
            ("Chile", "life expectancy", "78.9 years", "2011"),
        ),
    ),
    (
        "Nordhavn acquired Fjordlys, Havblikk and Nordvind.",
        (
            ("Nordhavn", "acquisition", "Fjordlys", ""),
            ("Nordhavn", "acquisition", "Havblikk", ""),
            ("Nordhavn", "acquisition", "Nordvind", ""),
        ),
    ),
    # denied
    ("Grünwald was not founded in 1965.", ()),
    ("Cusco is not the capital of Peru.", ()),
    ("The capital of Bolivia is neither Cochabamba nor Oruro.", ()),
    ("Contrary to reports, sales of Nordhavn never were €50 million in 2019.", ()),
    ("Nordhavn’s net income wasn’t €3 million in 2019.", ()),
    ("Nordhavn denied that its revenue was €52 million in 2019.", ()),
    # hedged or foretold
    ("Sales of Nordhavn may have been €45 million in 2020.", ()),
    ("Revenue of Tanaka Seiki could reach ¥12 billion in 2026.", ()),
    ("Tanaka Seiki is expected to employ 900 people in 2027.", ()),
    ("According to rumours, Grünwald employed 120 people in 2020.", ()),
    ("If the deal holds, revenue of Grünwald is €9 million in 2027.", ()),
    ("Was Nordhavn founded in 1989?", ()),
    ("Analysts put the revenue of Nordhavn at €44 million in 2020.", ()),
    ("Nordhavn's target for sales in 2028 is €80 million.", ()),
    # about something else
    ("Sales of umbrellas in Norway were €3 million in 2018.", ()),
    ("The Berlin office of Nordhavn employed 20 people in 2019.", ()),
    ("Nordhavn lost €1 million of sales to Grünwald in 2016.", ()),
    ("Chile had 1.2 million people without work in 2020.", ()),
    ("Of the revenue of Nordhavn, €4 million came from abroad in 2018.", ()),
)
"""Each a passage of its own; without facts where nothing is stated for sure, or nothing we name."""

FIELDS: tuple[tuple[str, tuple[Told, ...]], ...] = (
    (
        "## Ålesund\n\nMayor: Eva Vinje\nArea: 607 km²\nPopulation: 67,000",
        (
            ("Ålesund", "mayor", "Eva Vinje", ""),
            ("Ålesund", "area", "607 km²", ""),
            ("Ålesund", "population", "67,000", ""),
        ),
    ),
    (
        "---\ntitle: Pedro Páramo\nauthor: Juan Rulfo\nlanguages: Spanish; Portuguese\n---",
        (
            ("Pedro Páramo", "author", "Juan Rulfo", ""),
            ("Pedro Páramo", "language", "Spanish", ""),
            ("Pedro Páramo", "language", "Portuguese", ""),
        ),
    ),
    (
        "## Lima\n\nThe city grew fast.\n\n- **Founder**: Francisco Pizarro\n- **River**: Rímac",
        (("Lima", "founder", "Francisco Pizarro", ""), ("Lima", "river", "Rímac", "")),
    ),
    ("## How to order\n\nPhone: 555 1234\nHours: nine to five", ()),
    ("Founded = 1998\nSeat = Ålesund", ()),
)

TABLES: tuple[tuple[str, tuple[Told, ...]], ...] = (
    (
        "| Country | Capital | Area (km2) |\n| --- | --- | --- |\n"
        "| Kenya | Nairobi | 580,000 |\n| Peru | Lima | 1,285,216 |\n"
        "| Norway | Oslo | 385,207 |\n| Chile | Santiago | 756,950 |\n| Iceland | Reykjavík | 103,000 |\n"
        "| Bolivia | Sucre | 1,098,581 |",
        tuple(
            told
            for who, city, area in (
                ("Kenya", "Nairobi", "580,000"),
                ("Peru", "Lima", "1,285,216"),
                ("Norway", "Oslo", "385,207"),
                ("Chile", "Santiago", "756,950"),
                ("Iceland", "Reykjavík", "103,000"),
                ("Bolivia", "Sucre", "1,098,581"),
            )
            for told in ((who, "capital", city, ""), (who, "area", area, ""))
        ),
    ),
    (
        "| Company | Owner |\n| --- | --- |\n| Nordhavn | Østby family |\n| Grünwald | Weiß Holding |\n"
        "| Tanaka Seiki | Tanaka family |",
        (
            ("Nordhavn", "owner", "Østby family", ""),
            ("Grünwald", "owner", "Weiß Holding", ""),
            ("Tanaka Seiki", "owner", "Tanaka family", ""),
        ),
    ),
    (
        "## Graz\n\nThe plant was enlarged in 2018 for the market in Austria.\n\n"
        "| Year | Output (tonnes) |\n| --- | --- |\n| 2018 | 410 |\n| 2019 | 455 |",
        (("Graz", "output", "410", "2018"), ("Graz", "output", "455", "2019")),
    ),
    (
        "## Results\n\nSales of Grünwald by year, in million euros:\n\n"
        "| Year | Sales |\n| --- | --- |\n| 2018 | 6.1 |\n| 2019 | 6.6 |",
        (("Grünwald", "sales", "6.1", "2018"), ("Grünwald", "sales", "6.6", "2019")),
    ),
    ("## Why we do it\n\n| Year | Staff |\n| --- | --- |\n| 2018 | 41 |", ()),
    (
        "| Quarter | Nordhavn | Grünwald |\n| --- | --- | --- |\n| Q1 | 10.1 | 1.7 |\n| Q2 | 10.4 | 1.9 |",
        (),
    ),
)

_KINDS = {"sentence": SENTENCES, "fields": FIELDS, "table": TABLES}
_READ = {"tables": "table", "key-value": "fields"}
"""What an extractor reads, if not sentences."""


def held_out() -> tuple[Corpus, tuple[Fact, ...]]:
    """The passages, called after their kind, and the facts that they state."""
    passages, facts = [], []
    for kind, items in _KINDS.items():
        for i, (text, found) in enumerate(items):
            passages.append(Passage(f"{kind}-{i:02d}", text))
            for subject, relation, value, valid in found:
                start = text.index(value)
                place = (passages[-1].id, start, start + len(value))
                facts.append(Fact(subject, relation, value, valid, *place))
    return build(passages), tuple(facts)


def held_out_scores(more: Callable[[Corpus], Iterable[Triplet]] = lambda _corpus: ()) -> list[Score]:
    """Precision and recall of each extractor on the held-out passages of the kind that it reads.

    `more` are further extractors, e.g. `dependency.from_sentences`.
    """
    corpus, facts = held_out()
    found = extracted(corpus, more(corpus)).triplets
    rows: list[Score] = []
    for extractor in dict.fromkeys(one.extractor for one in found):
        kind = f"{_READ.get(extractor, 'sentence')}-"
        rows += scores(
            [t for t in found if t.extractor == extractor and t.fact.passage_id.startswith(kind)],
            [fact for fact in facts if fact.passage_id.startswith(kind)],
        )
    return rows
