"""What the host finds of other languages' tools, and how it has them used."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from ocinterp.sandboxes import recipes, toolchains
from ocinterp.sandboxes.limits import Resources


async def test_sql_is_answered_by_python_where_there_is_no_command_for_it() -> None:
    kitchen = recipes.Kitchen("python", "", sys.executable, Resources(), "")
    *python, script = recipes.recipe("sql", kitchen).run
    sources = {
        "CREATE TABLE t (n, s); INSERT INTO t VALUES (1, 'a;b'), (20, NULL); SELECT n, s FROM t": (0, "n   s\n--  ---\n1   a;b\n20\n"),
        "SELECT 1 AS one; SELECT nothing": (1, "one\n---\n1\n"),
        "SELECT 'open": (1, ""),
        "": (0, ""),
    }  # fmt: skip
    for source, expected in sources.items():
        process = await asyncio.create_subprocess_exec(
            *python,
            script,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate(source.encode())
        assert (process.returncode, out.decode()) == expected, err
        assert err.startswith(b"Error: ") is bool(expected[0])


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("public class A { public static void main(String[] a) {} }", ("A.java", "A")),
        ("class A {} class B { void main() {} } class C {}", ("B.java", "B")),
        ("package a.b;\npublic final class C { static void main(String[] a) {} }", ("C.java", "a.b.C")),
        ("public interface I {} class M { public static void main(String[] a) {} }", ("I.java", "M")),
        ("// public class No { void main(\nclass Yes { String s = \"class Not { void main( \"; void main() {} }", ("Yes.java", "Yes")),
        ("class Out { static class In { } public static void main(String[] a) {} }", ("Out.java", "Out")),
        ("record R(int x) { public static void main(String[] a) {} }", ("R.java", "R")),
        ("/* class", ("Main.java", "Main")),
        ("x", ("Main.java", "Main")),
        (f"public class {'A' * 5000} {{}}", (f"{'A' * 100}.java", "A" * 100)),
    ],
)  # fmt: skip
def test_a_file_of_java_is_named_for_its_class(source: str, names: tuple[str, str]) -> None:
    assert recipes.java_names(source) == names


def test_a_tool_outside_the_systems_folders_is_given_with_all_of_its_folder(tmp_path: Path) -> None:
    places = made(tmp_path, "go/bin/go", "go/VERSION", "node/bin/node", "node/include/node/x", "bin/gcc")
    found = toolchains.look(places.get)
    assert found["go"] == toolchains.Tool("go", f"{tmp_path}/go/bin/go", f"{tmp_path}/go")
    assert found["go"].inside == "/opt/tools/go/bin/go"
    assert found["javascript"].inside == "/opt/tools/node/bin/node"
    assert "c" not in found  # its folder is not known for a compiler's, and may hold anything
    assert found["sql"] == toolchains.Tool("python")


def test_a_folder_that_holds_a_home_is_never_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    places = made(tmp_path, "bin/go", "VERSION", ".local/bin/node", ".local/lib/node_modules/x")
    assert set(toolchains.look(places.get)) == {"go", "javascript", "sql"}
    monkeypatch.setenv("HOME", str(tmp_path))
    assert set(toolchains.look(places.get)) == {"sql"}


def test_what_only_a_daemon_can_start_counts_as_missing(tmp_path: Path) -> None:
    places = made(tmp_path, "VERSION", "bin/snap")
    (tmp_path / "bin" / "go").symlink_to("snap")
    assert "go" not in toolchains.look((places | {"go": f"{tmp_path}/bin/go"}).get)


def test_the_compiler_behind_rustup_is_found_by_its_settings(tmp_path: Path) -> None:
    places = made(
        tmp_path, ".cargo/bin/rustup", ".rustup/toolchains/t-1/bin/rustc", ".rustup/toolchains/t-1/lib/rustlib/x"
    )
    (tmp_path / ".cargo" / "bin" / "rustc").symlink_to("rustup")
    (tmp_path / ".rustup" / "settings.toml").write_text('version = "12"\ndefault_toolchain = "t-1"\n')
    places |= {"rustc": f"{tmp_path}/.cargo/bin/rustc", "cc": "/usr/bin/cc"}
    rust = toolchains.look(places.get)["rust"]
    assert rust.prefix == f"{tmp_path}/.rustup/toolchains/t-1"
    assert "rust" not in toolchains.look(lambda name: None if name == "cc" else places.get(name))


def test_node_runs_typescript_from_22_6_on(tmp_path: Path) -> None:
    places = made(tmp_path, "bin/node", "include/node/node_version.h")
    for minor, able in ((5, False), (6, True)):
        numbers = f"#define NODE_MAJOR_VERSION 22\n#define NODE_MINOR_VERSION {minor}\n"
        (tmp_path / "include" / "node" / "node_version.h").write_text(numbers)
        assert ("typescript" in toolchains.look(places.get)) is able


def made(folder: Path, *files: str) -> dict[str, str]:
    """Make files, empty and executable; the commands among them, by name."""
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch(mode=0o755)
    return {Path(name).name: f"{folder}/{name}" for name in files if Path(name).parent.name == "bin"}
