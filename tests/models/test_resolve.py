"""Which model answers, why, and what the line says; against real servers and closed ports of this machine."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from models.pocket.tiny import write
from ocinterp.errors import ModelError, UsageError
from ocinterp.models.listing import closest, names_in, ranked
from ocinterp.models.local import LOCAL_SERVERS, Candidate, candidates, probe_local
from ocinterp.models.pocket import card
from ocinterp.models.resolve import (
    NOTHING_FOUND,
    PROVIDERS,
    Choice,
    InProcess,
    Person,
    Replay,
    Served,
    Step,
    explain,
    resolve,
)
from ocinterp.models.secret import Secret
from ocinterp.testing import ScriptedServer

KEY = "sk-very-secret-0123456789"
NOWHERE = Path("/nowhere")
CODERS = ("nomic-embed-text:latest", "llama3.2:3b", "qwen2.5-coder:7b", "codestral:latest")


@pytest.fixture
def closed() -> Iterator[Candidate]:
    """A port that is bound but not listened to: it stays closed, and nobody else can open it."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield Candidate("vLLM", "vllm", f"http://127.0.0.1:{holder.getsockname()[1]}")


@pytest.fixture
async def ollama() -> AsyncIterator[ScriptedServer]:
    async with ScriptedServer(models=CODERS, ollama=True) as server:
        yield server


def as_ollama(server: ScriptedServer) -> Candidate:
    return Candidate("Ollama", "ollama", server.root, "/api/tags")


async def choose(
    requested: str | None = None,
    *,
    config: Mapping[str, str] | None = None,
    environ: Mapping[str, str] | None = None,
    local: Sequence[Candidate] = (),
    built_in: Path = NOWHERE,
) -> Choice:
    choice = await resolve(requested, config=config or {}, environ=environ or {}, local=local, built_in=built_in)
    assert "\n" not in choice.line
    assert KEY not in choice.line
    assert KEY not in repr(choice)
    return choice


async def served(requested: str | None = None, **given: object) -> Served:
    choice = await choose(requested, **given)  # pyright: ignore[reportArgumentType]
    assert isinstance(choice.model, Served)
    return choice.model


# --- the order ---


async def test_nothing_anywhere_says_what_to_do(closed: Candidate) -> None:
    with pytest.raises(UsageError) as caught:
        await choose(local=[closed])
    assert str(caught.value) == NOTHING_FOUND
    for way in ("OPENAI_API_KEY", "Ollama", "--model person", "--model replay:FILE", "ocinterp doctor"):
        assert way in NOTHING_FOUND


async def test_each_place_is_looked_at_only_when_those_before_it_have_nothing(ollama: ScriptedServer) -> None:
    local = [as_ollama(ollama)]
    key = {"MISTRAL_API_KEY": KEY}
    config = {"model": "from-config", "base_url": "http://config:1/v1"}
    variables = {"OCINTERP_MODEL": "from-variable", "OCINTERP_BASE_URL": "http://variable:1/v1"}
    flag = "from-flag@http://flag:1/v1"
    assert (await served(local=local)).name == "qwen2.5-coder:7b"
    assert (await served(local=local, environ=key)).name == "codestral-latest"
    assert (await served(local=local, environ=key, config=config)).name == "from-config"
    assert (await served(local=local, environ={**key, **variables}, config=config)).name == "from-variable"
    assert (await served(flag, local=local, environ={**key, **variables}, config=config)).name == "from-flag"


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.prefix)
async def test_every_providers_key_leads_to_its_default_model(provider: object) -> None:
    assert provider in PROVIDERS
    found = next(each for each in PROVIDERS if each is provider)
    choice = await choose(environ={found.key_name: KEY})
    assert choice.model == Served(found.base_url, found.default_model or "", Secret(KEY), found.key_name)
    assert f"because {found.key_name} is set" in choice.line
    assert "--model NAME chooses another" in choice.line


