"""Attacks on the walls: towards the host, its files and network, the service, and other sessions."""

from __future__ import annotations

import asyncio
import os
import platform
import socket
from contextlib import suppress
from pathlib import Path

import pytest

from attack.harness import Attack
from ocinterp.errors import UsageError
from ocinterp.types import Cell, Outcome

pytestmark = pytest.mark.asyncio(loop_scope="module")

# x86-64, aarch64 (arch/x86/entry/syscalls/syscall_64.tbl, include/uapi/asm-generic/unistd.h)
CALLS = {
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "pidfd_getfd": (438, 438),
    "kcmp": (312, 272),
    "io_uring_setup": (425, 425),
    "bpf": (321, 280),
    "userfaultfd": (323, 282),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "perf_event_open": (298, 241),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "open_tree": (428, 428),
    "mount_setattr": (442, 442),
    "unshare": (272, 97),
    "setns": (308, 268),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "kexec_load": (246, 104),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "sethostname": (170, 161),
    "personality": (135, 92),
    "quotactl": (179, 60),
    "syslog": (103, 116),
    "fanotify_init": (300, 262),
}


@pytest.mark.parametrize("name", CALLS)
async def test_system_call(attack: Attack, name: str) -> None:
    number = CALLS[name][platform.machine() != "x86_64"]
    assert await attack.says(f"print(call({number}, 0, 0, 0, 0, 0, 0))") == ["EPERM"]


async def test_reading_anothers_environment(attack: Attack) -> None:
    source = """
        import os
        for pid in [name for name in os.listdir("/proc") if name.isdigit()]:
            for name in ("environ", "cmdline"):
                print(open(f"/proc/{pid}/{name}", errors="replace").read())
        """
    result = await attack(source)
    assert result.outcome is Outcome.OK
    for secret in (str(Path.home()), str(Path(__file__).parents[2]), os.environ.get("PATH", "?")):
        assert secret not in result.stdout


async def test_reading_the_memory_of_others(attack: Attack) -> None:
    source = """
        import os
        print([pid for pid in os.listdir("/proc") if pid.isdigit() and pid != str(os.getpid())])
        for pid in range(2, 400):
            assert not os.path.exists(f"/proc/{pid}/mem")
        """
    assert await attack.says(source) == ["[]"]


async def test_the_root_of_others(attack: Attack) -> None:
    source = "import os\nprint(os.listdir('/proc/1/root') == os.listdir('/'), os.path.realpath('/proc/1/cwd'))"
    assert await attack.says(source) == ["True", "/workspace"]


async def test_climbing_out(attack: Attack, marker: Path) -> None:
    source = f"""
        import os
        for way in ({str(marker)!r}, "../" * 30 + {str(marker)!r}[1:], "/proc/self/root" + {str(marker)!r}, "/proc/self/cwd/../../.." + {str(marker)!r}):
            denied(open, way)
        os.chdir("..")
        print(sorted(set(os.listdir()) - set(os.listdir("/"))))
        """
    assert await attack.says(source) == ["ENOENT"] * 4 + ["[]"]


async def test_leaked_descriptors(attack: Attack) -> None:
    source = """
        import os, stat
        for name in os.listdir("/proc/self/fd"):
            try: status = os.fstat(int(name))
            except OSError: continue
            print(name, stat.S_IFMT(status.st_mode) == stat.S_IFDIR)
            try: os.fchdir(int(name)); print("in")
            except OSError: pass
        """
    assert await attack.says(source) == ["0", "False", "1", "False", "2", "False", "3", "False"]


async def test_descriptors_sent_to_the_host(attack: Attack) -> None:
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    source = """
        import array, os, socket
        channel = socket.socket(fileno=os.dup(3))
        fds = [os.open("/workspace/x", os.O_RDWR | os.O_CREAT) for _ in range(20)]
        channel.sendmsg([b"x" * 8], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))])
        """
    result = await attack(source)
    assert result.outcome in {Outcome.KILLED, Outcome.ERROR, Outcome.OK}, result
    assert len(os.listdir("/proc/self/fd")) <= before  # noqa: PTH208


async def test_a_nested_namespace(attack: Attack) -> None:
    source = """
        import subprocess
        print(subprocess.run(["unshare", "-Ur", "true"], capture_output=True).returncode != 0)
        """
    result = await attack(source)
    assert result.stdout in {"True\n", ""}, result  # without that program it is an error


