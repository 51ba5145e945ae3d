"""A run's folder: what it is a run of, whether it is finished, and whether there is room."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from ocinterp.errors import DataError, UsageError
from ocinterp.train import folders
from ocinterp.train.folders import RUN, RunFolder
from ocinterp.train.recipe import find


def run(path: Path, *changes: str) -> RunFolder:
    return RunFolder(path, folders.identity(find("ds-1.3b", changes), data=[["ab", 3]]))


def test_a_folder_is_begun_gone_on_with_and_finished(tmp_path: Path) -> None:
    found = run(tmp_path / "deep" / "out")
    assert found.begin() is False
    assert run(found.path).begin() is False
    found.finish()
    assert run(found.path).begin() is True


def test_another_run_is_refused_with_what_differs_once_a_step_was_made(tmp_path: Path) -> None:
    found = run(tmp_path / "out")
    found.begin()
    assert run(found.path, "rate=1e-3").begin() is False  # nothing was lost
    (found.path / "metrics.jsonl").touch()
    with pytest.raises(UsageError, match=r"holds another run \(rate was 0.001, is 2e-05\): choose another --out"):
        found.begin()


def test_what_changes_no_result_may_change_between_two_parts(tmp_path: Path) -> None:
    found = run(tmp_path)
    found.begin()
    (tmp_path / "metrics.jsonl").touch()
    assert run(tmp_path, "packs_at_once=4", "checkpointing=false").begin() is False


def test_a_folder_with_other_things_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").touch()
    with pytest.raises(UsageError, match="is not empty, and holds no run of this program"):
        run(tmp_path).begin()
    with pytest.raises(UsageError, match="is not empty, and holds no run of this program"):
        run(tmp_path / "mine.txt").begin()


def test_a_damaged_or_newer_state_is_refused(tmp_path: Path) -> None:
    found = run(tmp_path)
    (tmp_path / RUN).write_text("{")
    with pytest.raises(DataError, match="is damaged"):
        found.begin()
    (tmp_path / RUN).write_text(json.dumps({"format": "ocinterp-run/9"}))
    with pytest.raises(DataError, match="is of the format 'ocinterp-run/9': this program knows ocinterp-run/1"):
        found.begin()


def test_a_disk_without_room_is_said_before_anything_is_made(tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free
    with pytest.raises(DataError, match=r"need [\d,.]+ GB, and [\d,.]+ [GM]B are free: choose another --out"):
        folders.ensure_room(tmp_path / "not" / "there", 2 * free + 10**12)
    assert not (tmp_path / "not").exists()
    folders.ensure_room(tmp_path, 1)


def test_a_local_model_is_known_by_its_weights_and_settings(tmp_path: Path) -> None:
    for name in ("config.json", "model.safetensors", "README.md"):
        (tmp_path / name).write_text(name)
    assert folders.describe(tmp_path) == [("config.json", 11), ("model.safetensors", 17)]
