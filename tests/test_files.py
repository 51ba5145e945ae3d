"""A file is replaced in one step or not at all; a private one is private from the start, and a newer one is refused."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocinterp import files
from ocinterp.errors import DataError


@pytest.fixture
def umask() -> Iterator[None]:
    """The usual one, whoever runs the tests."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def broken() -> Iterator[bytes]:
    yield b"new"
    raise ZeroDivisionError


@given(st.binary(max_size=100), st.lists(st.binary(max_size=100), max_size=5))
def test_the_new_content_takes_the_place_of_the_old(
    tmp_path_factory: pytest.TempPathFactory, old: bytes, new: list[bytes]
) -> None:
    path = tmp_path_factory.mktemp("files") / "x"
    for chunks in ([old], new):
        files.replace_file(path, chunks)
        assert path.read_bytes() == b"".join(chunks)
    assert list(path.parent.iterdir()) == [path]


def test_the_old_content_stays_until_the_new_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"old")

    def watching() -> Iterator[bytes]:
        for _ in range(3):
            assert path.read_bytes() == b"old"
            yield b"n" * 100_000

    files.write_in_one_step(path, watching())
    assert path.read_bytes() == b"n" * 300_000


def test_whatever_breaks_the_writing_leaves_the_old_content_alone(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"old")
    for write in (files.replace_file, files.write_in_one_step):
        with pytest.raises(ZeroDivisionError):
            write(path, broken())
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_the_system_says_comes_with_advice_or_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "no such folder" / "x"
    with pytest.raises(
        DataError, match=rf"no such file or directory: make its folder first \(mkdir -p '{path.parent}'"
    ):
        files.replace_file(path, [b"new"])
    with pytest.raises(FileNotFoundError):
        files.write_in_one_step(path, [b"new"])


def test_a_link_is_followed_by_the_one_and_replaced_by_the_other(tmp_path: Path) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    link.symlink_to(real)
    files.replace_file(link, [b"1"])
    assert (link.is_symlink(), real.read_bytes()) == (True, b"1")
    files.write_in_one_step(link, [b"2"])
    assert (link.is_symlink(), link.read_bytes(), real.read_bytes()) == (False, b"2", b"1")


@pytest.mark.usefixtures("umask")
@pytest.mark.parametrize(("mode", "found"), [(None, 0o644), (0o600, 0o600), (0o666, 0o666), (0o400, 0o400)])
def test_permissions_are_the_ones_that_are_named(tmp_path: Path, mode: int | None, found: int) -> None:
    for _ in range(2):
        files.write_in_one_step(tmp_path / "x", [b"1"], mode=mode)
        assert (tmp_path / "x").stat().st_mode & 0o777 == found


def test_a_private_file_is_its_owners_alone_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        files.make_private(tmp_path / "x")
    finally:
        os.umask(before)
    assert (tmp_path / "x").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "x").read_bytes() == b""


def test_a_file_that_is_there_is_not_made_again(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"old")
    path.chmod(0o640)
    files.make_private(path)
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"old", 0o640)


def test_only_a_newer_format_is_refused(tmp_path: Path) -> None:
    for schema in (0, 1, 2):
        files.refuse_newer(tmp_path, schema, 2)
    with pytest.raises(DataError, match=r"newer ocinterp \(schema 3; this one knows 2\): upgrade with `pip install"):
        files.refuse_newer(tmp_path, 3, 2)
