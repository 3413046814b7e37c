"""The store: every record and artifact of a run in one SQLite file; a key in it is work done.

One process writes (the driver), any number may read. A batch of records is one transaction, so a
kill at any moment loses at most the batch in flight and leaves nothing half-written.
"""

from __future__ import annotations

import dataclasses
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rag_robust.errors import StoreError
from rag_robust.types import Certificate, Change, Cost, Failure, Hit, Passage, Record

__all__ = ["RETRIED", "Store", "change_from_json", "change_to_json", "record_from_json", "record_to_json"]

RETRIED = ("crash", "timeout")
"""Failures that a second run tries again; every other stored record is done."""

_FILE = "records.sqlite"


def _first_tables(db: sqlite3.Connection) -> None:
    db.execute("CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT")
    db.execute(
        "CREATE TABLE records (key TEXT PRIMARY KEY, task TEXT NOT NULL, condition TEXT NOT NULL, "
        "query_id TEXT NOT NULL, failure TEXT, body TEXT NOT NULL) STRICT"
    )
    db.execute("CREATE TABLE artifacts (key TEXT PRIMARY KEY, kind TEXT NOT NULL, body TEXT NOT NULL) STRICT")
    db.execute("CREATE TABLE planned (position INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE) STRICT")


MIGRATIONS = (_first_tables,)
"""Numbered steps; `PRAGMA user_version` says how many a file has seen."""


class Store:
    """The records of one run folder; `create=True` is the writer, any other only reads."""

    def __init__(self, folder: Path, *, create: bool = False) -> None:
        path = folder / _FILE
        if create:
            folder.mkdir(parents=True, exist_ok=True)
        elif not path.exists():
            raise StoreError(
                f"{folder} holds no run (expected {_FILE} in it); give a folder that `run` wrote"
            )
        self.folder = folder
        try:
            if create:
                self._db = sqlite3.connect(path, isolation_level=None)
                self._db.execute("PRAGMA journal_mode=WAL")
                self._db.execute("PRAGMA synchronous=NORMAL")
                self._migrate()
            else:
                self._db = sqlite3.connect(
                    f"{path.resolve().as_uri()}?mode=ro", isolation_level=None, uri=True
                )
            self._check_format(path)
        except sqlite3.DatabaseError as error:
            raise StoreError(
                f"{path} cannot be used as a store: {error}; move it away or name another folder"
            ) from error

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def claim(self, suite_name: str) -> None:
        """Make this the store of a suite, or find that it already is.

        Raises:
            StoreError: it belongs to another suite.
        """
        owner = self.meta("suite_name")
        if owner is None:
            self.set_meta("suite_name", suite_name)
        elif owner != suite_name:
            raise StoreError(
                f'{self.folder} was made by suite "{owner}", this is "{suite_name}"; name another --store, '
                "or delete the folder"
            )

    def meta(self, name: str) -> Any:  # Any: a JSON value
        """A JSON value kept with the run, or None."""
        row = self._db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return json.loads(row[0]) if row else None

    def set_meta(self, name: str, value: object) -> None:
        """Keep a JSON value with the run."""
        with self._writing():
            self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, json.dumps(value)))

    def done(self) -> set[str]:
        """Keys of records that need no more work."""
        marks = ",".join("?" * len(RETRIED))
        rows = self._db.execute(
            f"SELECT key FROM records WHERE failure IS NULL OR failure NOT IN ({marks})", RETRIED
        )
        return {row[0] for row in rows}

    def add(
        self, records: Iterable[Record], artifacts: Mapping[str, tuple[str, object]] | None = None
    ) -> None:
        """Write a batch of records and artifacts `key -> (kind, JSON value)`, all or nothing."""
        with self._writing():
            self._db.executemany(
                "INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?, ?, ?)",
                [
                    (r.key, r.task, r.condition, r.query_id, r.failure and r.failure.kind, record_to_json(r))
                    for r in records
                ],
            )
            self._db.executemany(
                "INSERT OR REPLACE INTO artifacts VALUES (?, ?, ?)",
                [(key, kind, json.dumps(body)) for key, (kind, body) in (artifacts or {}).items()],
            )

    def artifact(self, key: str) -> Any:  # Any: a JSON value
        """The JSON value stored under a key, or None."""
        row = self._db.execute("SELECT body FROM artifacts WHERE key = ?", (key,)).fetchone()
        return json.loads(row[0]) if row else None

    def artifacts(self, kind: str) -> dict[str, Any]:
        """Every JSON value of one kind, by key."""
        rows = self._db.execute("SELECT key, body FROM artifacts WHERE kind = ? ORDER BY key", (kind,))
        return {key: json.loads(body) for key, body in rows}

    def plan(self, keys: Sequence[str]) -> None:
        """Say which records make up the run, in order; others in the file belong to earlier suites."""
        with self._writing():
            self._db.execute("DELETE FROM planned")
            self._db.executemany("INSERT INTO planned VALUES (?, ?)", list(enumerate(keys)))

    def records(self) -> list[Record]:
        """The planned records that are there, in the order of the plan."""
        rows = self._db.execute("SELECT body FROM records JOIN planned USING (key) ORDER BY position")
        return [record_from_json(row[0]) for row in rows]

    def n_planned(self) -> int:
        """How many records make up the run."""
        return int(self._db.execute("SELECT count(*) FROM planned").fetchone()[0])

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            yield
            self._db.execute("COMMIT")
        except sqlite3.OperationalError as error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise StoreError(
                f"cannot write to {self.folder}: {error}; free some space or name another --store, "
                "then run again: what was finished is kept"
            ) from error

    def _version(self) -> int:
        return int(self._db.execute("PRAGMA user_version").fetchone()[0])

    def _migrate(self) -> None:
        with self._writing():
            for number, step in list(enumerate(MIGRATIONS, 1))[self._version() :]:
                step(self._db)
                self._db.execute(f"PRAGMA user_version = {number}")

    def _check_format(self, path: Path) -> None:
        version = self._version()
        if version > len(MIGRATIONS):
            raise StoreError(
                f"{path} was written by a newer rag-robust (format {version}); upgrade, or name another"
            )
        if version < len(MIGRATIONS):
            raise StoreError(
                f"{path} is of format {version}, this rag-robust reads {len(MIGRATIONS)}; run its suite on "
                "it once more and it is brought up to date"
            )


