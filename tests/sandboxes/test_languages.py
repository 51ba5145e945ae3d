"""Programs in other languages than Python, in every tier that runs them and as far as this machine has the tools."""

from __future__ import annotations

import asyncio
import textwrap
from collections.abc import AsyncGenerator

import pytest
import pytest_asyncio

from ocinterp.protocols import Session
from ocinterp.sandboxes import toolchains
from ocinterp.sandboxes.limits import MIB, Resources
from ocinterp.sandboxes.ns.session import ZygoteSession
from ocinterp.sandboxes.probe import sandbox_named
from ocinterp.testing.processes import descendants, ended
from ocinterp.types import Cell, ExecutionResult, Failure, LiveEvent, Outcome, OutputEvent

pytestmark = pytest.mark.asyncio(loop_scope="module")

# Writes what is in the file `given` of the working directory, with an exclamation mark, into `made`; and says hi, with
# what is on its standard input: nothing.
COPIES = {
    "bash": 'echo "$(cat given)!" > made; echo "hi$(cat)"',
    "c": """
        #include <stdio.h>
        int main(void) {
            char s[99];
            fscanf(fopen("given", "r"), "%98s", s);
            fprintf(fopen("made", "w"), "%s!\\n", s);
            printf("hi%s\\n", getchar() == EOF ? "" : "?");
        }""",
    "cpp": """
        #include <fstream>
        #include <iostream>
        #include <string>
        int main() {
            std::string s;
            std::ifstream("given") >> s;
            std::ofstream("made") << s << "!\\n";
            std::cout << (std::cin >> s ? "?" : "hi") << std::endl;
        }""",
    "go": """
        package main
        import ("fmt"; "io"; "os")
        func main() {
            text, _ := os.ReadFile("given")
            os.WriteFile("made", []byte(string(text) + "!\\n"), 0o644)
            text, _ = io.ReadAll(os.Stdin)
            fmt.Printf("hi%s\\n", text)
        }""",
    "java": """
        package a.b;
        import java.nio.file.*;
        class Other { int main; }
        public class Hello {
            public static void main(String[] a) throws Exception {
                Files.writeString(Path.of("made"), Files.readString(Path.of("given")) + "!\\n");
                System.out.println("hi" + (System.in.read() < 0 ? "" : "?"));
            }
        }""",
    "javascript": """
        import fs from 'fs';
        fs.writeFileSync('made', fs.readFileSync('given', 'utf8') + '!\\n');
        console.log('hi' + fs.readFileSync(0, 'utf8'));""",
    "rust": """
        use std::{fs, io::Read};
        fn main() {
            let mut s = String::new();
            fs::write("made", fs::read_to_string("given").unwrap() + "!\\n").unwrap();
            std::io::stdin().read_to_string(&mut s).unwrap();
            println!("hi{s}");
        }""",
    "sql": """
        CREATE TABLE t (x);
        .mode list
        .headers off
        .import given t
        .output made
        SELECT x || '!' FROM t;
        .output
        SELECT 'h' || 'i';""",
    "typescript": """
        import * as fs from 'fs';
        const word: string = fs.readFileSync('given', 'utf8');
        fs.writeFileSync('made', word + '!\\n');
        console.log('hi' + fs.readFileSync(0, 'utf8'));""",
}


