"""A generator behind an OpenAI-compatible endpoint, over plain HTTP."""

from __future__ import annotations

import ipaddress
import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.message import Message
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from rag_robust.errors import SuiteError
from rag_robust.generate.cache import completions
from rag_robust.types import Failure

__all__ = ["OpenAICompatible", "openai_compatible"]

_LONGEST_PAUSE_S = 60.0
_TOO_LONG = ("context_length", "context length", "maximum context", "too long", "too many tokens")


@dataclass(frozen=True, slots=True)
class OpenAICompatible:
    """Completes prompts one by one with POST /chat/completions at temperature 0.

    The key is read from the environment for each request, and stands in no attribute, message or
    log. Redirects are refused: they would carry it to another host.
    """

    base_url: str
    model: str
    api_key_env: str = "OPENAI_API_KEY"
    timeout_s: float = 60.0
    retries: int = 5
    max_new_tokens: int = 64
    first_pause_s: float = 1.0

    @property
    def fingerprint(self) -> str:
        """Endpoint, model and settings; what the endpoint really runs cannot be known."""
        return f"{self.base_url} {self.model} temperature=0 max_new_tokens={self.max_new_tokens}"

    def generate(self, prompts: Sequence[str]) -> list[str | Failure]:
        """One completion per prompt, in order.

        429 and 5xx are tried again up to `retries` times, after Retry-After or pauses that double.
        A time-out is Failure("timeout"), a reply that cannot be read "parse", one withheld by a
        filter or refused by the server "refused", a prompt too long for the model "overflow".
        """
        return [self._complete(prompt) for prompt in prompts]

    def __call__(self, prompts: Sequence[str]) -> list[str]:
        """One completion per prompt, in order; raises `TargetError` if any failed."""
        return completions(self.generate(prompts))

    def _complete(self, prompt: str) -> str | Failure:
        got = self._ask(prompt)
        for attempt in range(self.retries):
            if not isinstance(got, _Busy):
                break
            pause = self.first_pause_s * 2**attempt if got.retry_after_s is None else got.retry_after_s
            time.sleep(min(max(0.0, pause), _LONGEST_PAUSE_S))
            got = self._ask(prompt)
        if not isinstance(got, _Busy):
            return got
        said = f"{self.base_url} answered HTTP {got.status} {self.retries + 1} times"
        return Failure("refused" if got.status == 429 else "crash", said)

    def _ask(self, prompt: str) -> str | Failure | _Busy:
        key = os.environ.get(self.api_key_env, "").strip()
        try:
            with _opener(self.base_url).open(self._request(prompt, key), timeout=self.timeout_s) as reply:
                return _read(reply.read())
        except urllib.error.HTTPError as error:
            with error:
                return _refused(error, key)
        except TimeoutError:
            return Failure("timeout", f"no answer from {self.base_url} within {self.timeout_s:g} s")
        except urllib.error.URLError as error:
            if isinstance(error.reason, TimeoutError):
                return Failure("timeout", f"no answer from {self.base_url} within {self.timeout_s:g} s")
            return Failure("crash", f"{self.base_url} cannot be reached: {error.reason}")
        except (OSError, ValueError) as error:  # a broken connection; a reply that is no HTTP
            return Failure("crash", f"{self.base_url}: {type(error).__name__}")

    def _request(self, prompt: str, key: str) -> urllib.request.Request:
        body = {
            "model": self.model,
            "messages": [{"role": "user", "content": prompt}],
            "temperature": 0,
            "max_tokens": self.max_new_tokens,
        }
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
        url = f"{self.base_url}/chat/completions"
        return urllib.request.Request(url, json.dumps(body).encode(), headers, method="POST")


def openai_compatible(
    base_url: str,
    model: str,
    *,
    api_key_env: str = "OPENAI_API_KEY",
    timeout_s: float = 60.0,
    retries: int = 5,
    max_new_tokens: int = 64,
) -> OpenAICompatible:
    """The model of that name at an endpoint such as "https://api.openai.com/v1".

    `api_key_env` names the environment variable with the key; if it is not set, none is sent.

    Raises:
        SuiteError: the address is not http or https, or a number is out of range.
    """
    parts = urlsplit(base_url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise SuiteError(f'expected base_url like "https://host/v1", got "{base_url}"')
    if parts.username or parts.password:
        raise SuiteError(f'base_url of "{parts.hostname}" holds a password; use the variable {api_key_env}')
    if timeout_s <= 0 or retries < 0 or max_new_tokens < 1:
        got = f"timeout_s={timeout_s}, retries={retries}, max_new_tokens={max_new_tokens}"
        raise SuiteError(f"expected timeout_s > 0, retries >= 0 and max_new_tokens >= 1, got {got}")
    return OpenAICompatible(base_url.rstrip("/"), model, api_key_env, timeout_s, retries, max_new_tokens)


@dataclass(frozen=True, slots=True)
class _Busy:
    status: int
    retry_after_s: float | None


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def _opener(base_url: str) -> urllib.request.OpenerDirector:
    """Without redirects, and to this machine without a proxy."""
    host = urlsplit(base_url).hostname or ""
    try:
        local = ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = host == "localhost"
    return urllib.request.build_opener(_NoRedirect, *([urllib.request.ProxyHandler({})] if local else []))


def _read(body: bytes) -> str | Failure:
    try:
        choice = json.loads(body)["choices"][0]
        text, reason = choice["message"].get("content"), choice.get("finish_reason")
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        return Failure("parse", f"the reply is no chat completion: {type(error).__name__}: {body[:80]!r}")
    if reason == "content_filter" or (text is None and choice["message"].get("refusal")):
        return Failure("refused", "the endpoint withheld the answer")
    if not isinstance(text, str):
        return Failure("parse", f"the reply has no text: {body[:80]!r}")
    return text.strip()


def _refused(error: urllib.error.HTTPError, key: str) -> Failure | _Busy:
    if error.code == 429 or error.code >= 500:
        return _Busy(error.code, _retry_after_s(error.headers))
    said = error.read(2000).decode(errors="replace")
    said = " ".join((said.replace(key, "***") if key else said).split())
    too_long = any(words in said.casefold() for words in _TOO_LONG)
    return Failure("overflow" if too_long else "refused", f"HTTP {error.code}: {said[:200]}")


def _retry_after_s(headers: Message | Mapping[str, str]) -> float | None:
    """Seconds from a Retry-After header, given in seconds or as a date; None without a usable one."""
    given = headers.get("Retry-After")
    if given is None:
        return None
    try:
        return float(given)
    except ValueError:
        pass
    try:
        return parsedate_to_datetime(given).timestamp() - time.time()
    except ValueError:
        return None
