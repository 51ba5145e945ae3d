"""Which model answers: what was asked for, else the first that can be found, and one line that says why.

In this order: --model, the OCINTERP_ variables, the config file, the keys of hosted providers, a server on this
machine, the model that came with the package. A choice that cannot be carried out is an error; the search never goes on past it to something else.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from ocinterp.errors import ModelError, UsageError
from ocinterp.models.endpoints import base_url, origin, place, proxy_for
from ocinterp.models.listing import closest, enumerate_some, list_models, ranked
from ocinterp.models.local import LOCAL_SERVERS, Candidate, Probe, candidates, probe_local
from ocinterp.models.pocket import card
from ocinterp.models.secret import Secret

_AT_URL = re.compile(r"(?:(?P<name>.+)@)?(?P<url>https?://\S+)")
_AT_HOST = re.compile(r"(?P<name>(?:(?!://).)+@)(?P<host>[\w.-]+:\d+(?:/\S*)?)")  # the same without the scheme


@dataclass(frozen=True, slots=True)
class Provider:
    """A hosted service: its prefix in model specs, the variable with its key, its base URL, the model to begin with.

    `default_model` None: ask the service which models it has.
    """

    prefix: str
    key_name: str
    base_url: str
    default_model: str | None


_OURSELVES = re.compile(r"(?:person|pocket)\Z|(?:replay|pocket|hf):")  # specs of what no server answers for

# Names as of November 2026. One that is retired shows itself: the error then lists what there is.
PROVIDERS = (
    Provider("openai", "OPENAI_API_KEY", "https://api.openai.com/v1", "gpt-6-luna"),
    Provider("openrouter", "OPENROUTER_API_KEY", "https://openrouter.ai/api/v1", "openrouter/auto"),
    Provider("groq", "GROQ_API_KEY", "https://api.groq.com/openai/v1", "openai/gpt-oss-120b"),
    Provider("together", "TOGETHER_API_KEY", "https://api.together.xyz/v1", "openai/gpt-oss-120b"),
    Provider("deepseek", "DEEPSEEK_API_KEY", "https://api.deepseek.com/v1", "deepseek-v4-flash"),
    Provider("mistral", "MISTRAL_API_KEY", "https://api.mistral.ai/v1", "codestral-latest"),
)

NOTHING_FOUND = (
    "no model found: set OPENAI_API_KEY (or another provider's key), or start Ollama, or use --model hf:NAME (in "
    "this process), --model person (you paste the replies) or --model replay:FILE; `ocinterp doctor` shows where it looked"
)


@dataclass(frozen=True, slots=True)
class Served:
    """A model behind an OpenAI-compatible endpoint: the arguments of an HttpModel."""

    base_url: str
    name: str
    api_key: Secret | None = None
    key_name: str = "OCINTERP_API_KEY"
    proxy: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Person:
    """You are the model."""


@dataclass(frozen=True, slots=True)
class Replay:
    """Recorded answers, which are no model."""

    path: str


@dataclass(frozen=True, slots=True)
class InProcess:
    """A model that answers in this process: a pocket model in the folder `place`, or what transformers finds under it."""

    kind: Literal["pocket", "hf"]
    place: str
    name: str


@dataclass(frozen=True, slots=True)
class Choice:
    """What answers, and the one line to print: which, why, and how to get a better one."""

    model: Served | Person | Replay | InProcess
    line: str


@dataclass(frozen=True, slots=True)
class Step:
    """A place where a model was looked for, what was found there, and whether that is the one."""

    name: str
    finding: str
    chosen: bool = False


async def resolve(
    requested: str | None,
    *,
    config: Mapping[str, str],
    environ: Mapping[str, str],
    local: Sequence[Candidate] = LOCAL_SERVERS,
    built_in: Path | None = None,
) -> Choice:
    """The model to use. `requested` is --model; `config` may hold model, base_url and api_key. `built_in` is the folder of the
    model that came with the package, where it is another than usual.

    UsageError or ModelError, in one line, when what was asked for is not to be had, or nothing is found.
    """
    search = _Search(requested or "", config, environ, local, built_in or card.BUILT_IN)
    for _, look in _PLACES:
        if isinstance(found := await look(search), Choice):
            return found
    raise UsageError(NOTHING_FOUND)


async def explain(
    requested: str | None,
    *,
    config: Mapping[str, str],
    environ: Mapping[str, str],
    local: Sequence[Candidate] = LOCAL_SERVERS,
    built_in: Path | None = None,
) -> tuple[Step, ...]:
    """Every place that `resolve` looks at, also those after the one where it stops; local servers one by one."""
    search = _Search(requested or "", config, environ, local, built_in or card.BUILT_IN)
    steps: list[Step] = []
    decided = False
    for name, look in _PLACES:
        found, failed = "", False
        try:
            found = await look(search)
        except (UsageError, ModelError) as error:
            found, failed = str(error), True  # `resolve` raises here
        chosen = isinstance(found, Choice) and not decided
        if look is _local:
            probes = await search.probes()
            best = _best(probes) if chosen else None
            steps += [Step(probe.candidate.label, probe.finding, probe is best) for probe in probes]
        else:
            steps.append(Step(name, found.line if isinstance(found, Choice) else found, chosen))
        decided = decided or chosen or failed
    return tuple(steps)


@dataclass
class _Search:
    """What a search starts from, and what it has found on this machine so far."""

    requested: str
    config: Mapping[str, str]
    environ: Mapping[str, str]
    local: Sequence[Candidate]
    built_in: Path
    _probes: tuple[Probe, ...] | None = None

    def __post_init__(self) -> None:
        self.local = candidates(self.environ, self.local)

    async def probes(self) -> tuple[Probe, ...]:
        if self._probes is None:
            self._probes = await probe_local(self.local)
        return self._probes

    def providers(self) -> Iterator[Provider]:
        """The hosted services, with OpenAI's where OPENAI_BASE_URL says: another server, so other models."""
        elsewhere = self.environ.get("OPENAI_BASE_URL")
        for each in PROVIDERS:
            if each.prefix == "openai" and elsewhere:
                each = replace(each, base_url=base_url(elsewhere), default_model=None)
            yield each

    def keys(self) -> Iterator[tuple[str, str, str]]:
        """(name, key, the base URL that it is for) of every key there is; "" as URL: for any that is named."""
        own = [
            ("OCINTERP_API_KEY", self.environ.get("OCINTERP_API_KEY"), self.environ.get("OCINTERP_BASE_URL")),
            ("api_key in the config file", self.config.get("api_key"), self.config.get("base_url")),
        ]
        hosted = [(each.key_name, self.environ.get(each.key_name), each.base_url) for each in self.providers()]
        for name, key, url in own + hosted:
            if key:
                yield name, key, url or ""

    def served(self, url: str, name: str, key_name: str = "OCINTERP_API_KEY") -> Served:
        """The model at `url`, with the key that belongs there: one is never sent to a server that it is not for."""
        here = origin(url)
        fitting = [(key_name, key, home) for key_name, key, home in self.keys() if not home or origin(home) == here]
        fitting.sort(key=lambda each: not each[2])  # one for this very server before one for any
        proxy = proxy_for(url, self.environ)
        if not fitting:
            return Served(url, name, None, key_name, proxy)
        return Served(url, name, Secret(fitting[0][1], name=fitting[0][0]), fitting[0][0], proxy)


