"""HttpModel against a real server on this machine: answers, and what is tried again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence

import pytest

from ocinterp.errors import ModelError, UsageError
from ocinterp.models.http import HttpModel, Patience, Secret
from ocinterp.protocols import Model
from ocinterp.testing import Asked, Raw, Refuses, Reply, Says, ScriptedServer
from ocinterp.types import Completion, Message, Usage

ASK = (Message("system", "Be brief."), Message("user", "Hello?"))
TEXT = "Hello, wörld! 🐍 " * 3
KEY = "sk-very-secret-0123456789"


class Naps:
    """Stands in for sleeping: notes how long it would have been."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


async def ask(
    script: Sequence[Reply], *, patience: Patience | None = None, live: bool = True
) -> tuple[Completion, list[str], ScriptedServer, list[float]]:
    pieces: list[str] = []
    naps = Naps()
    async with ScriptedServer(script) as server:
        model = HttpModel(server.url, "scripted", patience=patience or Patience(), live=live, sleep=naps)
        async with model:
            completion = await model.generate(ASK, on_text=pieces.append)
    return completion, pieces, server, naps.seconds


async def test_it_is_a_model() -> None:
    model: Model = HttpModel("http://127.0.0.1:1/v1", "m")
    assert model


async def test_an_answer_arrives_in_pieces_that_join_to_the_whole() -> None:
    completion, pieces, server, _ = await ask([TEXT])
    assert completion == Completion(TEXT, "stop", usage=Usage(7, 10))
    assert "".join(pieces) == TEXT
    assert len(pieces) > 1
    assert server.count == 1


@pytest.mark.parametrize(
    "reply",
    [
        Says(TEXT, line_end="\r\n"),
        Says(TEXT, line_end="\r"),
        Says(TEXT, comments=True),
        Says(TEXT, spread=True),
        Says(TEXT, thinking="let me think"),
        Says(TEXT, ending="bare"),
        Says(TEXT, piece=1),
        Says(TEXT, whole=True),
        Says(TEXT, finish_reason=None),
    ],
    ids=lambda reply: f"{reply}"[-40:],
)
async def test_every_dialect_of_a_good_stream_is_understood(reply: Says) -> None:
    completion, pieces, _, _ = await ask([reply])
    assert completion.text == "".join(pieces) == TEXT
    assert completion.finish_reason == "stop"


async def test_nobody_counted_is_none() -> None:
    completion, _, _, _ = await ask([Says("Hi", counted=False)])
    assert completion.usage is None


@pytest.mark.parametrize("reason", ["length", "max_tokens", "model_length"])
async def test_an_answer_cut_off_by_its_length_says_so(reason: str) -> None:
    completion, _, _, _ = await ask([Says("def f(", finish_reason=reason)])
    assert completion.finish_reason == "length"