def change_to_json(change: Change) -> dict[str, object]:
    """A change as plain JSON values."""
    return {
        "inserted": [dataclasses.asdict(p) for p in change.inserted],
        "edited": {i: dataclasses.asdict(p) for i, p in change.edited.items()},
        "reworded": dict(change.reworded),
    }


def change_from_json(body: Mapping[str, Any]) -> Change:
    """The change that `change_to_json` wrote."""
    return Change(
        inserted=tuple(Passage(**p) for p in body["inserted"]),
        edited={i: Passage(**p) for i, p in body["edited"].items()},
        reworded=dict(body["reworded"]),
    )


def record_to_json(record: Record) -> str:
    """A record as one JSON line; NaN is refused."""
    body = {f.name: getattr(record, f.name) for f in dataclasses.fields(record)}
    body["hits"] = [[h.passage_id, h.score] for h in record.hits]
    body["failure"] = record.failure and dataclasses.asdict(record.failure)
    body["cost"] = dataclasses.asdict(record.cost)
    body["notes"] = dict(record.notes)
    if record.certificate is not None:
        witness = record.certificate.witness
        body["certificate"] = {
            **dataclasses.asdict(dataclasses.replace(record.certificate, witness=None)),
            "witness": witness and change_to_json(witness),
        }
    return json.dumps(body, allow_nan=False)


def record_from_json(line: str) -> Record:
    """The record that `record_to_json` wrote."""
    body = json.loads(line)
    certificate = body["certificate"]
    if certificate is not None:
        witness = certificate["witness"]
        certificate = Certificate(**{**certificate, "witness": witness and change_from_json(witness)})
    return Record(
        **{
            **body,
            "hits": tuple(Hit(i, s) for i, s in body["hits"]),
            "failure": body["failure"] and Failure(**body["failure"]),
            "cost": Cost(**body["cost"]),
            "inserted": tuple(body["inserted"]),
            "certificate": certificate,
        }
    )
