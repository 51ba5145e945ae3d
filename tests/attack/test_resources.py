"""Attacks on what a session may use up: processes, memory, disk, output, time."""

from __future__ import annotations

import pytest

from attack.harness import LIMITS, Attack
from ocinterp.types import Outcome

pytestmark = pytest.mark.asyncio(loop_scope="module")


# Processes and threads


async def test_fork_bomb(attack: Attack) -> None:
    result = await attack("import os\nwhile True: os.fork()")
    assert result.outcome in {Outcome.ERROR, Outcome.TIMEOUT}, result


async def test_bomb_of_programs(attack: Attack) -> None:
    await attack.expect(
        "import subprocess\nwhile True: subprocess.Popen(['sleep', '600'])", Outcome.ERROR, "BlockingIOError"
    )


async def test_shell_fork_bomb(attack: Attack) -> None:
    result = await attack("import subprocess\nsubprocess.run(['sh', '-c', 'f() { f | f & }; f; wait'])")
    assert result.outcome in {Outcome.OK, Outcome.TIMEOUT}, result


async def test_thread_bomb(attack: Attack) -> None:
    source = """
        import threading, time
        while True: threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
        """
    await attack.expect(source, Outcome.ERROR, "RuntimeError")


async def test_zombies_that_are_never_waited_for(attack: Attack) -> None:
    source = """
        import os
        while True:
            if os.fork() == 0: os._exit(0)
        """
    await attack.expect(source, Outcome.ERROR, "BlockingIOError")


async def test_raising_the_limits(attack: Attack) -> None:
    source = """
        import resource
        for kind in (resource.RLIMIT_NPROC, resource.RLIMIT_AS, resource.RLIMIT_FSIZE, resource.RLIMIT_NOFILE):
            try:
                resource.setrlimit(kind, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
                print("raised", kind)
            except ValueError as error:
                print("refused")
        """
    assert await attack.says(source) == ["refused"] * 4


# Memory


async def test_memory_in_one_object(attack: Attack) -> None:
    await attack.expect("bytearray(1 << 40)", Outcome.MEMORY, "MemoryError")


async def test_memory_piece_by_piece(attack: Attack) -> None:
    await attack.expect("kept = []\nwhile True: kept.append(bytes(1 << 20))", Outcome.MEMORY, "MemoryError")


async def test_memory_by_doubling(attack: Attack) -> None:
    result = await attack("text = 'x'\nwhile True: text += text")
    assert result.outcome in {Outcome.MEMORY, Outcome.TIMEOUT}, result


async def test_memory_in_many_processes(attack: Attack) -> None:
    source = """
        import os, time
        for _ in range(8):
            if os.fork() == 0:
                held = bytearray(120 << 20)
                time.sleep(600)
        time.sleep(600)
        """
    result = await attack(source)
    assert result.outcome is Outcome.MEMORY, result
    assert result.error is not None
    assert result.error.name == "MemoryLimit"


async def test_memory_mapped_and_shared(attack: Attack) -> None:
    await attack.expect("import mmap\nmmap.mmap(-1, 1 << 40)", Outcome.ERROR, "OSError")


async def test_memory_of_the_stack(attack: Attack) -> None:
    source = "import threading\nthreading.stack_size(1 << 30)\nthreading.Thread(target=print).start()"
    await attack.expect(source, Outcome.ERROR, "RuntimeError")


async def test_memory_files(attack: Attack) -> None:
    assert await attack.says("import os\ndenied(os.memfd_create, 'x')") == ["EPERM"]


async def test_memory_files_that_are_secret(attack: Attack) -> None:
    assert await attack.says("print(call(447, 0))") == ["EPERM"]


async def test_memory_shared_by_system_v(attack: Attack) -> None:
    source = "import os\nprint(call({'x86_64': 29, 'aarch64': 194}[os.uname().machine], 0, 1 << 30, 0o1600))"
    assert await attack.says(source) == ["EPERM"]


async def test_memory_that_is_locked(attack: Attack) -> None:
    source = "import mmap\nm = mmap.mmap(-1, 1 << 24)\nprint(_libc.mlockall(3))"
    assert await attack.says(source) == ["-1"]


async def test_memory_in_pipes(attack: Attack) -> None:
    source = """
        import fcntl, os
        held = []
        try:
            while True:
                read, write = os.pipe2(os.O_NONBLOCK)
                held.append((read, write))
                try: fcntl.fcntl(write, 1031, 1 << 20)
                except OSError: pass
                try:
                    while True: os.write(write, bytes(1 << 16))
                except BlockingIOError: pass
        except OSError as error:
            print(error.errno, len(held) < 300)
        """
    assert await attack.says(source) == ["24", "True"]


