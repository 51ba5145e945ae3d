"""Each way a server refuses becomes one clear line that says what to do, and never tells the key."""

from __future__ import annotations

import asyncio
import socket
import traceback

import pytest

from ocinterp.errors import ModelError, UsageError
from ocinterp.models.http import ContextOverflow, EmptyAnswer, HttpModel, Patience, Secret
from ocinterp.testing import Raw, Refuses, Reply, Says, ScriptedServer
from ocinterp.types import Message

ASK = (Message("user", "Hello?"),)
KEY = "sk-very-secret-0123456789"
ONCE = Patience(retries=0, connect_seconds=2.0)


async def failure(reply: Reply, *, key: str = KEY, name: str = "gpt", models: tuple[str, ...] = ()) -> ModelError:
    async with ScriptedServer([reply], models=models) as server:
        secret = Secret(key) if key else None
        async with HttpModel(server.url, name, secret, key_name="MY_KEY", patience=ONCE) as model:
            with pytest.raises(ModelError) as caught:
                await model.generate(ASK)
    assert server.count == 1
    assert "\n" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize("status", [401, 403])
async def test_a_bad_key_names_the_key_to_check(status: int) -> None:
    line = str(await failure(Refuses.because(status, "Incorrect API key provided", "invalid_api_key")))
    assert f"refused the API key ({status}); check MY_KEY, the key for 127.0.0.1:" in line
    assert line.endswith("Incorrect API key provided")


async def test_no_key_where_one_is_wanted_names_the_key_to_set() -> None:
    line = str(await failure(Refuses.because(401, "You did not provide an API key"), key=""))
    assert "wants an API key (401); set MY_KEY" in line


@pytest.mark.parametrize(
    "reply",
    [
        Refuses.because(404, "The model `gpt` does not exist or you do not have access to it.", "model_not_found"),
        Refuses.because(404, 'model "gpt" not found, try pulling it first'),
        Refuses.because(400, "gpt is not a valid model ID"),
        Refuses(400, {"object": "error", "message": "Invalid model: gpt", "type": "invalid_model", "code": "1500"}),
    ],
)
async def test_a_missing_model_lists_those_that_are_there_closest_first(reply: Refuses) -> None:
    line = str(await failure(reply, models=("llama", "gpt-4", "bert", "gpt2", "x", "y", "z")))
    assert "has no model gpt; it has gpt2, gpt-4, " in line
    assert "and 2 more." in line
    assert "It says: " in line


async def test_a_wrong_base_url_is_told_from_a_missing_model() -> None:
    async with ScriptedServer() as server, HttpModel(server.root, "gpt", patience=ONCE) as model:
        with pytest.raises(ModelError, match="is not its base URL") as caught:
            await model.generate(ASK)
    assert "usually end in /v1" in str(caught.value)


async def test_a_listed_model_that_does_not_answer_says_just_that() -> None:
    line = str(await failure(Refuses.because(404, "no endpoints found"), models=("gpt",)))
    assert "lists gpt but does not answer for it. It says: no endpoints found" in line


OPENAI = "This model's maximum context length is 8192 tokens. However, your messages resulted in 9001 tokens."
LLAMA = {"code": 400, "message": "the request exceeds the available context size", "type": "exceed_context_size_error"}


@pytest.mark.parametrize(
    ("reply", "tokens"),
    [
        (Refuses.because(400, OPENAI, "context_length_exceeded"), 8192),
        (Refuses(400, {"object": "error", "message": OPENAI, "type": "BadRequestError", "code": 400}), 8192),
        (Refuses(400, {"error": {**LLAMA, "n_prompt_tokens": 1407, "n_ctx": 256}}), 256),
        (Refuses(500, {"error": LLAMA}), None),
        (
            Raw((b'data: {"error": {"code": 400, "message": "exceeds the available context size (64 tokens)"}}\n\n',)),
            64,
        ),
        (Refuses(400, {"error": "model is loaded with context length of only 2048 tokens, not enough"}), 2048),
        (Refuses(400, {"error": "tokens to keep ... greater (n_keep: 13055>= n_ctx: 4096)"}), 4096),
        (Refuses.because(400, "The input (50 tokens) is longer than the model's context length (40 tokens)."), 40),
        (
            Refuses.because(400, "Prompt contains 40 tokens, too large for model with 32,768 maximum context length"),
            32768,
        ),
        (Refuses.because(500, "the input length exceeds the context length"), None),
        (Refuses.because(413, "Request too large"), None),
        (Refuses.because(400, "Your input exceeds the context window of this model."), None),
    ],
)
async def test_a_conversation_too_long_is_told_apart(reply: Reply, tokens: int | None) -> None:
    error = await failure(reply)
    assert isinstance(error, ContextOverflow)
    assert error.limit_tokens == tokens
    size = f" ({tokens} tokens)" if tokens else ""
    assert str(error).startswith(f"the conversation is longer than the model's context{size}; start a new session")


async def test_a_limit_on_tokens_is_no_overflow() -> None:
    error = await failure(Refuses.because(429, "too many tokens per minute for your context window tier"))
    assert not isinstance(error, ContextOverflow)


@pytest.mark.parametrize(
    "reply",
    [
        Refuses.because(429, "You exceeded your current quota", "insufficient_quota"),
        Refuses.because(402, "Insufficient Balance"),
    ],
)
async def test_an_empty_account_is_not_asked_again(reply: Refuses) -> None:
    async with ScriptedServer([reply]) as server, HttpModel(server.url, "m") as model:
        with pytest.raises(ModelError, match="no credit left"):
            await model.generate(ASK)
    assert server.count == 1


