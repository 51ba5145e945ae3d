"""Programs in other languages than Python: how each language ends, in the tier `ns`."""

from __future__ import annotations

import asyncio
import textwrap
from collections.abc import AsyncGenerator

import pytest
import pytest_asyncio

from ocinterp.protocols import Session
from ocinterp.sandboxes import toolchains
from ocinterp.sandboxes.limits import MIB, Resources
from ocinterp.sandboxes.zygotes import NamespaceSandbox
from ocinterp.types import Cell, ExecutionResult, Failure, Outcome

pytestmark = pytest.mark.asyncio(loop_scope="module")

BROKEN = {
    "c": "int main(void) { return nothing; }",
    "cpp": "int main() { return nothing; }",
    "go": "package main\nfunc main() { nothing() }",
    "java": "class Main { int x = nothing; }",
    "rust": "fn main() { nothing(); }",
}
EXIT_3 = {
    "bash": "echo before; exit 3",
    "c": '#include <stdio.h>\nint main(void) { puts("before"); return 3; }',
    "cpp": '#include <cstdio>\nint main() { puts("before"); return 3; }',
    "go": 'package main\nimport ("fmt"; "os")\nfunc main() { fmt.Println("before"); os.Exit(3) }',
    "java": 'class A { public static void main(String[] a) { System.out.println("before"); System.exit(3); } }',
    "javascript": "console.log('before');\nprocess.exit(3);",
    "rust": 'fn main() { println!("before"); std::process::exit(3); }',
    "sql": ".mode list\n.headers off\nSELECT 'before';\n.exit 3",
    "typescript": "console.log('before');\nprocess.exit(3 as number);",
}
# What says "on", and then waits.
ENDLESS = {
    "bash": "echo on; while :; do sleep 1; done",
    "c": '#include <stdio.h>\n#include <unistd.h>\nint main(void) { puts("on"); fflush(stdout); for (;;) pause(); }',
    "cpp": '#include <iostream>\n#include <unistd.h>\nint main() { std::cout << "on" << std::endl; for (;;) pause(); }',
    "go": 'package main\nimport ("fmt"; "time")\nfunc main() { fmt.Println("on"); for { time.Sleep(time.Second) } }',
    "java": "class A { public static void main(String[] a) throws Exception {\n"
    '  System.out.println("on"); while (true) Thread.sleep(1000); } }',
    "javascript": "console.log('on');\nsetInterval(() => {}, 1000);",
    "rust": 'fn main() { println!("on"); loop { std::thread::park(); } }',
    "typescript": "console.log('on');\nsetInterval((): void => {}, 1000);",
}
GREEDY = {
    "c": "#include <stdlib.h>\n#include <string.h>\nint main(void) { for (;;) memset(malloc(1 << 20), 1, 1 << 20); }",
    "cpp": "#include <vector>\nint main() { std::vector<std::vector<char>> v; for (;;) v.emplace_back(1 << 20, 1); }",
    "go": "package main\nvar kept [][]byte\nfunc main() { for { b := make([]byte, 1<<20); for i := range b { b[i] = 1 }; kept = append(kept, b) } }",
    "java": "class A { public static void main(String[] a) {\n"
    "  var kept = new java.util.ArrayList<byte[]>(); while (true) kept.add(new byte[1 << 20]); } }",
    "javascript": "const kept = [];\nfor (;;) kept.push(new Array(100000).fill(1.5));",
    "rust": "fn main() { let mut kept = Vec::new(); loop { kept.push(vec![1u8; 1 << 20]); } }",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def session(namespaces: None) -> AsyncGenerator[Session]:
    resources = Resources(timeout_seconds=60, memory_bytes=512 * MIB)
    async with NamespaceSandbox(resources) as sandbox, sandbox.open() as session:
        yield session


def need(language: str) -> None:
    if language not in toolchains.find():
        pytest.skip(f"{language}: this machine has no {toolchains.tools_for(language)}")


async def run(session: Session, source: str, language: str) -> ExecutionResult:
    return await session.run(Cell("cell", textwrap.dedent(source), language))


@pytest.mark.parametrize("language", BROKEN)
async def test_what_does_not_compile_says_why(session: Session, language: str) -> None:
    need(language)
    result = await run(session, BROKEN[language], language)
    assert (result.outcome, result.stdout) == (Outcome.ERROR, "")
    assert result.error is not None
    assert result.error.name == "CompileError"
    assert "nothing" in result.stderr
    assert "/tmp" not in result.stderr.partition("nothing")[0]


@pytest.mark.parametrize("language", EXIT_3)
async def test_another_exit_status_than_0_is_told(session: Session, language: str) -> None:
    need(language)
    result = await run(session, EXIT_3[language], language)
    assert (result.outcome, result.stdout) == (Outcome.ERROR, "before\n"), result
    assert result.error == Failure("ExitStatus", "the program ended with exit status 3")


async def test_endless_programs_run_out_of_time_side_by_side(namespaces: None) -> None:
    there = [language for language in ENDLESS if language in toolchains.find()]
    results: dict[str, ExecutionResult] = {}

    async def one(sandbox: NamespaceSandbox, language: str) -> None:
        async with sandbox.open() as session:
            results[language] = await run(session, ENDLESS[language], language)

    async with NamespaceSandbox(Resources(timeout_seconds=6)) as sandbox, asyncio.TaskGroup() as group:
        for language in there:
            group.create_task(one(sandbox, language))
    assert {language: (each.outcome, each.stdout) for language, each in results.items()} == dict.fromkeys(
        there, (Outcome.TIMEOUT, "on\n")
    )


@pytest.mark.parametrize("language", GREEDY)
async def test_a_program_that_takes_all_memory_is_stopped_for_it(session: Session, language: str) -> None:
    need(language)
    result = await run(session, GREEDY[language], language)
    assert result.outcome is Outcome.MEMORY, result
    assert result.error is not None
    assert result.error.name == "MemoryLimit"


async def test_a_program_finds_what_stands_in_the_working_directory(session: Session) -> None:
    need("javascript")
    need("c")
    await session.put("ten.h", b"#define TEN 10\n")
    await session.put("ten.js", b"module.exports = 10;\n")
    result = await run(session, '#include <stdio.h>\n#include "ten.h"\nint main(void) { printf("%d\\n", TEN); }', "c")
    assert result.stdout == "10\n", result
    assert (await run(session, "console.log(require('./ten.js'))", "js")).stdout == "10\n"


async def test_a_program_starts_what_it_needs_threads_and_processes(session: Session) -> None:
    source = "(echo 1; echo 2) | sort -r | tee made; wait; awk '{ s += $1 } END { print s }' made; rm made"
    assert (await run(session, source, "bash")).stdout == "2\n1\n3\n"
    need("java")
    source = """
        import java.util.stream.*;
        public class Sums { public static void main(String[] a) {
            System.out.println(IntStream.range(0, 100000).parallel().asLongStream().sum()); } }"""
    assert (await run(session, source, "java")).stdout == "4999950000\n"


async def test_too_few_processes_for_a_runtime_are_its_error_and_not_for_want_of_memory(namespaces: None) -> None:
    need("java")
    async with NamespaceSandbox(Resources(processes=8)) as sandbox, sandbox.open() as session:
        result = await run(session, EXIT_3["java"], "java")
    assert result.outcome is Outcome.ERROR, result
    assert "unable to create native thread" in result.stdout + result.stderr


async def test_a_languages_tools_are_there_for_scripts(session: Session) -> None:
    need("rust")
    result = await run(
        session, "echo 'fn main() {}' > /tmp/a.rs && rustc -o /tmp/a /tmp/a.rs && /tmp/a && echo ran", "sh"
    )
    assert (result.stdout, result.stderr) == ("ran\n", "")