async def test_a_local_server_is_chosen_with_its_coder_and_says_what_else_it_has(ollama: ScriptedServer) -> None:
    choice = await choose(local=[as_ollama(ollama)])
    assert choice.model == Served(ollama.url, "qwen2.5-coder:7b")
    assert "found running here (Ollama); it also has codestral:latest, llama3.2:3b; " in choice.line


async def test_a_server_with_nothing_to_chat_with_is_passed_by(ollama: ScriptedServer) -> None:
    async with ScriptedServer(models=("bge-m3", "whisper-1")) as other:
        local = [Candidate("vLLM", "vllm", other.root), as_ollama(ollama)]
        assert (await served(local=local)).base_url == ollama.url


# --- specs ---


async def test_a_person_and_a_replay_are_named_as_what_they_are() -> None:
    person, replay = await choose("person"), await choose("replay:talk one.jsonl")
    assert person.model == Person()
    assert person.line.startswith("Model: you, as --model says.")
    assert replay.model == Replay("talk one.jsonl")
    assert replay.line.startswith("Replay: answers recorded in talk one.jsonl")
    assert "no model" in replay.line
    assert (await choose(environ={"OCINTERP_MODEL": "person"})).model == Person()
    assert (await choose(config={"model": "replay:x", "base_url": "http://h/v1"})).model == Replay("x")


async def test_a_name_at_a_url_is_taken_as_it_stands() -> None:
    assert await served("openai/gpt-oss:20b@http://gpu:8000") == Served("http://gpu:8000/v1", "openai/gpt-oss:20b")
    assert (await served("m@2024@https://x.example/api/v1/")).name == "m@2024"


@pytest.mark.parametrize(
    "spec", ["http://me:s3cret@gpu:8000/v1", "m@http://me:s3cret@gpu:8000/v1", "m@https://me:s3cret@gpu"]
)
async def test_a_password_in_a_url_is_refused_and_not_told(spec: str) -> None:
    with pytest.raises(UsageError, match="holds a password; give it as the API key instead") as refused:
        await served(spec)
    assert "s3cret" not in str(refused.value)


async def test_a_url_alone_means_its_first_model(ollama: ScriptedServer) -> None:
    assert await served(ollama.url) == Served(ollama.url, "qwen2.5-coder:7b")


async def test_a_url_where_nobody_answers_is_an_error_and_not_passed_over(closed: Candidate) -> None:
    with pytest.raises(ModelError, match=f"^no model server answers at {closed.base_url}; is it running"):
        await choose(closed.base_url, environ={"OPENAI_API_KEY": KEY})


async def test_a_url_without_chat_models_asks_for_a_name() -> None:
    async with ScriptedServer(models=("bge-m3",)) as server:
        with pytest.raises(UsageError, match="name one: --model NAME@"):
            await choose(server.url)


async def test_a_prefix_chooses_the_provider(ollama: ScriptedServer) -> None:
    environ = {"GROQ_API_KEY": KEY, "OPENAI_API_KEY": "sk-other"}
    groq = Served("https://api.groq.com/openai/v1", "openai/gpt-oss-20b", Secret(KEY), "GROQ_API_KEY")
    assert await served("groq/openai/gpt-oss-20b", environ=environ) == groq
    assert (await served("groq", environ=environ)).name == "openai/gpt-oss-120b"
    assert await served("ollama/phi4", local=[as_ollama(ollama)]) == Served(ollama.url, "phi4")
    assert (await served("ollama", local=[as_ollama(ollama)])).name == "qwen2.5-coder:7b"


async def test_a_prefix_without_its_key_names_the_key() -> None:
    with pytest.raises(UsageError, match=r"^openai/gpt-x needs a key: set OPENAI_API_KEY$"):
        await choose("openai/gpt-x")
    with pytest.raises(UsageError, match=r"or --model openrouter/openai/gpt-x$"):
        await choose("openai/gpt-x", environ={"OPENROUTER_API_KEY": KEY})


async def test_a_bare_name_goes_to_the_base_url_that_is_set() -> None:
    environ = {"OCINTERP_BASE_URL": "http://gpu:8000", "OPENAI_API_KEY": KEY}
    assert await served("my-model", environ=environ) == Served("http://gpu:8000/v1", "my-model")
    assert (await served("my-model", config={"base_url": "http://conf:1/v1"})).base_url == "http://conf:1/v1"