async def test_memory_in_sockets(attack: Attack) -> None:
    source = """
        import socket
        held = []
        try:
            while True:
                held.append(socket.socketpair())
                for each in held[-1]:
                    each.setblocking(False)
                    each.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 30)
                    try:
                        while True: each.send(bytes(1 << 16))
                    except BlockingIOError: pass
        except OSError as error:
            print(error.errno)
        assert len(held) < 300
        """
    result = await attack(source)
    assert result.outcome in {Outcome.OK, Outcome.TIMEOUT, Outcome.MEMORY}, result


async def test_memory_in_timers(attack: Attack) -> None:
    source = """
        import ctypes, os
        number = {"x86_64": 222, "aarch64": 107}[os.uname().machine]
        for count in range(1_000_000):
            if isinstance(call(number, 0, 0, ctypes.byref(ctypes.c_int())), str): break
        print(count < 2000)
        """
    assert await attack.says(source) == ["True"]


# Disk


async def test_disk_in_the_workspace(attack: Attack) -> None:
    error = await attack.expect(
        "with open('x', 'wb') as f:\n while True: f.write(bytes(1 << 16))", Outcome.ERROR, "OSError"
    )
    assert "No space left" in error.message or "too large" in error.message


@pytest.mark.parametrize("place", ["/tmp", "/dev/shm"])
async def test_disk_in_shared_folders(attack: Attack, place: str) -> None:
    source = f"""
        with open("{place}/x", "wb") as file:
            while True: file.write(bytes(1 << 16))
        """
    await attack.expect(source, Outcome.ERROR, "OSError")


async def test_disk_outside_the_workspace(attack: Attack) -> None:
    source = """
        import os
        for place in ("/", "/dev", "/run", "/run/sessions", "/opt", "/usr", "/etc", "/proc", "/usr/lib"):
            denied(open, place + "/x", "w")
        """
    assert set(await attack.says(source)) <= {"EROFS", "EACCES", "ENOENT", "EPERM"}


async def test_disk_in_many_files(attack: Attack) -> None:
    source = """
        for number in range(10 ** 6):
            open(str(number), "w").close()
        """
    await attack.expect(source, Outcome.ERROR, "OSError")
    assert len(await attack.session.files()) <= LIMITS.files


async def test_disk_in_links(attack: Attack) -> None:
    source = """
        import os
        open("x", "w").close()
        for number in range(10 ** 6): os.link("x", str(number))
        """
    await attack.expect(source, Outcome.ERROR, "OSError")


async def test_disk_in_deep_folders(attack: Attack) -> None:
    source = """
        import os
        while True:
            os.mkdir("d"); os.chdir("d")
        """
    await attack.expect(source, Outcome.ERROR, "OSError")
    await attack.session.files()


async def test_disk_in_one_sparse_file(attack: Attack) -> None:
    await attack.expect("open('x', 'wb').truncate(1 << 50)", Outcome.ERROR, "OSError")


async def test_disk_in_extended_attributes(attack: Attack) -> None:
    source = """
        import os
        open("x", "w").close()
        for number in range(10 ** 6): os.setxattr("x", f"user.{number}", bytes(60_000))
        """
    await attack.expect(source, Outcome.ERROR, "OSError")


async def test_zip_bomb(attack: Attack) -> None:
    source = """
        import io, zipfile
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for number in range(8): archive.writestr(str(number), bytes(4 << 20))
        zipfile.ZipFile(packed).extractall()
        """
    await attack.expect(source, Outcome.ERROR, "OSError")


async def test_gzip_bomb(attack: Attack) -> None:
    source = """
        import zlib
        packer = zlib.compressobj(1)
        packed = b"".join(packer.compress(bytes(1 << 24)) for _ in range(40)) + packer.flush()
        zlib.decompress(packed)
        """
    result = await attack(source)
    assert result.outcome in {Outcome.MEMORY, Outcome.TIMEOUT}, result


async def test_descriptors(attack: Attack) -> None:
    error = await attack.expect("import os\nwhile True: os.dup(1)", Outcome.ERROR, "OSError")
    assert "Too many open files" in error.message


# Output


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
async def test_endless_output(attack: Attack, stream: str) -> None:
    result = await attack(f"import sys\nwhile True: print('x' * 99, file=sys.{stream})")
    assert result.outcome is Outcome.OUTPUT, result
    assert len(result.stdout + result.stderr) <= LIMITS.output_bytes
    assert result.truncated


async def test_endless_output_of_children(attack: Attack) -> None:
    await attack.expect("import subprocess\nsubprocess.run(['yes'])", Outcome.OUTPUT)


async def test_one_line_of_a_gigabyte(attack: Attack) -> None:
    await attack.expect("import sys\nfor _ in range(1024): sys.stdout.write('x' * (1 << 20))", Outcome.OUTPUT)


async def test_output_that_is_no_text(attack: Attack) -> None:
    result = await attack("import os\nos.write(1, bytes(range(256)) * 16 + b'\\x1b]0;title\\x07\\x1bc');")
    assert result.outcome is Outcome.OK, result
    assert result.stdout.encode()  # it is text by now


