"""Base URLs, their names in sentences, proxies on the way, and keys."""

from __future__ import annotations

import json
import pickle

import pytest

from ocinterp.errors import UsageError
from ocinterp.models.endpoints import base_url, origin, place, proxy_for
from ocinterp.models.secret import Secret


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("http://localhost:11434", "http://localhost:11434/v1"),
        ("http://localhost:11434/", "http://localhost:11434/v1"),
        (" https://openrouter.ai/api/v1/ ", "https://openrouter.ai/api/v1"),
        ("http://h/v1/chat/completions", "http://h/v1"),
        ("http://[::1]:8000/v1", "http://[::1]:8000/v1"),
    ],
)
def test_a_base_url_is_what_was_meant(given: str, meant: str) -> None:
    assert base_url(given) == meant


@pytest.mark.parametrize(
    "given", ["localhost:8000", "http://", "http://h:x", "http://h:0", "http://[::1", "me", f"http://{'x' * 64}.y"]
)
def test_what_is_no_url_is_refused(given: str) -> None:
    with pytest.raises(UsageError):
        base_url(given)


def test_a_place_never_shows_a_password() -> None:
    assert place("http://me:secret@host:8/v1") == "host:8"


def test_the_usual_port_need_not_be_said() -> None:
    assert origin("https://HOST/v1") == origin("https://host:443/other")
    assert origin("http://host/v1") != origin("https://host/v1")


@pytest.mark.parametrize(
    ("url", "environ", "proxy"),
    [
        ("https://api.x.com/v1", {"HTTPS_PROXY": "http://p:1"}, "http://p:1"),
        ("https://api.x.com/v1", {"https_proxy": "http://q:1", "HTTPS_PROXY": "http://p:1"}, "http://q:1"),
        ("https://api.x.com/v1", {"ALL_PROXY": "http://p:1"}, "http://p:1"),
        ("https://api.x.com/v1", {"HTTP_PROXY": "http://p:1"}, None),
        ("https://api.x.com/v1", {"ALL_PROXY": "socks5://p:1"}, None),
        ("https://api.x.com/v1", {"ALL_PROXY": "http://p:1", "NO_PROXY": "y.com, .x.com"}, None),
        ("https://api.x.com/v1", {"ALL_PROXY": "http://p:1", "no_proxy": "x.com"}, None),
        ("https://api.x.com/v1", {"ALL_PROXY": "http://p:1", "no_proxy": "*"}, None),
        ("https://api.x.com/v1", {"ALL_PROXY": "http://p:1", "no_proxy": "pi.x.com"}, "http://p:1"),
        ("http://127.0.0.1:8000/v1", {"ALL_PROXY": "http://p:1", "HTTP_PROXY": "http://p:1"}, None),
        ("https://api.x.com/v1", {}, None),
    ],
)
def test_the_proxy_is_the_one_the_environment_prescribes(url: str, environ: dict[str, str], proxy: str | None) -> None:
    assert proxy_for(url, environ) == proxy


def test_a_secret_shows_itself_to_nobody() -> None:
    secret = Secret(" sk-123\n")
    assert secret.reveal() == "sk-123"
    assert "123" not in f"{secret} {secret!r} {[secret]}"
    assert secret.scrub("a sk-123 b") == "a *** b"
    assert secret == Secret("sk-123") != Secret("x")
    assert len({secret, Secret("sk-123")}) == 1
    assert not Secret("")
    assert Secret("").scrub("abc") == "abc"
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    with pytest.raises(TypeError):
        json.dumps(secret)


@pytest.mark.parametrize("value", ["sk-1\r\nX: y", "sk-é", "sk\x00"])
def test_a_key_that_no_header_can_carry_is_refused_without_being_told(value: str) -> None:
    with pytest.raises(UsageError, match=r"^MY_KEY holds characters that no key has; copy it again$"):
        Secret(value, name="MY_KEY")