async def test_a_bare_name_goes_to_the_server_here_that_lists_it_before_a_hosted_one(ollama: ScriptedServer) -> None:
    given = {"environ": {"OPENAI_API_KEY": KEY}, "local": [as_ollama(ollama)]}
    assert await served("llama3.2:3b", **given) == Served(ollama.url, "llama3.2:3b")
    assert (await served("codestral", **given)).name == "codestral:latest"
    assert await served("gpt-x", **given) == Served("https://api.openai.com/v1", "gpt-x", Secret(KEY), "OPENAI_API_KEY")


async def test_a_bare_name_that_nobody_has_is_answered_with_the_closest(ollama: ScriptedServer) -> None:
    with pytest.raises(UsageError, match=r"^no server here has the model qwen3-coder; there is qwen2\.5-coder:7b, "):
        await choose("qwen3-coder", local=[as_ollama(ollama)])


async def test_a_bare_name_with_nobody_to_ask_says_how_to_say_where(closed: Candidate) -> None:
    with pytest.raises(UsageError, match=r"--model gpt-x@http://HOST:PORT/v1$"):
        await choose("gpt-x", local=[closed])


async def test_a_name_and_a_url_set_together_belong_together() -> None:
    config = {"model": "openai/gpt-oss-20b", "base_url": "http://gpu:8000/v1"}
    assert await served(config=config) == Served("http://gpu:8000/v1", "openai/gpt-oss-20b")


async def test_a_page_that_is_no_list_is_no_model_server() -> None:
    async with ScriptedServer(ollama=True) as server:
        odd = Candidate("LM Studio", "lmstudio", server.root, "/health")
        (probe,) = await probe_local([odd])
        assert probe.state == "odd"
        with pytest.raises(ModelError, match=r"does not list its models \(404\)$"):
            await choose(f"{server.root}/elsewhere")


async def test_a_base_url_alone_means_its_first_model(ollama: ScriptedServer) -> None:
    choice = await choose(environ={"OCINTERP_BASE_URL": ollama.root})
    assert choice.model == Served(ollama.url, "qwen2.5-coder:7b")
    assert "as OCINTERP_BASE_URL says" in choice.line


# --- models in this process ---


async def test_the_model_that_came_with_the_package_is_the_last_resort(
    tmp_path: Path, closed: Candidate, ollama: ScriptedServer
) -> None:
    built_in = write(tmp_path / "nano", small=False)
    choice = await choose(local=[closed], built_in=built_in)
    assert isinstance(choice.model, InProcess)
    assert (choice.model.kind, choice.model.place) == ("pocket", str(built_in))
    assert choice.line == (
        f"Model: {choice.model.name}, which came with the package, because nothing else was found: 0.2 MB that know small "
        "Python functions and nothing else; how much it solves has not been measured. For more set a key such as "
        "OPENAI_API_KEY, start Ollama, or give --model NAME."
    )
    assert isinstance((await choose(local=[as_ollama(ollama)], built_in=built_in)).model, Served)
    steps = await explain(None, config={}, environ={}, local=[closed], built_in=built_in)
    assert steps[-1] == Step("built-in model", choice.line, chosen=True)


async def test_a_pocket_model_is_named_by_its_folder(tmp_path: Path) -> None:
    folder = write(tmp_path / "mine", small=False)
    choice = await choose(f"pocket:{folder}", environ={"OPENAI_API_KEY": KEY})
    assert choice.model == InProcess("pocket", str(folder), card.read(folder).name)
    assert (await choose("pocket", built_in=folder)).model == choice.model
    assert "as --model says: 0.2 MB" in choice.line
    config = {"model": f"pocket:{folder}", "base_url": "http://elsewhere:1/v1"}
    assert (await choose(config=config)).model == choice.model
    with pytest.raises(UsageError, match="no model came with this installation: --model pocket:FOLDER"):
        await choose("pocket")
    with pytest.raises(UsageError, match="nowhere holds no pocket model"):
        await choose("pocket:/nowhere")