@pytest.mark.skipif(platform.machine() != "x86_64", reason="numbers of x86-64")
async def test_a_namespace_by_clone(attack: Attack) -> None:
    assert await attack.says("print(call(56, 0x10000011, 0, 0, 0, 0), call(435, 0, 88))") == ["EPERM", "ENOSYS"]


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the x32 ABI is x86-64's")
async def test_the_x32_abi(attack: Attack) -> None:
    assert await attack.says("print(call(0x40000000 + 39), call(0x40000000 + 101, 0, 0, 0, 0))") == ["ENOSYS", "ENOSYS"]


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the 32-bit ABI is x86-64's")
async def test_the_32_bit_abi(attack: Attack) -> None:
    source = """
        import ctypes, mmap
        page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        page.write(bytes.fromhex("b814000000cd80c3"))  # mov eax, 20 (getpid); int 0x80; ret
        address = ctypes.addressof(ctypes.c_char.from_buffer(page))
        print(ctypes.CFUNCTYPE(ctypes.c_int)(address)())
        """
    await attack.expect(source, Outcome.KILLED)


async def test_words_put_into_a_terminal(attack: Attack) -> None:
    source = "import fcntl\ndenied(fcntl.ioctl, 0, 0x5412, b'x')\ndenied(fcntl.ioctl, 0, 0x541C, b'x')"
    assert await attack.says(source) == ["EPERM", "EPERM"]


async def test_more_rights(attack: Attack) -> None:
    source = """
        import os
        denied(os.setuid, 0)
        denied(os.setgid, 0)
        denied(os.setgroups, [0])
        denied(os.chown, "/workspace", 0, 0)
        """
    assert set(await attack.says(source)) <= {"EPERM", "EINVAL"}


async def test_capabilities_taken_back(attack: Attack) -> None:
    source = """
        import struct
        header = struct.pack("Ii", 0x20080522, 0)
        print(_libc.capset(header, struct.pack("6I", *[0xffffffff] * 6)))
        """
    assert await attack.says(source) == ["-1"]


async def test_a_program_with_a_set_user_id(attack: Attack) -> None:
    source = """
        import os, shutil, subprocess
        shutil.copy("/usr/bin/id", "id")
        os.chmod("id", 0o6755)
        print(subprocess.run(["./id", "-u"], capture_output=True, text=True).stdout)
        for program in ("su", "sudo", "mount", "newgrp", "passwd"):
            found = shutil.which(program)
            if found:
                done = subprocess.run([found, "-c", "id -u"], capture_output=True, text=True, stdin=subprocess.DEVNULL)
                assert done.stdout.strip() != "0", program
        """
    assert await attack.says(source) == ["1000"]


async def test_devices(attack: Attack) -> None:
    source = """
        import os, stat
        print(sorted(os.listdir("/dev")))
        denied(os.mknod, "x", stat.S_IFBLK | 0o666, os.makedev(8, 0))
        denied(os.mknod, "/dev/x", stat.S_IFCHR | 0o666, os.makedev(1, 1))
        """
    said = " ".join(await attack.says(source))
    assert said.endswith("EPERM EPERM")
    assert not {"mem", "kmsg", "sda", "kvm", "fuse", "ptmx", "tty", "loop0"} & set(said.replace("'", " ").split())


async def test_the_kernels_switches(attack: Attack) -> None:
    source = """
        import os
        for path in ("sys/kernel/core_pattern", "sys/kernel/modprobe", "sys/vm/overcommit_memory", "sysrq-trigger", "kcore", "kmsg"):
            denied(os.open, f"/proc/{path}", os.O_RDWR)
        for path in ("uid_map", "gid_map"):
            denied(os.write, os.open(f"/proc/self/{path}", os.O_RDWR), b"0 0 1")
        print(os.path.exists("/sys"))
        """
    said = await attack.says(source)
    assert set(said[:-1]) <= {"EACCES", "EPERM", "EROFS", "ENOENT"}, said
    assert said[-1] == "False"


async def test_a_shared_folder_made_writable(attack: Attack) -> None:
    source = """
        import os
        denied(os.chmod, "/usr", 0o777)
        denied(os.rename, "/usr", "/x")
        denied(os.symlink, "/workspace", "/opt/x")
        denied(os.utime, "/dev/null")
        """
    assert set(await attack.says(source)) <= {"EROFS", "EPERM", "EACCES", "EBUSY"}