async def _requested(search: _Search) -> Choice | str:
    if not search.requested:
        return "not given"
    return await _by_spec(search, search.requested, "as --model says")


async def _variables(search: _Search) -> Choice | str:
    model, url = search.environ.get("OCINTERP_MODEL"), search.environ.get("OCINTERP_BASE_URL")
    return await _by_setting(search, model, url, "OCINTERP_MODEL" if model else "OCINTERP_BASE_URL") or "not set"


async def _config(search: _Search) -> Choice | str:
    model, url = search.config.get("model"), search.config.get("base_url")
    return await _by_setting(search, model, url, "the config file") or "names no model"


async def _keys(search: _Search) -> Choice | str:
    for provider in search.providers():
        reason = provider.key_name if search.environ.get(provider.key_name) else ""
        if not reason and provider.base_url not in {each.base_url for each in PROVIDERS}:
            reason = "OPENAI_BASE_URL"  # a server of one's own often wants no key
        if reason:
            served = search.served(provider.base_url, await _first_of(search, provider), provider.key_name)
            return Choice(served, f"{_named(served)}, because {reason} is set; --model NAME chooses another.")
    return "none of " + ", ".join(each.key_name for each in PROVIDERS)


async def _local(search: _Search) -> Choice | str:
    best = _best(await search.probes())
    if best is None:
        return "no server with a chat model"
    names = ranked(best.models)
    served = search.served(best.candidate.base_url, names[0])
    others = f"it also has {enumerate_some(names[1:], most=3)}; " if names[1:] else ""
    better = f"{others}--model NAME chooses another, a key such as OPENAI_API_KEY a hosted one"
    return Choice(served, f"{_named(served)}, found running here ({best.candidate.name}); {better}.")


async def _built_in(search: _Search) -> Choice | str:
    if not card.there(search.built_in):
        return "none came with this installation"
    return _pocket(search, "", "which came with the package, because nothing else was found")


_PLACES: tuple[tuple[str, Callable[[_Search], Awaitable[Choice | str]]], ...] = (
    ("--model", _requested),
    ("OCINTERP_MODEL, OCINTERP_BASE_URL", _variables),
    ("config file", _config),
    ("provider keys", _keys),
    ("local servers", _local),
    ("built-in model", _built_in),
)


async def _by_setting(search: _Search, model: str | None, url: str | None, where: str) -> Choice | None:
    """A name and a base URL set in the same place belong together, whatever the name looks like."""
    if model and (not url or _OURSELVES.match(model) or _AT_URL.fullmatch(model)):
        return await _by_spec(search, model, f"as {where} says")
    if url:
        at = base_url(url)
        served = search.served(at, model or await _first_at(search, at))
        return Choice(served, f"{_named(served)}, as {where} says; --model NAME chooses another.")
    return None


