"""Files by name, whatever the program in the session made of them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocinterp.sandboxes.ns import workspace

anything = st.text(st.sampled_from("ab./\0é~") | st.characters(codec="utf-8"), max_size=40)


@given(name=anything)
def test_no_name_leads_out(name: str) -> None:
    try:
        parts = workspace.parts_of(name)
    except ValueError:
        return
    assert "/".join(parts) == name
    assert not {"", ".", ".."} & set(parts)
    assert os.path.normpath(f"/root/{name}").startswith("/root/")


@given(name=st.lists(st.sampled_from(["a", "é", "..x", "-", " ", ".hidden"]), min_size=1, max_size=32).map("/".join))
def test_plain_names_are_taken_apart(name: str) -> None:
    assert workspace.parts_of(name) == name.split("/")


@pytest.mark.parametrize("name", ["a/" * 32 + "a", "x" * 5000, "\ud83d"])
def test_names_that_are_too_long_or_not_text_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"too long|encode"):
        workspace.parts_of(name)


@pytest.mark.parametrize("name", ["a", "b/c/d"])
def test_what_is_created_can_be_opened(tmp_path: Path, name: str) -> None:
    for content in (b"one", b"two"):
        with os.fdopen(workspace.create(str(tmp_path), name), "wb") as file:
            file.write(content)
        with os.fdopen(workspace.open_regular(str(tmp_path), name), "rb") as file:
            assert file.read() == content


def test_creating_over_a_link_leaves_its_target_alone(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("old")
    (tmp_path / "link").symlink_to("target")
    os.close(workspace.create(str(tmp_path), "link"))
    assert (tmp_path / "target").read_text() == "old"
    assert not (tmp_path / "link").is_symlink()


def test_nothing_but_regular_files_is_opened(tmp_path: Path) -> None:
    before = set(Path("/proc/self/fd").iterdir())
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("/etc/passwd")
    (tmp_path / "out").symlink_to("/etc")
    os.mkfifo(tmp_path / "fifo")
    for name in ("folder", "link", "out/passwd", "fifo", "missing", "missing/too"):
        with pytest.raises((OSError, ValueError)):
            workspace.open_regular(str(tmp_path), name)
    for name in ("out/new", "folder"):
        with pytest.raises(OSError):  # noqa: PT011  which one is the system's affair
            workspace.create(str(tmp_path), name)
    assert set(Path("/proc/self/fd").iterdir()) == before
    assert workspace.regular_files(str(tmp_path))[0] == []


def test_files_are_listed_with_size_and_time_and_hidden_ones_are_not(tmp_path: Path) -> None:
    for name in ("b", "a/c", ".hidden", ".git/x", "__pycache__/y", "new\nline"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("12")
        os.utime(path, (5, 7))
    assert workspace.regular_files(str(tmp_path))[0] == [("a/c", 2, 7.0), ("b", 2, 7.0)]


def test_a_listing_is_bounded_in_number_and_in_size(tmp_path: Path) -> None:
    for number in range(workspace.MAX_LISTED + 5):
        (tmp_path / f"{number}").touch()
    assert len(workspace.regular_files(str(tmp_path))[0]) == workspace.MAX_LISTED
    for number in range(workspace.MAX_LISTED + 5):
        (tmp_path / f"{number}").rename(tmp_path / f"{number:03}{'é' * 100}")
    listed, more = workspace.regular_files(str(tmp_path))
    assert more
    assert 0 < len(listed) < workspace.MAX_LISTED
    assert sum(len(name) * 6 for name, _, _ in listed) < 2 * workspace.MAX_LISTING_BYTES


def test_a_listing_ends_at_a_depth(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["d"] * (workspace.MAX_DEPTH + 3))
    deep.mkdir(parents=True)
    (deep / "unseen").touch()
    (deep.parents[5] / "seen").touch()
    assert [Path(name).name for name, _, _ in workspace.regular_files(str(tmp_path))[0]] == ["seen"]


def test_a_folder_that_cannot_be_read_is_passed_over(tmp_path: Path) -> None:
    assert workspace.regular_files(str(tmp_path / "gone")) == ([], False)