async def test_writing_where_libraries_live(attack: Attack) -> None:
    source = """
        import json, os, sys
        for folder in {os.path.dirname(os.__file__), *[p for p in sys.path if p.startswith("/")], os.path.dirname(json.__file__) + "/__pycache__"}:
            denied(open, folder + "/evil.py", "w")
        denied(open, os.__file__, "a")
        """
    assert set(await attack.says(source)) <= {"EROFS", "ENOENT", "ENOTDIR", "EACCES"}


# Network


@pytest.mark.parametrize("family", ["AF_INET", "AF_INET6", "AF_UNIX", "AF_NETLINK", "AF_PACKET", "AF_VSOCK", "AF_ALG"])
async def test_a_socket(attack: Attack, family: str) -> None:
    assert await attack.says(f"import socket\ndenied(socket.socket, socket.{family}, socket.SOCK_DGRAM)") == ["EPERM"]


async def test_a_server_on_the_hosts_loopback(attack: Attack) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        source = f"""
            import socket, subprocess, sys
            denied(socket.create_connection, ("127.0.0.1", {port}), 0.2)
            program = "import socket; socket.create_connection(('127.0.0.1', {port}), 0.2)"
            print(subprocess.run([sys.executable, "-I", "-c", program], capture_output=True).returncode)
            """
        assert await attack.says(source) == ["EPERM", "1"]
        server.setblocking(False)
        with pytest.raises(BlockingIOError):
            server.accept()


async def test_an_abstract_name_of_the_hosts(attack: Attack) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("\0ocinterp-attack")
        server.listen()
        source = "import socket\ndenied(lambda: socket.socket(socket.AF_UNIX).connect('\\0ocinterp-attack'))"
        assert await attack.says(source) == ["EPERM"]


async def test_a_pair_of_sockets_taken_apart(attack: Attack) -> None:
    source = "import socket\ndenied(socket.socketpair, socket.AF_UNIX, socket.SOCK_DGRAM)"
    assert await attack.says(source) == ["EPERM"]


async def test_names_on_the_network(attack: Attack) -> None:
    await attack.expect("import socket\nsocket.getaddrinfo('example.invalid', 80)", Outcome.ERROR, "gaierror")


async def test_no_way_out_even_with_a_socket(attack: Attack) -> None:
    """Cloud metadata is a link-local address: there is no interface but an empty loopback, and no route."""
    source = """
        rows = [line.split() for line in open("/proc/net/dev").read().splitlines()[2:]]
        print([row[0] for row in rows], len(open("/proc/net/route").read().splitlines()) <= 1)
        """
    assert await attack.says(source) == ["['lo:']", "True"]


# Files on their way out and in


@pytest.mark.parametrize(
    "elsewhere", ["/etc/passwd", "/proc/self/mem", "/dev/zero", "/proc/1/root/etc/passwd", "../../etc/passwd"]
)
async def test_a_link_among_the_files(attack: Attack, elsewhere: str) -> None:
    await attack.says(f"import os\nos.symlink({elsewhere!r}, 'link')")
    assert await attack.session.files() == ()
    with pytest.raises(UsageError, match="cannot be read"):
        await attack.session.get("link")


async def test_a_linked_folder_among_the_files(attack: Attack) -> None:
    await attack.says("import os\nos.symlink('/etc', 'folder')")
    assert await attack.session.files() == ()
    for work in (attack.session.get("folder/passwd"), attack.session.put("folder/x", b"")):
        with pytest.raises(UsageError, match="cannot be"):
            await work


async def test_a_hard_link_to_a_file_elsewhere(attack: Attack) -> None:
    assert (await attack.says("import os\ndenied(os.link, '/etc/passwd', 'link')"))[0] in {"EXDEV", "EPERM"}


async def test_a_pipe_among_the_files(attack: Attack) -> None:
    assert await attack.says("import os\ndenied(os.mkfifo, 'pipe')") == ["EPERM"]


async def test_a_link_put_in_place_at_the_last_moment(attack: Attack) -> None:
    source = """
        import os, threading
        def swap():
            while True:
                for make in (lambda: os.symlink("/etc/passwd", "new"), lambda: open("new", "w").write("mine")):
                    try: make(); os.replace("new", "target")
                    except OSError: pass
        threading.Thread(target=swap, daemon=True).start()
        """
    assert (await attack(source)).outcome is Outcome.OK
    for _ in range(200):
        with suppress(UsageError):
            assert await attack.session.get("target") in {b"mine", b""}
        with suppress(UsageError):
            await attack.session.put("target", b"mine")