async def test_what_is_sent_is_what_was_set() -> None:
    async with ScriptedServer(["Hi"]) as server:
        settings = HttpModel(server.url, "m", Secret(KEY), temperature=0.2, top_p=0.9, max_tokens=50, seed=7)
        async with settings as model:
            await model.generate([Message("user", "lone \ud83d")])
    (asked,) = server.requests
    assert asked.headers["Authorization"] == f"Bearer {KEY}"
    assert asked.body == {
        "model": "m",
        "messages": [{"role": "user", "content": "lone \ufffd"}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": 0.2,
        "top_p": 0.9,
        "max_tokens": 50,
        "seed": 7,
    }


async def test_what_was_not_set_is_not_sent() -> None:
    _, _, server, _ = await ask(["Hi"])
    assert set(server.requests[0].body) == {"model", "messages", "stream", "stream_options"}
    assert "Authorization" not in server.requests[0].headers


async def test_a_server_that_knows_no_stream_options_is_asked_without_and_remembered() -> None:
    picky = Refuses.because(400, "Unrecognized request argument supplied: stream_options")
    async with ScriptedServer([picky, "one", "two"]) as server, HttpModel(server.url, "m") as model:
        assert (await model.generate(ASK)).text == "one"
        assert (await model.generate(ASK)).text == "two"
    assert ["stream_options" in asked.body for asked in server.requests] == [True, False, False]


async def test_a_model_that_wants_max_completion_tokens_gets_them() -> None:
    picky = Refuses.because(400, "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.")
    async with ScriptedServer([picky, "one"]) as server, HttpModel(server.url, "m", max_tokens=9) as model:
        assert (await model.generate(ASK)).text == "one"
    assert server.requests[1].body["max_completion_tokens"] == 9
    assert "max_tokens" not in server.requests[1].body


PASSING = [
    Refuses.because(429, "Rate limit reached", "rate_limit_exceeded"),
    Refuses.because(500, "The server had an error"),
    Refuses(503, "<html><head><title>503 Service Unavailable</title></head></html>"),
    Says(TEXT, ending="cut"),
    Raw((b"data: {garbage\n\n",)),
    Raw((b'data: "wrong"\n\n',)),
    Raw((b'data: {"error": {"message": "out of memory", "code": 500}}\n\n',)),
    Raw((b"",)),
    Raw((b"{", b"nothing"), "application/json"),
    Says(""),
    Raw((b'data: {"choices": []}\n\ndata: [DONE]\n\n',)),
]


@pytest.mark.parametrize("fault", PASSING, ids=range(len(PASSING)))
async def test_what_may_pass_is_tried_again(fault: Reply) -> None:
    completion, pieces, server, naps = await ask([fault, fault, TEXT])
    assert completion.text == "".join(pieces) == TEXT
    assert server.count == 3
    assert len(naps) == 2


@pytest.mark.parametrize("fault", PASSING, ids=range(len(PASSING)))
async def test_it_gives_up_after_its_retries_and_says_how_often_it_asked(fault: Reply) -> None:
    async with (
        ScriptedServer([fault], repeat_last=True) as server,
        HttpModel(server.url, "m", patience=Patience(retries=2), sleep=Naps()) as model,
    ):
        with pytest.raises(ModelError, match=r"\(asked 3 times\)$"):
            await model.generate(ASK)
    assert server.count == 3


async def test_waits_double_less_a_random_half_up_to_the_longest() -> None:
    patience = Patience(retries=8, first_wait_seconds=1.0, longest_wait_seconds=10.0)
    _, _, _, naps = await ask([Refuses.because(500, "no")] * 8 + ["Hi"], patience=patience)
    assert all(2**n / 2 <= nap <= 2**n for n, nap in enumerate(naps[:4]))
    assert max(naps) <= 10.0


async def test_retry_after_is_honoured_up_to_the_longest_wait() -> None:
    script = [Refuses.because(429, "slow down", Retry_After=after) for after in ("7", "3600", "soon")]
    _, _, _, naps = await ask([*script, "Hi"])
    assert 7.0 <= naps[0] <= 7.7
    assert naps[1] == 60.0
    assert naps[2] <= 2.0


async def test_every_wait_is_announced() -> None:
    lines: list[str] = []
    async with (
        ScriptedServer([Refuses.because(503, "overloaded"), "Hi"]) as server,
        HttpModel(server.url, "m", notice=lines.append, sleep=Naps()) as model,
    ):
        await model.generate(ASK)
    (line,) = lines
    assert "503" in line
    assert "asking again in" in line


async def test_a_stream_that_broke_goes_on_where_it_broke() -> None:
    completion, pieces, server, _ = await ask([Says(TEXT[:20], ending="cut"), Says(TEXT[:9], ending="cut"), TEXT])
    assert completion.text == "".join(pieces) == TEXT
    assert server.count == 3


@pytest.mark.parametrize("second", ["Hello, moon", "Hel"])
async def test_a_different_answer_is_never_mixed_with_the_one_that_broke(second: str) -> None:
    pieces: list[str] = []
    async with (
        ScriptedServer([Says("Hello, w", ending="cut"), second]) as server,
        HttpModel(server.url, "m", sleep=Naps()) as model,
    ):
        with pytest.raises(ModelError, match="broke off and then gave a different answer"):
            await model.generate(ASK, on_text=pieces.append)
    assert "".join(pieces) == "Hello, w"


async def test_a_text_held_back_until_it_is_whole_may_differ_at_every_attempt() -> None:
    completion, pieces, _, _ = await ask([Says("Hello, w", ending="cut"), "Good day"], live=False)
    assert completion.text == "Good day"
    assert pieces == ["Good day"]


@pytest.mark.parametrize("end", [b"", b"data: {", b"data: {garbage\n\n"])
async def test_only_the_end_of_a_stream_lost_is_nothing_lost(end: bytes) -> None:
    chunk = b'data: {"choices": [{"delta": {"content": "Hi"}, "finish_reason": "stop"}]}\n\n'
    completion, _, server, _ = await ask([Raw((chunk, end))])
    assert completion.text == "Hi"
    assert server.count == 1


LONG_FIRST = Patience(first_token_seconds=600.0, between_tokens_seconds=0.2, retries=0)
LONG_AFTER = Patience(first_token_seconds=0.2, between_tokens_seconds=600.0, retries=0)


@pytest.mark.parametrize(
    ("reply", "patience"),
    [
        (Says("", ending="stall"), LONG_AFTER),
        (Says("", ending="stall", comments=True), LONG_AFTER),
        (Says("Hello", ending="stall"), LONG_FIRST),
        (Says("", ending="stall", thinking="hmm"), LONG_FIRST),
    ],
    ids=["nothing", "keep-alive is nothing", "text", "thoughts are work"],
)
async def test_silence_is_borne_longer_before_the_first_token_than_after(reply: Says, patience: Patience) -> None:
    async with ScriptedServer([reply]) as server, HttpModel(server.url, "m", patience=patience) as model:
        with pytest.raises(ModelError, match="fell silent"):
            await model.generate(ASK)
        await server.left.wait()


async def test_silence_is_tried_again_too() -> None:
    patience = Patience(first_token_seconds=0.2)
    completion, _, server, _ = await ask([Says("", ending="stall"), "Hi"], patience=patience)
    assert completion.text == "Hi"
    assert server.count == 2


async def test_the_whole_has_a_time_limit_too() -> None:
    async with (
        ScriptedServer([Says("Hello", ending="stall")]) as server,
        HttpModel(server.url, "m", patience=Patience(total_seconds=0.2)) as model,
    ):
        with pytest.raises(ModelError, match=r"did not finish its answer within 0\.2 s"):
            await model.generate(ASK)


async def test_a_cancelled_request_leaves_the_server() -> None:
    async with ScriptedServer([Says("Hello", ending="stall")]) as server, HttpModel(server.url, "m") as model:
        heard = asyncio.Event()
        task = asyncio.create_task(model.generate(ASK, on_text=lambda _: heard.set()))
        await heard.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await server.left.wait()


async def test_an_error_of_the_listener_is_its_own() -> None:
    def fail(_: str) -> None:
        raise TimeoutError("mine")

    async with ScriptedServer(["Hi"]) as server, HttpModel(server.url, "m") as model:
        with pytest.raises(TimeoutError, match="mine"):
            await model.generate(ASK, on_text=fail)
    assert server.count == 1


async def test_fifty_calls_run_at_once() -> None:
    everyone = asyncio.Barrier(50)

    async def meet(asked: Asked) -> str:
        await everyone.wait()
        return json.dumps(asked.body["messages"])

    async with (
        ScriptedServer([meet], repeat_last=True) as server,
        HttpModel(server.url, "m") as model,
        asyncio.TaskGroup() as group,
    ):
        tasks = [group.create_task(model.generate([Message("user", f"<{n}>")])) for n in range(50)]
    assert server.count == 50
    assert all(f"<{n}>" in task.result().text for n, task in enumerate(tasks))


async def test_a_connection_is_used_again_until_the_model_is_closed() -> None:
    async with ScriptedServer(["a"], repeat_last=True) as server:
        model = HttpModel(server.url, "m")
        for _ in range(2):
            async with model:
                await model.generate(ASK)
                await model.generate(ASK)
    first, second, third, fourth = (asked.port for asked in server.requests)
    assert first == second != third == fourth


async def test_a_server_that_lingers_after_the_last_event_is_left() -> None:
    completion, _, server, _ = await ask([Says(TEXT, ending="linger")])
    assert completion.text == TEXT
    assert server.left.is_set()


async def test_surrogates_are_joined_or_replaced() -> None:
    halves = ("a\ud83d", "\udc0d", "\udc0d\ud83d")
    chunks = [json.dumps({"choices": [{"delta": {"content": half}}]}) for half in halves]
    completion, pieces, _, _ = await ask([Raw(tuple(f"data: {chunk}\n\n".encode() for chunk in [*chunks, "[DONE]"]))])
    assert completion.text == "".join(pieces) == "a🐍\ufffd\ufffd"


async def test_content_in_parts_and_refusals_are_text() -> None:
    parts = [{"type": "thinking", "thinking": "hmm"}, {"type": "text", "text": "Hi"}]
    deltas: list[object] = [{"content": parts}, {"refusal": "No"}]
    chunks = [json.dumps({"choices": [{"delta": delta}]}) for delta in deltas]
    completion, _, _, _ = await ask([Raw(tuple(f"data: {chunk}\n\n".encode() for chunk in [*chunks, "[DONE]"]))])
    assert completion.text == "HiNo"


@pytest.mark.parametrize("url", ["", "localhost:8000", "ftp://host/v1", "http://", "http://host:port/v1"])
def test_a_base_url_that_is_none_is_refused_at_once(url: str) -> None:
    with pytest.raises(UsageError, match="http://HOST:PORT/v1"):
        HttpModel(url, "m")