async def _by_spec(search: _Search, spec: str, why: str) -> Choice:
    """person | replay:FILE | pocket[:DIR] | hf:NAME | [NAME@]URL | PREFIX[/NAME] | NAME."""
    kind, _, place_named = spec.partition(":")
    if kind == "pocket":
        return _pocket(search, place_named, why)
    if kind == "hf":
        return _hub(place_named, why)
    if match := _AT_HOST.fullmatch(spec):
        spec = f"{match['name']}http://{match['host']}"
    if spec == "person":
        line = f"Model: you, {why}. Paste replies from any chat; `ocinterp doctor` lists models that reply themselves."
        return Choice(Person(), line)
    if spec.startswith("replay:"):
        path = spec.removeprefix("replay:")
        line = f"Replay: answers recorded in {path}, {why}. This is no model; leave it out to ask one."
        return Choice(Replay(path), line)
    served = await _served_by_spec(search, spec)
    return Choice(served, f"{_named(served)}, {why}; `ocinterp doctor` lists what else there is.")


def _pocket(search: _Search, folder: str, why: str) -> Choice:
    if not folder and not card.there(search.built_in):
        raise UsageError("no model came with this installation: --model pocket:FOLDER names one that was trained")
    place = folder or str(search.built_in)
    about = card.read(Path(place))
    line = (
        f"Model: {about.name}, {why}: {about.size_bytes / 1e6:.1f} MB that know small Python functions and nothing else; "
        f"{about.measured}. For more set a key such as OPENAI_API_KEY, start Ollama, or give --model NAME."
    )
    return Choice(InProcess("pocket", place, about.name), line)


def _hub(place: str, why: str) -> Choice:
    if not place:
        raise UsageError("say which model: --model hf:NAME of the hub, or hf:FOLDER")
    name = card.stamped(Path(place)) if Path(place).is_dir() else place
    line = f"Model: {name}, in this process (transformers), {why}; `ocinterp doctor` lists what else there is."
    return Choice(InProcess("hf", place, name), line)


async def _served_by_spec(search: _Search, spec: str) -> Served:
    if match := _AT_URL.fullmatch(spec):
        url = base_url(match["url"])
        return search.served(url, match["name"] or await _first_at(search, url))
    prefix, _, name = spec.partition("/")
    for provider in search.providers():
        if prefix == provider.prefix:
            return await _hosted(search, provider, name)
    for candidate in search.local:
        if prefix == candidate.prefix:
            url = candidate.base_url
            return search.served(url, name or await _first_at(search, url))
    for url in (search.environ.get("OCINTERP_BASE_URL"), search.config.get("base_url")):
        if url:
            return search.served(base_url(url), spec)
    return await _by_name(search, spec)


async def _hosted(search: _Search, provider: Provider, name: str) -> Served:
    name = name or await _first_of(search, provider)
    served = search.served(provider.base_url, name, provider.key_name)
    if not served.api_key and provider in PROVIDERS:
        hint = f", or --model openrouter/{provider.prefix}/{name}" if search.environ.get("OPENROUTER_API_KEY") else ""
        raise UsageError(f"{provider.prefix}/{name} needs a key: set {provider.key_name}{hint}")
    return served


async def _by_name(search: _Search, name: str) -> Served:
    """A bare name: at the server here that lists it, else at the first provider whose key is set."""
    probes = await search.probes()
    for probe in probes:
        for listed in (name, f"{name}:latest"):  # Ollama's way to say that no tag was given
            if listed in probe.models:
                return search.served(probe.candidate.base_url, listed)
    for provider in search.providers():
        if search.environ.get(provider.key_name) or provider not in PROVIDERS:
            return search.served(provider.base_url, name, provider.key_name)
    known = [model for probe in probes for model in probe.models]
    if known:
        raise UsageError(f"no server here has the model {name}; there is {enumerate_some(closest(known, name))}")
    raise UsageError(
        f"nobody to ask for the model {name}: set a provider's key such as OPENAI_API_KEY, start a local server such "
        f"as Ollama, or say where it is: --model {name}@http://HOST:PORT/v1"
    )


async def _first_of(search: _Search, provider: Provider) -> str:
    return provider.default_model or await _first_at(search, provider.base_url)


async def _first_at(search: _Search, url: str) -> str:
    there = search.served(url, "")
    names = ranked(await list_models(url, api_key=there.api_key, proxy=there.proxy))
    if not names:
        raise UsageError(f"{url} lists no chat model; name one: --model NAME@{url}")
    return names[0]


def _best(probes: Sequence[Probe]) -> Probe | None:
    return next((probe for probe in probes if ranked(probe.models)), None)


def _named(served: Served) -> str:
    return f"Model: {served.name} at {place(served.base_url)}"