@pytest.mark.parametrize("name", ["/etc/x", "../x", "a/../../x", "a//b", ".", "..", "", "a\0b", "x/" * 64 + "x"])
async def test_a_name_that_leads_elsewhere(attack: Attack, name: str) -> None:
    with pytest.raises(UsageError):
        await attack.session.put(name, b"x")
    with pytest.raises(UsageError):
        await attack.session.get(name)


# The service, and the next job


async def expect_unharmed(attack: Attack) -> None:
    """A session that opens beside the poisoned one, while that still lives, has whole modules and builtins."""
    source = "import json, random, re, subprocess\nprint(json.dumps(sorted([3, 1, None], key=str)), re.sub('a', 'b', 'a'), None is None)"
    beside = await (await attack.another()).run(Cell("beside", source))
    assert (beside.outcome, beside.stdout) == (Outcome.OK, "[1, 3, null] b True\n"), beside


async def test_poisoned_modules(attack: Attack) -> None:
    source = """
        import builtins, json, os, random, re, subprocess, sys, threading
        for module in (json, os, re, random, subprocess, threading):
            for name in list(vars(module)):
                if not name.startswith("__"): setattr(module, name, None)
        sys.path[:] = []
        sys.modules.clear()
        for name in list(vars(builtins)):
            if name not in ("__import__", "setattr", "BaseException"): setattr(builtins, name, None)
        """
    await attack(source)
    await expect_unharmed(attack)


async def test_poisoned_memory(attack: Attack) -> None:
    """Pages shared with the service are the program's own copies."""
    source = """
        import ctypes, gc
        ctypes.memset(id(None) + 16, 0xff, 8)
        for each in gc.get_objects():
            if isinstance(each, dict): each.clear()
        """
    await attack(source)
    await expect_unharmed(attack)


async def test_poisoned_files(attack: Attack) -> None:
    source = """
        import os
        for folder in ("/tmp", "/dev/shm", "/workspace"):
            open(f"{folder}/sitecustomize.py", "w").write("raise SystemExit(1)")
            os.chmod(folder, 0)
        """
    assert (await attack(source)).outcome is Outcome.OK


async def test_the_files_of_another_session(attack: Attack) -> None:
    other = await attack.another()
    await other.put("secret", b"hush")
    source = """
        import os
        found = []
        for folder, _, names in os.walk("/"):
            found += [f"{folder}/{name}" for name in names if name == "secret"]
            if folder.startswith(("/proc", "/usr", "/opt")): _.clear()
        print(found, os.listdir("/run/sessions"))
        """
    result = await attack(source.replace("_.clear()", "_[:] = []"))
    assert result.stdout == "[] []\n", result


async def test_the_shared_memory_of_another_session(attack: Attack) -> None:
    other = await attack.another()
    source = "import multiprocessing.shared_memory as m\n"
    assert (await other.run(Cell("a", source + "held = m.SharedMemory('meeting', create=True, size=10)"))).ok
    await attack.expect(source + "m.SharedMemory('meeting')", Outcome.ERROR, "FileNotFoundError")
    await other.run(Cell("b", "held.close(); held.unlink()"))


async def test_semaphores_are_its_own(attack: Attack) -> None:
    source = "import os\nprint(call({'x86_64': 64, 'aarch64': 190}[os.uname().machine], 0x0C1, 1, 0o1666))"
    said = await attack.says(source)
    assert said == ["0"] or said[0].isalpha()
    other = await attack.another()
    listed = await other.run(Cell("a", "print(len(open('/proc/sysvipc/sem').read().splitlines()))"))
    assert listed.stdout == "1\n"  # the heading


async def test_what_the_next_job_draws_from(attack: Attack) -> None:
    await attack.says("import random\nrandom.seed(1)")
    drawn = {
        (await (await attack.another()).run(Cell("r", "import random; print(random.random())"))).stdout
        for _ in range(3)
    }
    assert len(drawn) == 3


async def test_many_sessions_at_once_are_attacked_together(attack: Attack) -> None:
    sessions = [await attack.another() for _ in range(8)]
    bombs = ["import os\nwhile True: os.fork()", "while True: pass", "x = []\nwhile True: x.append(bytes(1 << 20))", "while True: print('x' * 99)"]  # fmt: skip
    results = await asyncio.gather(  # noqa: TID251
        *(session.run(Cell("bomb", bombs[number % 4])) for number, session in enumerate(sessions))
    )
    assert all(not result.ok for result in results)
