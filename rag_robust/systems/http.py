"""A RAG service behind a URL as a system under test."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

from rag_robust.errors import TargetError, UsageError
from rag_robust.systems.function import Returned, function
from rag_robust.types import Passage, Query, System

__all__ = ["http"]


def http(
    url: str,
    *,
    insert_url: str | None = None,
    remove_url: str | None = None,
    timeout_s: float = 60.0,
    headers: Mapping[str, str] | None = None,
) -> System:
    """The system that answers POST {"query": text} at `url`, in the reply forms of `function`.

    With `insert_url` and `remove_url` it is `Changeable`: {"passages": [{"id", "title", "text"}]}
    is posted before a batch of calls and {"ids": [...]} after it, always, also on error. The time
    limit holds for connecting and for each read. Proxy settings of the environment are not used.

    Raises:
        UsageError: not an http(s) URL, or only one of the two change endpoints.
        TargetError: when asked: no connection, time-out (of kind "timeout"), a status
            other than 2xx, or a body that is not JSON.
    """
    if (insert_url is None) != (remove_url is None):
        raise UsageError("expected both insert_url and remove_url, got one: what is put in must come out")
    for given in (url, insert_url, remove_url):
        if given is not None and urlsplit(given).scheme not in ("http", "https"):
            raise UsageError(f'expected a URL that starts with http:// or https://, got "{given}"')
    if timeout_s <= 0:
        raise UsageError(f"expected timeout_s > 0, got {timeout_s:g}")
    service = _Service(url, insert_url or "", remove_url or "", timeout_s, dict(headers or {}))
    return function(service.ask, insert=service.inserted if insert_url else None)


@dataclass(frozen=True, slots=True)
class _Service:
    url: str
    insert_url: str
    remove_url: str
    timeout_s: float
    headers: Mapping[str, str]

    def ask(self, query: Query) -> Returned:
        body = self._post(self.url, {"query": query.text})
        try:
            reply: Returned = json.loads(body)
        except ValueError as error:  # not UTF-8, or not JSON
            told = f"{_shown(self.url)} did not answer in JSON, got {body[:80]!r}"
            raise TargetError(told, "parse") from error
        return reply

    @contextmanager
    def inserted(self, passages: Sequence[Passage]) -> Iterator[None]:
        rows = [{"id": passage.id, "title": passage.title, "text": passage.text} for passage in passages]
        try:
            self._post(self.insert_url, {"passages": rows})
            yield
        finally:  # also after a failed insertion: the service may have taken some
            self._remove([passage.id for passage in passages])

    def _remove(self, ids: Sequence[str]) -> None:
        try:
            self._post(self.remove_url, {"ids": list(ids)})
        except TargetError as error:
            listed = ", ".join(ids)
            raise TargetError(f"{error}; these passages may still be in the service: {listed}") from error

    def _post(self, url: str, payload: object) -> bytes:
        data = json.dumps(payload).encode()
        headers = {"Content-Type": "application/json", "Accept": "application/json", **self.headers}
        request = urllib.request.Request(url, data, headers, method="POST")
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=self.timeout_s) as response:
                body: bytes = response.read()
        except urllib.error.HTTPError as error:
            with error:
                told = error.read(200)
            raise TargetError(f"{_shown(url)} answered {error.code} {error.reason}: {told!r}") from error
        except (OSError, HTTPException) as error:
            raise self._unanswered(url, error) from _cause(error)
        return body

    def _unanswered(self, url: str, error: Exception) -> TargetError:
        cause = _cause(error)
        if isinstance(cause, TimeoutError):
            return TargetError(f"{_shown(url)} did not answer within {self.timeout_s:g} s", "timeout")
        return TargetError(f"{_shown(url)} cannot be reached: {type(cause).__name__}: {cause}")


def _cause(error: Exception) -> Exception:
    """What urllib wrapped: the time-out or the refused connection."""
    reason: Any = getattr(error, "reason", None)  # URLError.reason is an exception or a string
    return reason if isinstance(reason, Exception) else error


def _shown(url: str) -> str:
    """The URL for messages, without what may hold a key."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
