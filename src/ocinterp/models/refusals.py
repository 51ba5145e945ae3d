"""What a server's refusals mean, each in one line that says what to do about it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from ocinterp.errors import ModelError
from ocinterp.models.endpoints import place
from ocinterp.models.replies import at, decode
from ocinterp.models.secret import Secret

LONGEST_QUOTE = 300  # characters of the server's own words
REFUSED_TOGETHER = 50  # requests one after the other that a server does not take: then none of them is to blame

# OpenAI and vLLM; llama.cpp; LM Studio; SGLang; Mistral; OpenAI's newest; Groq; Ollama.
_OVERFLOW = re.compile(
    r"context_length_exceeded|maximum context length|context length of only|n_keep|exceed_context_size"
    r"|exceeds? the (available |model's )?(maximum )?context|context window|longer than the model'?s context"
    r"|reduce the length of the messages|too large for model with|prompt (is )?too long",
    re.IGNORECASE,
)
_CONTEXT_TOKENS = (
    re.compile(r"context (?:length|size|window)\D{0,20}?(\d[\d,]*)", re.IGNORECASE),
    re.compile(r"(\d[\d,]*) (?:token )?(?:maximum )?context", re.IGNORECASE),
    re.compile(r"n_ctx\W*(\d+)", re.IGNORECASE),
)
_MISSING_MODEL = re.compile(
    r"model_not_found|invalid_model|not a valid model|unknown model|model\b.{0,120}\b(not found|does not exist)",
    re.IGNORECASE | re.DOTALL,
)
_NO_CREDIT = re.compile(r"insufficient_quota|insufficient (balance|credit)", re.IGNORECASE)
_PASSING = {408, 409, 425, 429}  # and what fails on the server's side
_UNFIT = {400, 422}  # what is in the request, unless it is what all of them have in common


class ContextOverflow(ModelError):  # noqa: N818 - what happened, in one word
    """The conversation is longer than the model can take in; `limit_tokens` is what it can, where the server told."""

    def __init__(self, line: str, limit_tokens: int | None = None) -> None:
        super().__init__(line)
        self.limit_tokens = limit_tokens


class EmptyAnswer(ModelError):  # noqa: N818
    """The model ended its turn without a word, each time it was asked."""


class RequestRefused(ModelError):  # noqa: N818
    """The server does not take this request, and may well take others: 400 or 422, as of a content filter."""


class MissingModelError(ModelError):
    """The server does not have the model, or there is no model server at this address."""


class RefusedError(ModelError):
    """The server has taken no request for so long that nobody waits any more. Nobody charges for that."""


OF_ONE_REQUEST = (ContextOverflow, EmptyAnswer, RequestRefused)  # other requests may well be answered


class PassingError(Exception):
    """A failure that may pass: worth asking again, after `wait_seconds` if the server named a time."""

    def __init__(self, line: str, *, wait_seconds: float | None = None, final: type[ModelError] = ModelError) -> None:
        super().__init__(line)
        self.wait_seconds = wait_seconds
        self.final = final  # what it becomes when it does not pass


class BusyError(PassingError):
    """The server takes no more requests for now: 429, or 503."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Who was asked for what: the words that a clear line needs."""

    base_url: str
    model: str
    api_key: Secret | None
    key_name: str

    @property
    def place(self) -> str:
        return place(self.base_url)

    def quote(self, words: str, /) -> str:
        """Somebody else's words, fit for our line: without the key, control characters and line ends, and not long."""
        words = self.api_key.scrub(words) if self.api_key else words
        plain = "".join(letter if letter.isprintable() else " " for letter in words)
        line = " ".join(plain.split())
        return line if len(line) <= LONGEST_QUOTE else line[: LONGEST_QUOTE - 1] + "…"


def refusal(asked: Asked, status: int, body: str, /, *, wait_seconds: float | None = None) -> ModelError | PassingError:
    """What to raise for an answer that is no completion."""
    words = asked.quote(_message(body))
    says = f": {words}" if words else ""
    if status in {401, 403}:
        return ModelError(_key_line(asked, status) + says)
    if status != 429 and (_OVERFLOW.search(body) or status == 413):
        return _overflow(body, says)
    if status == 402 or _NO_CREDIT.search(body):
        return ModelError(f"{asked.place} says that the account has no credit left ({status}){says}")
    if status == 404 or (status in {400, 422} and _MISSING_MODEL.search(body)):
        return MissingModelError(words)
    if status == 429:
        return BusyError(f"{asked.place} takes no more requests for now (429){says}", wait_seconds=wait_seconds)
    if status == 503:
        return BusyError(f"{asked.place} failed (503){says}", wait_seconds=wait_seconds)
    if status in _PASSING or status >= 500:
        return PassingError(f"{asked.place} failed ({status}){says}", wait_seconds=wait_seconds)
    kind = RequestRefused if status in _UNFIT else ModelError
    return kind(f"{asked.place} refused the request ({status}){says}")


def refused_field(body: str, sent: Mapping[str, object], /) -> str | None:
    """The field of ours that the server does not know, of those that we can do without or say differently."""
    if _OVERFLOW.search(body):
        return None
    if "stream_options" in sent and "stream_options" in body:
        return "stream_options"
    if "max_tokens" in sent and "max_completion_tokens" in body:
        return "max_tokens"
    return None


def wait_asked(headers: Mapping[str, str], /) -> float | None:
    """The seconds in Retry-After (RFC 9110, 10.2.3: a number or a date); None where there is no sense in it."""
    value = headers.get("Retry-After", "")
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError):  # no date either, or one without a time zone
            return None
    return max(0.0, seconds) if math.isfinite(seconds) else None


def _key_line(asked: Asked, status: int) -> str:
    if asked.api_key:
        return f"{asked.place} refused the API key ({status}); check {asked.key_name}, the key for {asked.place}"
    return f"{asked.place} wants an API key ({status}); set {asked.key_name}"


def _overflow(body: str, says: str) -> ContextOverflow:
    told = at(decode(body), "error", "n_ctx")
    found = next((match[1] for each in _CONTEXT_TOKENS if (match := each.search(body))), "")
    limit = told if isinstance(told, int) else int(found.replace(",", "")) if found else None
    size = f" ({limit} tokens)" if limit else ""
    advice = "start a new session, or choose a model with a longer context"
    return ContextOverflow(f"the conversation is longer than the model's context{size}; {advice}{says}", limit)


def _message(body: str) -> str:
    """The sentence in an error body: {"error": {"message"}}, {"error": "…"}, {"message"}, {"detail"}, a page, text."""
    document = decode(body)
    places = (("error", "message"), ("error",), ("message",), ("detail",), ("detail", 0, "msg"))
    for path in places:
        if isinstance(words := at(document, *path), str) and words:
            return words
    if title := re.search(r"<title>(.*?)</title>", body, re.IGNORECASE | re.DOTALL):
        return title[1]  # of a proxy's error page
    return body
