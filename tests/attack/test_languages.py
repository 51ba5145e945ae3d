"""Attacks by programs that are not Python: the walls are the same, and so is what is left afterwards."""

from __future__ import annotations

import textwrap
from dataclasses import replace
from pathlib import Path

import pytest

from attack.harness import LIMITS, Attack
from ocinterp.sandboxes import toolchains
from ocinterp.sandboxes.zygotes import NamespaceSandbox
from ocinterp.testing.processes import descendants, ended
from ocinterp.types import Cell, ExecutionResult, Outcome

pytestmark = pytest.mark.asyncio(loop_scope="module")

C = """
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sched.h>
#include <unistd.h>
#define TRY(act) do { errno = 0; long got = (long)(act); printf("%s\\n", got < 0 ? strerrorname_np(errno) : "done"); } while (0)
"""


async def run(attack: Attack, source: str, language: str) -> ExecutionResult:
    if language not in toolchains.find():
        pytest.skip(f"{language}: this machine has no {toolchains.tools_for(language)}")
    return await attack.session.run(Cell("attack", textwrap.dedent(source), language))


async def in_c(attack: Attack, body: str) -> ExecutionResult:
    return await run(attack, f"{C}\nint main(void) {{\n{body}\nreturn 0;\n}}", "c")


@pytest.mark.parametrize(
    ("act", "answer"),
    [
        *(('open("/etc/shadow", O_RDONLY)', "ENOENT"), ('open("/root", O_RDONLY)', "ENOENT")),
        *(('open("/proc/1/mem", O_RDWR)', "EACCES"), ('open("/proc/1/environ", O_RDONLY)', "EACCES")),
        *(('open("/proc/1/root/etc/shadow", O_RDONLY)', "EACCES"), ('open("/proc/1/fd/3", O_RDWR)', "EACCES")),
        *(("socket(AF_INET, SOCK_STREAM, 0)", "EPERM"), ("socket(AF_UNIX, SOCK_STREAM, 0)", "EPERM")),
        *(("ptrace(PTRACE_ATTACH, 1, 0, 0)", "EPERM"), ("syscall(SYS_pidfd_getfd, 0, 3, 0)", "EPERM")),
        *(("unshare(CLONE_NEWUSER)", "EPERM"), ('mount("none", "/tmp", "tmpfs", 0, "")', "EPERM")),
        *(("setuid(0)", "EINVAL"), ("setgid(0)", "EINVAL"), ('open("/usr/bin/x", O_CREAT | O_WRONLY, 0777)', "EROFS")),
        ("write(3, \"x\", 1)", "EBADF"),
    ],
)  # fmt: skip
async def test_a_program_in_c_finds_every_way_out_shut(attack: Attack, act: str, answer: str) -> None:
    result = await in_c(attack, f"TRY({act});")
    assert (result.outcome, result.stdout) == (Outcome.OK, f"{answer}\n"), result


async def test_what_runs_a_program_cannot_be_killed_by_it(attack: Attack) -> None:
    result = await in_c(attack, 'kill(1, SIGKILL); kill(-1, SIGKILL); kill(1, SIGSTOP); puts("alive");')
    assert (result.outcome, result.stdout) == (Outcome.OK, "alive\n"), result


async def test_a_fork_bomb_in_c_meets_its_limit_and_is_gone(attack: Attack) -> None:
    before = set(descendants())
    body = """
        int count = 0;
        for (pid_t pid; (pid = fork()) >= 0; count++) if (!pid) for (;;) pause();
        printf("%d\\n", count);"""
    result = await in_c(attack, body)
    assert result.outcome is Outcome.OK, result
    assert 10 < int(result.stdout) < LIMITS.processes
    assert ended(set(descendants()) - before)


async def test_a_fork_bomb_of_a_shell_is_gone_with_its_cell(attack: Attack) -> None:
    before = set(descendants())
    result = await run(attack, ":(){ :|:& };:\nwhile :; do :; done", "bash")
    assert result.outcome in {Outcome.TIMEOUT, Outcome.ERROR}, result
    assert ended(set(descendants()) - before)