async def test_a_flood_of_displays(attack: Attack) -> None:
    result = await attack("for number in range(10_000): display(number)")
    assert result.outcome in {Outcome.OK, Outcome.TIMEOUT}, result
    assert len(result.displays) <= 101
    assert result.truncated


async def test_one_display_of_a_hundred_megabytes(attack: Attack) -> None:
    result = await attack("class Big:\n def _repr_png_(self): return bytes(100 << 20)\ndisplay(Big())")
    assert result.outcome in {Outcome.OK, Outcome.MEMORY, Outcome.KILLED, Outcome.TIMEOUT}, result
    assert sum(len(text) for each in result.displays for text in each.data.values()) < LIMITS.display_bytes


async def test_a_representation_that_never_ends(attack: Attack) -> None:
    await attack.expect("class Slow:\n def __repr__(self):\n  while True: pass\nSlow()", Outcome.TIMEOUT)


async def test_an_error_message_of_a_hundred_megabytes(attack: Attack) -> None:
    result = await attack("raise ValueError('x' * (100 << 20))")
    assert result.outcome in {Outcome.ERROR, Outcome.MEMORY, Outcome.TIMEOUT}, result
    assert result.error is not None
    assert len(result.error.message + result.error.traceback) < LIMITS.display_bytes


# Time


async def test_sleep(attack: Attack) -> None:
    await attack.expect("import time\ntime.sleep(3600)", Outcome.TIMEOUT)


async def test_endless_loop(attack: Attack) -> None:
    await attack.expect("while True: pass", Outcome.TIMEOUT)


async def test_a_huge_power_in_c(attack: Attack) -> None:
    await attack.expect("9 ** 9 ** 8", Outcome.TIMEOUT)


async def test_a_huge_number_printed(attack: Attack) -> None:
    await attack.expect("print(10 ** 10 ** 6)", Outcome.ERROR, "ValueError")


async def test_a_huge_number_printed_without_pythons_limit(attack: Attack) -> None:
    source = "import sys\nsys.set_int_max_str_digits(0)\nprint(str(1 << (1 << 27))[:3])"
    await attack.expect(source, Outcome.TIMEOUT)


async def test_a_regular_expression_that_backtracks(attack: Attack) -> None:
    await attack.expect("import re\nre.match('(a+)+b', 'a' * 60)", Outcome.TIMEOUT)


async def test_the_processor_in_many_children(attack: Attack) -> None:
    source = """
        import os
        for _ in range(8):
            if os.fork() == 0:
                while True: pass
        """
    assert (await attack(source)).outcome is Outcome.OK  # they die with the session


async def test_a_better_place_in_the_queue(attack: Attack) -> None:
    source = """
        import os
        denied(os.nice, -10)
        denied(os.sched_setscheduler, 0, os.SCHED_FIFO, os.sched_param(50))
        """
    assert await attack.says(source) == ["EPERM", "EPERM"]


async def test_to_be_spared_when_memory_runs_out(attack: Attack) -> None:
    source = "import os\ndenied(os.write, os.open('/proc/self/oom_score_adj', os.O_WRONLY), b'-1000')"
    assert await attack.says(source) == ["EACCES"]


# The stack


async def test_deep_recursion(attack: Attack) -> None:
    await attack.expect("def down(): down()\ndown()", Outcome.ERROR, "RecursionError")


async def test_deep_recursion_without_pythons_limit(attack: Attack) -> None:
    result = await attack(
        "import sys\nsys.setrecursionlimit(1 << 30)\ndef down(x): return [down(x)] and max([x], key=down)\ndown(1)"
    )
    assert result.outcome in {Outcome.KILLED, Outcome.MEMORY, Outcome.TIMEOUT}, result


@pytest.mark.parametrize(
    "source",
    [
        "import json\njson.loads('[' * 10 ** 6)",
        "import ast\nast.parse('(' * 10 ** 5 + ')' * 10 ** 5)",
        "x = []\nfor _ in range(10 ** 6): x = [x]\nrepr(x)",
        "import pickle\nx = []\nfor _ in range(10 ** 6): x = [x]\npickle.dumps(x)",
        "import copy\nx = []\nfor _ in range(10 ** 6): x = [x]\ncopy.deepcopy(x)",
        "x = []\nfor _ in range(10 ** 6): x = [x]\ny = []\nfor _ in range(10 ** 6): y = [y]\nx == y",
    ],
    ids=["json", "ast", "repr", "pickle", "deepcopy", "compare"],
)
async def test_deep_recursion_in_c(attack: Attack, source: str) -> None:
    result = await attack(source)
    assert not result.ok, result


async def test_a_core_dump(attack: Attack) -> None:
    await attack.expect("import ctypes\nctypes.string_at(0)", Outcome.KILLED)
    assert await attack.session.files() == ()
