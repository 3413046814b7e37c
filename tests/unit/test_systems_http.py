import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from rag_robust.errors import TargetError, UsageError
from rag_robust.systems.http import http
from rag_robust.types import Answer, Change, Changeable, Hit, Passage, Query

CHANGE = Change(inserted=(Passage("x", "new text", "new"),))


class Service(ThreadingHTTPServer):
    """A RAG service on loopback that remembers what it was sent."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.passages: dict[str, dict[str, str]] = {}
        self.headers_seen: list[str | None] = []
        self.url = f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Service

    def do_POST(self) -> None:
        payload = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.headers_seen.append(self.headers["X-Key"])
        status, body = self.reply(payload)
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body)

    def reply(self, payload: dict) -> tuple[int, bytes]:
        if self.path == "/insert":
            self.server.passages |= {row["id"]: row for row in payload["passages"]}
            return 201, b""
        if self.path == "/remove":
            for passage_id in payload["ids"]:
                self.server.passages.pop(passage_id, None)
            return 200, b""
        return self.answer(payload["query"])

    def answer(self, text: str) -> tuple[int, bytes]:
        if text == "slow":
            time.sleep(0.5)
        if text == "html":
            return 200, b"<html>Sign in</html>"
        if text == "crash":
            return 503, b"busy"
        return 200, json.dumps({"answer": text.upper(), "ids": ["base", *self.server.passages]}).encode()

    def log_message(self, *args: object) -> None:
        """Keeps the test output quiet."""


@pytest.fixture
def service() -> Iterator[Service]:
    with Service() as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server
        server.shutdown()


def changeable(service: Service) -> Changeable:
    system = http(service.url, insert_url=service.url + "/insert", remove_url=service.url + "/remove")
    assert isinstance(system, Changeable)
    return system


def test_a_query_is_posted_and_the_reply_understood(service: Service) -> None:
    system = http(service.url, headers={"X-Key": "secret"})
    assert system(Query("q", "zürich")) == Answer("ZÜRICH", (Hit("base", 1.0),))
    assert service.headers_seen == ["secret"]
    assert not isinstance(system, Changeable)


def test_passages_are_in_while_asked_and_out_afterwards(service: Service) -> None:
    answer = changeable(service).changed(CHANGE)(Query("q", "a"))
    assert [hit.passage_id for hit in answer.hits] == ["base", "x"]
    assert service.passages == {}


def test_passages_come_out_after_a_failed_query(service: Service) -> None:
    with pytest.raises(TargetError, match="503"):
        changeable(service).changed(CHANGE)(Query("q", "crash"))
    assert service.passages == {}


def test_passages_that_may_have_stayed_are_named(service: Service) -> None:
    system = http(service.url, insert_url=service.url + "/insert", remove_url="http://127.0.0.1:9/remove")
    assert isinstance(system, Changeable)
    with pytest.raises(TargetError, match="may still be in the service: x"):
        system.changed(CHANGE)(Query("q", "a"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("crash", r"answered 503 Service Unavailable: b'busy'"),
        ("html", r"not answer in JSON, got b'<html>Sign"),
    ],
)
def test_bad_replies_are_target_errors_that_show_what_came(service: Service, text: str, message: str) -> None:
    with pytest.raises(TargetError, match=message):
        http(service.url)(Query("q", text))


def test_a_time_out_is_told_apart(service: Service) -> None:
    with pytest.raises(TargetError, match=r"did not answer within 0\.1 s") as caught:
        http(service.url, timeout_s=0.1)(Query("q", "slow"))
    assert caught.value.kind == "timeout"


def test_nobody_there_is_a_target_error_without_the_key_of_the_url() -> None:
    with pytest.raises(TargetError, match="cannot be reached: ConnectionRefusedError") as caught:
        http("http://127.0.0.1:9/ask?key=secret")(Query("q", "a"))
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "parameters"),
    [
        ("file:///etc/hosts", {}),
        ("localhost:80", {}),
        ("http://localhost", {"insert_url": "http://localhost/in"}),
        ("http://localhost", {"timeout_s": 0.0}),
    ],
)
def test_impossible_parameters_are_refused_at_once(url: str, parameters: dict) -> None:
    with pytest.raises(UsageError):
        http(url, **parameters)