async def test_a_daemon_of_a_shell_is_gone_when_its_cell_has_ended(attack: Attack) -> None:
    before = set(descendants())
    source = """
        trap '' HUP TERM INT
        setsid sh -c 'trap "" HUP TERM INT; (setsid sleep 1000 &); while :; do sleep 1; done' < /dev/null > /dev/null 2>&1 &
        disown
        echo left"""
    result = await run(attack, source, "bash")
    assert (result.outcome, result.stdout) == (Outcome.OK, "left\n")
    assert ended(set(descendants()) - before)


async def test_a_program_that_stops_itself_and_its_keeper_runs_out_of_time(attack: Attack) -> None:
    result = await run(attack, "trap '' INT; kill -STOP 0; kill -STOP $$", "bash")
    assert result.outcome is Outcome.TIMEOUT


@pytest.mark.parametrize(
    ("language", "source"),
    [
        ("javascript", "const kept = [];\nfor (;;) kept.push(Buffer.alloc(1 << 20, 1));"),
        ("javascript", "const kept = [];\nfor (;;) kept.push(new Array(100000).fill(1.5));"),
        ("bash", "for i in 1 2 3 4 5 6; do setsid python3 -c 'x = b\"x\" * (200 << 20); input()' < <(sleep 9) & done; wait -n"),
    ],
)  # fmt: skip
async def test_memory_is_bounded_for_a_runtime_and_for_many_processes(
    namespaces: None, language: str, source: str
) -> None:
    before = set(descendants())
    async with NamespaceSandbox(replace(LIMITS, timeout_seconds=30)) as sandbox, sandbox.open() as session:
        if language not in toolchains.find():
            pytest.skip(f"{language}: this machine has no {toolchains.tools_for(language)}")
        result = await session.run(Cell("attack", source, language))
        assert result.outcome is Outcome.MEMORY, result
        assert (await session.run(Cell("after", "print(1)"))).stdout == "1\n"
    assert ended(set(descendants()) - before)


async def test_a_program_can_spoil_no_later_cell(attack: Attack) -> None:
    spoil = """
        cd /tmp
        rm -rf .cell; mkdir -p .cell/in; chmod 0 .cell/in .cell
        echo 'exit 9' > /workspace/bash; chmod +x /workspace/bash
        echo 'print("spoilt")' > /workspace/tempfile.py"""
    assert (await run(attack, spoil, "bash")).outcome is Outcome.OK
    assert (await run(attack, "echo fine", "bash")).stdout == "fine\n"
    assert (await attack("print('fine')")).stdout == "fine\n"


async def test_a_full_disk_is_the_programs_error_until_there_is_room(attack: Attack) -> None:
    result = await run(attack, "head -c 100M /dev/zero > full; echo $?", "bash")
    assert result.stdout == "1\n"
    assert (await run(attack, "echo hi", "bash")).outcome in {Outcome.ERROR, Outcome.OK}
    await attack("import os; os.remove('full')")
    assert (await run(attack, "echo hi", "bash")).stdout == "hi\n"


async def test_a_file_of_the_host_is_out_of_reach_of_every_language(attack: Attack, marker: Path) -> None:
    place = str(marker)
    for language, source in {
        "bash": f"cat {place}; ls {marker.parent}; cat /opt/tools/*/../../{place}",
        "javascript": f"try {{ console.log(require('fs').readFileSync({place!r}, 'utf8')) }} catch (e) {{ console.error(e.code) }}",
        "sql": f"ATTACH '{place}' AS a; CREATE TABLE a.t (x); SELECT readfile('{place}');",
    }.items():
        result = await run(attack, source, language)
        assert "hush" not in result.stdout + result.stderr
        assert not result.stdout.strip()


async def test_tools_cannot_be_changed(attack: Attack) -> None:
    source = "for d in /opt/tools/*/bin /usr/bin /etc/alternatives; do [ -d $d ] && touch $d/x; done; true"
    result = await run(attack, source, "bash")
    assert result.outcome is Outcome.OK
    assert "Read-only file system" in result.stderr
    assert all("Read-only file system" in line for line in result.stderr.splitlines())