async def test_a_model_of_the_hub_or_in_a_folder_answers_in_this_process(tmp_path: Path) -> None:
    choice = await choose("hf:Qwen/Qwen3-0.6B", environ={"OPENAI_API_KEY": KEY})
    assert choice.model == InProcess("hf", "Qwen/Qwen3-0.6B", "Qwen/Qwen3-0.6B")
    assert "Qwen/Qwen3-0.6B, in this process (transformers), as --model says" in choice.line
    folder = write(tmp_path / "mine")
    first = (await choose(f"hf:{folder}")).model
    assert isinstance(first, InProcess)
    assert first.name.startswith("mine@")
    (folder / "model.safetensors").write_bytes(b"other weights")
    assert (await choose(f"hf:{folder}")).model != first
    with pytest.raises(UsageError, match="say which model: --model hf:NAME"):
        await choose("hf:")


# --- keys ---


async def test_a_key_is_never_sent_to_a_server_that_it_is_not_for() -> None:
    environ = {provider.key_name: KEY for provider in PROVIDERS}
    bound = {**environ, "OCINTERP_API_KEY": KEY, "OCINTERP_BASE_URL": "https://mine.example/v1"}
    assert (await served("m@http://stranger.example/v1", environ=bound)).api_key is None
    assert (await served("m@https://mine.example/v1", environ=bound)).api_key == Secret(KEY)
    assert (await served("m@http://api.openai.com/v1", environ=environ)).api_key is None  # not without TLS
    config = {"api_key": KEY, "base_url": "https://conf.example/v1"}
    assert (await served("m@http://stranger.example/v1", config=config)).api_key is None
    assert (await served("m", config=config)).api_key == Secret(KEY)


async def test_our_own_key_goes_where_it_is_told_to_but_after_the_servers_own() -> None:
    environ = {"OCINTERP_API_KEY": "own", "GROQ_API_KEY": "groq"}
    assert (await served("m@http://gpu:1/v1", environ=environ)).api_key == Secret("own")
    assert (await served("m@https://api.groq.com/openai/v1", environ=environ)).api_key == Secret("groq")
    assert (await served("mistral/m", environ=environ)).api_key == Secret("own")


async def test_openais_variables_may_point_elsewhere(ollama: ScriptedServer) -> None:
    environ = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": f"{ollama.url}/"}
    there = Served(ollama.url, "qwen2.5-coder:7b", Secret(KEY), "OPENAI_API_KEY")
    assert await served(environ=environ) == there
    assert (await served("openai/x", environ=environ)).base_url == ollama.url
    keyless = await choose(environ={"OPENAI_BASE_URL": ollama.url})
    assert keyless.model == Served(ollama.url, "qwen2.5-coder:7b", None, "OPENAI_API_KEY")
    assert "because OPENAI_BASE_URL is set" in keyless.line
    assert (await served("x", environ={"OPENAI_BASE_URL": ollama.url})).base_url == ollama.url


async def test_a_key_that_cannot_be_one_is_named() -> None:
    with pytest.raises(UsageError, match=r"^GROQ_API_KEY holds characters"):
        await choose(environ={"GROQ_API_KEY": "sk-\x00"})


async def test_the_proxy_of_the_environment_goes_with_the_choice() -> None:
    environ = {"OPENAI_API_KEY": KEY, "HTTPS_PROXY": "http://me:pass@proxy:1"}
    choice = await choose(environ=environ)
    assert isinstance(choice.model, Served)
    assert choice.model.proxy == "http://me:pass@proxy:1"
    assert "pass" not in repr(choice)


# --- probing ---