@pytest.fixture(scope="module", autouse=True)
def _runs_them(tier: str) -> None:
    if tier.startswith("jupyter"):
        pytest.skip(f"{tier}: a kernel is for one language")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(named: str) -> AsyncGenerator[Session]:
    """One session for programs that leave it as they found it."""
    async with sandbox_named(named, Resources(timeout_seconds=60)) as sandbox, sandbox.open() as session:
        yield session


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hurried(named: str) -> AsyncGenerator[Session]:
    """One in which programs can do little."""
    async with (
        sandbox_named(named, Resources(timeout_seconds=1, output_bytes=MIB // 8)) as sandbox,
        sandbox.open() as session,
    ):
        yield session


def need(language: str) -> None:
    if language not in toolchains.find():
        pytest.skip(f"{language}: this machine has no {toolchains.tools_for(language)}")


async def run(session: Session, source: str, language: str = "python") -> ExecutionResult:
    return await session.run(Cell("cell", source, language))


@pytest.mark.parametrize("language", COPIES)
async def test_a_program_shares_the_files_of_python_cells_which_keep_their_variables(
    shared: Session, language: str
) -> None:
    need(language)
    heard: list[str] = []
    await run(shared, "x = 'kept'; print('Größe', end='', file=open('given', 'w'))")
    result = await shared.run(
        Cell("c", textwrap.dedent(COPIES[language]), language),
        on_output=lambda event: heard.append(event.text) if isinstance(event, OutputEvent) else None,
    )
    assert (result.cell_id, result.outcome, result.stdout, result.stderr) == ("c", Outcome.OK, "hi\n", ""), result
    assert "".join(heard) == "hi\n"
    assert result.cpu_seconds > 0
    result = await run(
        shared, "import os; print(x, open('made').read(), end=''); os.remove('given'); os.remove('made')"
    )
    assert result.stdout == "kept Größe!\n"
    assert await shared.files() == ()


async def test_what_does_not_compile_is_the_programs_error(shared: Session) -> None:
    need("c")
    result = await run(shared, "int main(void) { return nothing; }", "c")
    assert (result.outcome, result.stdout) == (Outcome.ERROR, "")
    assert result.error == Failure("CompileError", "gcc ended with exit status 1")
    assert "main.c:1:25: error: ‘nothing’ undeclared" in result.stderr


async def test_another_exit_status_than_0_is_the_programs_error(shared: Session) -> None:
    result = await run(shared, "echo before; echo why >&2; exit 3", "sh")
    assert (result.outcome, result.stdout, result.stderr) == (Outcome.ERROR, "before\n", "why\n")
    assert result.error == Failure("ExitStatus", "the program ended with exit status 3")


async def test_a_signal_that_ends_a_program_is_named(shared: Session) -> None:
    result = await run(shared, "kill -SEGV $$", "bash")
    assert result.outcome is Outcome.ERROR
    assert result.error == Failure("SIGSEGV", "the program was killed by SIGSEGV (Segmentation fault)")


@pytest.mark.parametrize("deaf", ["", "trap '' INT; "])
async def test_an_endless_program_runs_out_of_time_and_the_variables_are_kept(hurried: Session, deaf: str) -> None:
    await run(hurried, "x = 'kept'")
    result = await run(hurried, f"{deaf}echo on; while :; do :; done", "bash")
    assert (result.outcome, result.stdout, result.error) == (
        Outcome.TIMEOUT,
        "on\n",
        Failure("Timeout", "stopped after 1 s."),
    )
    assert (await run(hurried, "print(x)")).stdout == "kept\n"


async def test_a_program_that_prints_too_much_is_stopped(hurried: Session) -> None:
    result = await run(hurried, "yes", "bash")
    assert (result.outcome, result.truncated, len(result.stdout)) == (Outcome.OUTPUT, True, MIB // 8)


async def test_a_program_can_be_interrupted(shared: Session) -> None:
    async with asyncio.TaskGroup() as group:

        def interrupt(event: LiveEvent) -> None:
            group.create_task(shared.interrupt())

        result = await shared.run(
            Cell("cell", "trap 'echo heard; exit 1' INT; echo on; sleep 1000 & wait", "bash"),
            on_output=interrupt,
        )
    assert result.stdout == "on\nheard\n"
    assert (result.outcome, result.error) == (Outcome.ERROR, Failure("KeyboardInterrupt", "interrupted."))


async def test_what_a_program_leaves_running_is_gone_when_it_has_ended(shared: Session) -> None:
    await run(shared, "1")
    before = set(descendants())
    source = (
        "setsid sleep 1000 & (setsid sh -c 'trap \"\" TERM; sleep 1000 & sleep 1000' &) ; nohup sleep 1000 & echo left"
    )
    result = await run(shared, source, "bash")
    assert (result.outcome, result.stdout) == (Outcome.OK, "left\n")
    assert ended(set(descendants()) - before)


async def test_a_closed_session_ends_the_program_in_it(named: str) -> None:
    async with sandbox_named(named, Resources(timeout_seconds=60)) as sandbox:
        started = asyncio.Event()
        async with sandbox.open() as session, asyncio.TaskGroup() as group:
            running = group.create_task(
                session.run(Cell("cell", "echo on; sleep 1000 & wait", "bash"), on_output=lambda _: started.set())
            )
            await started.wait()
            assert isinstance(session, ZygoteSession)
            await session.close()
        assert running.result().outcome is Outcome.KILLED


async def test_a_language_whose_tools_are_missing_is_refused_by_their_names(shared: Session) -> None:
    missing = next((name for name in toolchains.LANGUAGES[1:] if name not in toolchains.find()), None)
    if missing is None:
        pytest.skip("this machine has the tools of every language")
    result = await run(shared, "x", missing)
    assert result.outcome is Outcome.ERROR
    assert result.error is not None
    assert result.error.name == "UnsupportedLanguage"
    assert result.error.message.startswith(f"{missing} does not run here: it needs {toolchains.tools_for(missing)}; ")
