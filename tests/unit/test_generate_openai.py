from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from rag_robust.errors import SuiteError, TargetError
from rag_robust.generate.openai import OpenAICompatible, openai_compatible
from rag_robust.types import Failure

Reply = tuple[int, dict[str, str], bytes]
KEY = "RAG_ROBUST_TEST_KEY"


def completion(text: str | None, **more: object) -> bytes:
    return json.dumps({"choices": [{"message": {"content": text}, **more}]}).encode()


class Server:
    """An endpoint on this machine that gives the replies it was told, the last one for ever."""

    def __init__(self) -> None:
        self.replies: list[Reply | Callable[[], Reply]] = []
        self.seen: list[tuple[dict[str, str], dict[str, object]]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.seen.append((dict(self.headers), body))
                reply = outer.replies.pop(0) if len(outer.replies) > 1 else outer.replies[0]
                status, headers, content = reply() if callable(reply) else reply
                self.send_response(status)
                for name, value in {"Content-Length": str(len(content)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                with suppress(OSError):  # a client that did not wait
                    self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}/v1"


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.http.shutdown()
    made.http.server_close()


def client(server: Server, **settings: float) -> OpenAICompatible:
    made = openai_compatible(server.url, "m", api_key_env=KEY, **settings)
    return replace(made, first_pause_s=0.01)


def failure(server: Server, **settings: float) -> Failure:
    (got,) = client(server, **settings).generate(["hi"])
    assert isinstance(got, Failure)
    return got


def test_request_is_one_user_turn_at_temperature_zero(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY, "sk-secret")
    server.replies = [(200, {}, completion(" Paris. \n"))]
    assert client(server, max_new_tokens=7)(["Where?"]) == ["Paris."]
    headers, body = server.seen[0]
    assert headers["Authorization"] == "Bearer sk-secret"
    assert body == {
        "model": "m",
        "messages": [{"role": "user", "content": "Where?"}],
        "temperature": 0,
        "max_tokens": 7,
    }


def test_without_a_key_none_is_sent(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY, raising=False)
    server.replies = [(200, {}, completion("x"))]
    client(server)(["Where?"])
    assert "Authorization" not in server.seen[0][0]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_busy_endpoint_is_asked_again(server: Server, status: int) -> None:
    server.replies = [(status, {}, b""), (status, {"Retry-After": "0"}, b""), (200, {}, completion("ok"))]
    assert client(server)(["hi"]) == ["ok"]
    assert len(server.seen) == 3


def test_retry_after_is_honoured_in_seconds_and_as_a_date(server: Server) -> None:
    past = formatdate(time.time() - 60, usegmt=True)
    server.replies = [
        (429, {"Retry-After": "0.2"}, b""),
        (429, {"Retry-After": past}, b""),
        (429, {"Retry-After": "soon"}, b""),
        (200, {}, completion("ok")),
    ]
    start = time.monotonic()
    assert client(server)(["hi"]) == ["ok"]
    assert 0.2 <= time.monotonic() - start < 5


def test_retries_end(server: Server) -> None:
    server.replies = [(429, {}, b"")]
    got = failure(server, retries=2)
    assert (got.kind, len(server.seen)) == ("refused", 3)
    assert "HTTP 429 3 times" in got.message
    server.replies = [(500, {}, b"")]
    assert failure(server, retries=0).kind == "crash"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"<html>", "parse"),
        (b"[]", "parse"),
        (b'{"choices": []}', "parse"),
        (b'{"choices": [{"message": null}]}', "parse"),
        (b"\xff\xfe", "parse"),
        (completion(None), "parse"),
        (completion("", finish_reason="content_filter"), "refused"),
    ],
)
def test_reply_that_cannot_be_read_is_a_failure_of_its_kind(server: Server, body: bytes, kind: str) -> None:
    server.replies = [(200, {}, body)]
    assert failure(server).kind == kind


def test_empty_completion_is_an_answer_and_not_a_failure(server: Server) -> None:
    server.replies = [(200, {}, completion(""))]
    assert client(server)(["hi"]) == [""]


def test_one_bad_prompt_leaves_the_others_in_their_rows(server: Server) -> None:
    server.replies = [(200, {}, completion("a")), (200, {}, b"broken"), (200, {}, completion("c"))]
    first, second, third = client(server).generate(["1", "2", "3"])
    assert (first, third) == ("a", "c")
    assert isinstance(second, Failure)
    server.replies = [(200, {}, b"broken")]
    with pytest.raises(TargetError, match=r".* \(2 of 2 prompts failed\)"):
        client(server)(["1", "2"])


def test_slow_endpoint_is_a_time_out_and_not_asked_again(server: Server) -> None:
    def slow() -> Reply:
        time.sleep(0.6)
        return 200, {}, completion("late")

    server.replies = [slow]
    assert failure(server, timeout_s=0.15).kind == "timeout"
    assert len(server.seen) == 1


def test_key_never_stands_in_a_message(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY, "sk-secret")
    server.replies = [(401, {}, b'{"error": "Incorrect API key provided: sk-secret"}')]
    got = failure(server)
    assert got.kind == "refused"
    assert "HTTP 401" in got.message
    assert "sk-secret" not in f"{got} {client(server)}"


def test_redirect_is_refused_since_it_would_take_the_key_along(server: Server) -> None:
    server.replies = [(307, {"Location": "http://127.0.0.1:9/"}, b"")]
    assert failure(server).kind == "refused"
    assert len(server.seen) == 1


def test_too_long_prompt_is_an_overflow(server: Server) -> None:
    server.replies = [(400, {}, b'{"error": {"code": "context_length_exceeded"}}')]
    assert failure(server).kind == "overflow"


def test_endpoint_that_is_not_there_is_a_failure() -> None:
    (got,) = openai_compatible("http://127.0.0.1:9/v1", "m", api_key_env=KEY).generate(["hi"])
    assert isinstance(got, Failure)
    assert got.kind == "crash"


@pytest.mark.parametrize("url", ["ftp://host/v1", "localhost:8000", "https://", "http://me:pw@host/v1"])
def test_impossible_address_is_refused(url: str) -> None:
    with pytest.raises(SuiteError, match="base_url"):
        openai_compatible(url, "m")


def test_impossible_numbers_are_refused() -> None:
    with pytest.raises(SuiteError, match="timeout_s=0"):
        openai_compatible("http://host/v1", "m", timeout_s=0)