async def test_a_dead_server_is_asked_after() -> None:
    with socket.socket() as holder:  # bound, not listening: nobody answers, and nobody else can take the port
        holder.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{holder.getsockname()[1]}/v1"
        async with HttpModel(url, "m", patience=ONCE) as model:
            with pytest.raises(ModelError, match=f"^no server answers at {url}; is it running\\?$"):
                await model.generate(ASK)


async def test_a_host_that_does_not_exist_is_named() -> None:
    host = ".".join(["x" * 60] * 5)  # longer than a name may be, so the resolver refuses it without asking anybody
    async with HttpModel(f"http://{host}/v1", "m", patience=ONCE) as model:
        with pytest.raises(ModelError, match=f"^there is no host {host}; check the base URL and the network$"):
            await model.generate(ASK)


async def test_a_server_of_something_else_is_recognized() -> None:
    async def shout(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.9\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(shout, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        model = HttpModel(f"http://127.0.0.1:{port}/v1", "m", Secret(KEY), patience=ONCE)
        async with model:
            with pytest.raises(ModelError, match="does not speak HTTP") as caught:
                await model.generate(ASK)
    assert KEY not in "".join(traceback.format_exception(caught.value))
    assert KEY not in repr(caught.value.__cause__.__cause__ if caught.value.__cause__ else None)


async def test_a_server_without_tls_is_suspected() -> None:
    async with (
        ScriptedServer() as server,
        HttpModel(server.url.replace("http:", "https:"), "m", patience=ONCE) as model,
    ):
        with pytest.raises(ModelError, match="it may speak http://, not https://"):
            await model.generate(ASK)


async def test_a_web_page_is_no_model_server() -> None:
    line = str(await failure(Raw((b"<html>Welcome</html>",), "text/html")))
    assert "is a web page, not a model server; base URLs usually end in /v1" in line


async def test_a_redirect_is_not_followed_with_the_key() -> None:
    line = str(await failure(Refuses(307, "", {"Location": "https://elsewhere.example/v1"})))
    assert "redirects to https://elsewhere.example/v1; use the base URL there" in line


async def test_any_other_refusal_quotes_the_server() -> None:
    reply = Refuses.because(400, "'temperature' does not support 0.2 with this model")
    assert "refused the request (400): 'temperature' does not" in str(await failure(reply))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"detail": "Not allowed here"}, "Not allowed here"),
        ({"detail": [{"msg": "Field required"}]}, "Field required"),
        ({"message": "Bad thing"}, "Bad thing"),
        ("<html><head><title>\n502 Bad\nGateway </title></head><body>x</body></html>", "502 Bad Gateway"),
        ("plain words\x1b[31m", "plain words [31m"),
        ("", ""),
    ],
)
async def test_the_servers_words_are_found_wherever_it_puts_them(body: dict[str, object] | str, words: str) -> None:
    line = str(await failure(Refuses(418, body)))
    assert line.endswith(f"refused the request (418){': ' if words else ''}{words}")


async def test_long_words_are_clipped() -> None:
    line = str(await failure(Refuses.because(400, "long " * 1000)))
    assert line.endswith("…")
    assert len(line) < 360


@pytest.mark.parametrize("reply", [Says(""), Raw((b'data: {"choices": []}\n\ndata: [DONE]\n\n',))])
async def test_an_empty_answer_is_none(reply: Reply) -> None:
    error = await failure(reply)
    assert isinstance(error, EmptyAnswer)
    assert "gave an empty answer" in str(error)


async def test_a_model_that_only_thought_is_told_to_need_more_tokens() -> None:
    async with (
        ScriptedServer([Says("", thinking="hmm", finish_reason="length")]) as server,
        HttpModel(server.url, "m") as model,
    ):
        with pytest.raises(EmptyAnswer, match="used up its tokens before it said a word"):
            await model.generate(ASK)
    assert server.count == 1


@pytest.mark.parametrize(
    "reply",
    [
        Refuses.because(401, f"Incorrect API key provided: {KEY}. Get one at …"),
        Refuses.because(500, f"no luck with {KEY}"),
        Refuses(500, f"Authorization: Bearer {KEY}"),
        Refuses.because(404, f"not for {KEY}"),
        Raw((f"data: {KEY}\n\n".encode(),)),
        Refuses(302, "", {"Location": f"http://x.example/?key={KEY}"}),
    ],
)
async def test_the_key_is_in_no_error(reply: Reply) -> None:
    error = await failure(reply, models=("other",))
    assert KEY not in "".join(traceback.format_exception(error))
    assert "***" in str(error)


def test_the_key_is_in_no_repr() -> None:
    model = HttpModel("http://127.0.0.1:1/v1", "m", Secret(KEY), proxy=f"http://me:{KEY}@proxy:1")
    assert KEY not in repr(model)
    assert KEY not in f"{model} {model.api_key} {model.api_key!r}"


def test_a_password_in_the_url_is_refused_and_not_repeated() -> None:
    with pytest.raises(UsageError, match=r"^the URL of host:1 holds a password") as caught:
        HttpModel(f"http://me:{KEY}@host:1/v1", "m")
    assert KEY not in str(caught.value)