async def test_closed_ports_slow_servers_odd_servers_and_model_servers_are_told_apart(
    closed: Candidate, ollama: ScriptedServer
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts, and never says a word
        slow = Candidate("SGLang", "sglang", f"http://127.0.0.1:{silent.getsockname()[1]}")
        odd = Candidate("LM Studio", "lmstudio", ollama.root, "/nowhere")
        probes = await probe_local([closed, slow, odd, as_ollama(ollama)])
    assert [probe.state for probe in probes] == ["closed", "timeout", "odd", "answers"]
    assert probes[3].models == CODERS
    assert [probe.finding for probe in probes] == [
        "nobody listens",
        "no answer within 250 ms",
        "something listens, but does not list models",
        "has qwen2.5-coder:7b, codestral:latest, llama3.2:3b",
    ]


@pytest.mark.parametrize(
    ("address", "root"),
    [
        ("0.0.0.0:9999", "http://127.0.0.1:9999"),
        ("gpu", "http://gpu:11434"),
        ("http://gpu:80", "http://gpu:80"),
        ("https://gpu", "https://gpu:443"),
        ("[::1]:5", "http://[::1]:5"),
        ("", "http://127.0.0.1:11434"),
        ("http://:x", "http://127.0.0.1:11434"),
    ],
)
def test_ollama_is_looked_for_where_its_variable_says(address: str, root: str) -> None:
    found = candidates({"OLLAMA_HOST": address})
    assert found[0].root == root
    assert found[1:] == LOCAL_SERVERS[1:]


# --- doctor ---


async def test_every_place_is_explained_with_what_is_there(closed: Candidate, ollama: ScriptedServer) -> None:
    local = [closed, as_ollama(ollama)]
    steps = await explain(None, config={}, environ={}, local=local, built_in=NOWHERE)
    assert steps == (
        Step("--model", "not given"),
        Step("OCINTERP_MODEL, OCINTERP_BASE_URL", "not set"),
        Step("config file", "names no model"),
        Step("provider keys", "none of " + ", ".join(each.key_name for each in PROVIDERS)),
        Step(f"vLLM at {closed.root[7:]}", "nobody listens"),
        Step(f"Ollama at {ollama.root[7:]}", "has qwen2.5-coder:7b, codestral:latest, llama3.2:3b", chosen=True),
        Step("built-in model", "none came with this installation"),
    )


async def test_exactly_the_choice_of_resolve_is_marked_as_chosen(ollama: ScriptedServer) -> None:
    local = [as_ollama(ollama)]
    environ = {"OPENAI_API_KEY": KEY, "OCINTERP_MODEL": "person"}
    steps = await explain(None, config={}, environ=environ, local=local)
    choice = await choose(environ=environ, local=local)
    assert [step.finding for step in steps if step.chosen] == [choice.line]
    assert any("gpt-6-luna" in step.finding for step in steps)
    assert KEY not in repr(steps)


async def test_where_resolve_fails_nothing_is_chosen_and_the_rest_is_still_shown(ollama: ScriptedServer) -> None:
    steps = await explain("openai/x", config={}, environ={"GROQ_API_KEY": KEY}, local=[as_ollama(ollama)])
    assert steps[0] == Step("--model", "openai/x needs a key: set OPENAI_API_KEY")
    assert not any(step.chosen for step in steps)
    assert "has qwen2.5-coder:7b" in steps[-2].finding


# --- names ---


def test_coders_come_first_and_what_cannot_chat_not_at_all() -> None:
    names = ("llama3", "text-embedding-3", "deepseek-coder", "bge-m3", "starcoder2", "mistral", "nomic-embed-code")
    assert ranked(names) == ("deepseek-coder", "starcoder2", "llama3", "mistral")


def test_the_closest_name_comes_first() -> None:
    assert closest(("bert", "gpt-4", "GPT-4o"), "gpt-4o") == ("GPT-4o", "gpt-4", "bert")


@pytest.mark.parametrize(
    ("document", "names"),
    [
        ({"data": [{"id": "a"}, {"odd": 1}, 3]}, ("a",)),
        ({"models": [{"name": "a"}]}, ("a",)),
        ([{"id": "a"}], ("a",)),
        ({"data": None}, None),
        ("a", None),
        (None, None),
    ],
)
def test_names_are_found_in_every_servers_list(document: object, names: tuple[str, ...] | None) -> None:
    assert names_in(document) == names
