"""The store: what goes in comes out, all or nothing, in the run it belongs to."""

from __future__ import annotations

import json
import sqlite3

import pytest

from rag_robust.errors import StoreError
from rag_robust.store import Store, record_from_json, record_to_json
from rag_robust.types import Certificate, Change, Cost, Failure, Hit, Passage, Record

WITNESS = Change(edited={"p": Passage("p", "new", "title")})
FULL = Record(
    "key",
    "task",
    "gaslite",
    "q",
    3,
    hits=(Hit("p", 0.1), Hit("q", -2.0)),
    answer="é <script>",
    failure=Failure("timeout", "too slow"),
    cost=Cost(1.5, 2, 3),
    change="c",
    inserted=("x",),
    certificate=Certificate(
        "exact",
        3,
        None,
        "s",
        0.0,
        9,
        0.2,
        None,
        "attacked",
        "the model",
        {"p": 1.0},
        {"p": 2.0},
        {},
        WITNESS,
        "why",
        {"n_max": 64, "cap": None},
        "wordnet?cap=12",
        first_stage=True,
    ),
    notes={"asked": "what", "n": 3},
)


def test_a_record_survives_the_store_whole():
    assert record_from_json(record_to_json(FULL)) == FULL


def test_a_certificate_of_before_its_parameters_were_kept_is_still_read():
    body = json.loads(record_to_json(FULL))
    for later in ("parameters", "synonyms", "first_stage"):
        del body["certificate"][later]
    found = record_from_json(json.dumps(body)).certificate
    assert (found.parameters, found.synonyms, found.first_stage) == ({}, "", None)


def test_not_a_number_is_refused():
    with pytest.raises(ValueError, match="JSON"):
        record_to_json(Record("k", "t", "c", "q", 0, hits=(Hit("p", float("nan")),)))


def test_crashes_and_time_outs_are_tried_again_and_everything_else_is_done(tmp_path):
    store = Store(tmp_path, create=True)
    kinds = ["crash", "timeout", "refused", "budget", None]
    store.add(Record(str(k), "t", "c", "q", 0, failure=Failure(k, "x") if k else None) for k in kinds)
    assert store.done() == {"refused", "budget", "None"}


def test_only_planned_records_make_up_a_run_in_the_order_of_the_plan(tmp_path):
    store = Store(tmp_path, create=True)
    store.add(Record(k, "t", "c", "q", 0) for k in "abc")
    store.plan(["c", "missing", "a"])
    assert [r.key for r in store.records()] == ["c", "a"]
    assert store.n_planned() == 3


def test_a_store_of_another_suite_is_refused(tmp_path):
    Store(tmp_path, create=True).claim("mine")
    Store(tmp_path).claim("mine")
    with pytest.raises(StoreError, match='made by suite "mine", this is "yours"'):
        Store(tmp_path).claim("yours")


def test_a_folder_without_a_run_says_what_was_expected(tmp_path):
    with pytest.raises(StoreError, match=r"holds no run \(expected records.sqlite"):
        Store(tmp_path / "nothing")


def test_a_broken_file_is_an_error_not_a_crash(tmp_path):
    (tmp_path / "records.sqlite").write_bytes(b"not a database" * 100)
    with pytest.raises(StoreError, match="cannot be used as a store"):
        Store(tmp_path)


def test_a_newer_format_is_refused(tmp_path):
    Store(tmp_path, create=True).close()
    with sqlite3.connect(tmp_path / "records.sqlite") as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(StoreError, match="newer rag-robust"):
        Store(tmp_path)


def test_a_reader_never_writes_not_even_to_a_file_that_is_being_made(tmp_path):
    (tmp_path / "records.sqlite").touch()
    with pytest.raises(StoreError, match="format 0, this rag-robust reads 1"):
        Store(tmp_path)
    assert (tmp_path / "records.sqlite").stat().st_size == 0
    Store(tmp_path, create=True).add([Record("k", "t", "c", "q", 0)])
    assert Store(tmp_path).done() == {"k"}
    with pytest.raises(StoreError, match="readonly"):
        Store(tmp_path).add([Record("l", "t", "c", "q", 0)])


def test_a_full_disk_leaves_nothing_half_written(tmp_path):
    store = Store(tmp_path, create=True)
    store.add([Record("first", "t", "c", "q", 0)])
    pages = store._db.execute("PRAGMA page_count").fetchone()[0]
    store._db.execute(f"PRAGMA max_page_count = {pages + 2}")
    big = [Record(str(i), "t", "c", "q", 0, answer="x" * 4000) for i in range(50)]
    with pytest.raises(StoreError, match="free some space"):
        store.add(big, {"artifact": ("kind", 1)})
    assert store.done() == {"first"}
    assert store.artifact("artifact") is None
