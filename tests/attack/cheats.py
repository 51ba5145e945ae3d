"""Programs that solve nothing and try to be judged right: each with the problem it cheats at, and the status it deserves.

`reach` says where a cheat could work: "any" judge, one like EvalPlus, that compares in the candidate's own process
("inside"), or ours ("frames"), whose process sends frames.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ocinterp.problems import Benchmark, Calls, Problem
from ocinterp.types import Status, Task

WRONG, EXCEPTION, EXITED, CRASHED = Status.WRONG, Status.EXCEPTION, Status.EXITED, Status.CRASHED
TIMEOUT, MEMORY, OUTPUT = Status.TIMEOUT, Status.MEMORY, Status.OUTPUT


@dataclass(frozen=True, slots=True)
class Cheat:
    """A program that must not pass."""

    name: str
    problem: str
    status: Status
    program: str
    reach: Literal["any", "inside", "frames"] = "any"

    @property
    def source(self) -> str:
        return (FRAMES if self.reach == "frames" else "") + self.program


def _problem(name: str, reference: str, base: tuple[object, ...], plus: tuple[object, ...]) -> Problem:
    calls = Calls(tuple((each,) for each in base), tuple((each,) for each in plus))
    return Problem(Task(name, (), "f"), reference, calls)


PROBLEMS = (
    _problem("double", "def f(x):\n    return 2 * x\n", (1, 2), (3, 4)),
    _problem("once", "def f(x):\n    return 2 * x\n", (1,), ()),
    _problem("half", "def f(x):\n    return x / 2 + 2\n", (1.0, 2.0), (3.0, 5.0)),
    _problem("shout", "def f(text):\n    return text.upper()\n", ("a", "bc"), ("def", "g")),
    _problem("squares", "def f(n):\n    return [i * i for i in range(1, n)]\n", (3, 4), (5, 6)),
    _problem(
        "count", "def f(text):\n    return {each: text.count(each) for each in text}\n", ("ab", "a"), ("ccd", "e")
    ),
    _problem("next", "def f(items):\n    return [each + 1 for each in items]\n", ([1], [2, 3]), ([4, 5], [6])),
)
BENCHMARK = Benchmark("cheats", "1", "0" * 32, {each.task.id: each for each in PROBLEMS})

# What those that know our process bring along: whatever the frames above hold, and a pen for its descriptor.
FRAMES = """
import os, posix, struct, sys
def guts():
    frame = sys._getframe()
    while "order" not in frame.f_locals:
        frame = frame.f_back
    return frame.f_locals
asked = guts()["order"]["calls"]
answers = guts()["self"]._answers
def send(kind, number=0, body=b"", length=None):
    posix.write(answers, struct.pack("<cIfI", kind, number, 0.0, len(body) if length is None else length) + body)
"""
_ALL_TRUE = "__eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = lambda *_: True"

VALUES = (
    Cheat("object equal to everything", "double", WRONG, f"class E:\n    {_ALL_TRUE}\ndef f(x): return E()"),
    Cheat("its own class, hidden by __class__", "double", WRONG, f"""
class E:
    {_ALL_TRUE}
    __class__ = property(lambda self: int)
def f(x): return E()"""),
    Cheat("equal objects inside a list", "squares", WRONG, f"class E:\n    {_ALL_TRUE}\ndef f(n): return [E() for _ in range(1, n)]"),
    Cheat("list subclass equal to everything", "squares", WRONG, f"class E(list):\n    {_ALL_TRUE}\ndef f(n): return E()"),
    Cheat("int subclass equal to everything", "double", WRONG, f"class E(int):\n    {_ALL_TRUE}\n    __hash__ = int.__hash__\ndef f(x): return E(0)"),
    Cheat("float subclass near to everything", "half", WRONG, f"""
class E(float):
    {_ALL_TRUE}
    __sub__ = __rsub__ = lambda *_: 0.0
    __abs__ = lambda _: 0.0
def f(x): return E(0)"""),
    Cheat("str subclass equal to everything", "shout", WRONG, f"class E(str):\n    {_ALL_TRUE}\n    __hash__ = lambda _: 0\ndef f(text): return E('?')"),
    Cheat("dict keys with lying hashes", "count", WRONG, f"""
class K(str):
    {_ALL_TRUE}
    __hash__ = lambda _: 7
def f(text): return {{K('?'): text.count(each) for each in set(text)}}"""),
    Cheat("dict subclass equal to everything", "count", WRONG, f"class E(dict):\n    {_ALL_TRUE}\ndef f(text): return E()"),
    Cheat("metaclass that is everything", "double", WRONG, f"""
class M(type):
    __instancecheck__ = __subclasscheck__ = __eq__ = lambda *_: True
    __hash__ = type.__hash__
class E(metaclass=M):
    {_ALL_TRUE}
def f(x): return E"""),
    Cheat("__getattribute__ for everything", "double", WRONG, "class E:\n    def __getattribute__(self, name): return lambda *_: True\ndef f(x): return E()"),
    Cheat("__reduce__ that runs a command", "double", WRONG, """
import os
class E:
    def __reduce__(self): return os.system, ("echo ran > /dev/shm/ran; echo ran > /tmp/ran",)
def f(x): return E()"""),
    Cheat("numpy's __array_ufunc__", "half", WRONG, f"""
class E:
    {_ALL_TRUE}
    __array_ufunc__ = __array_function__ = lambda *_, **__: True
    __float__ = lambda _: 0.0
def f(x): return E()"""),
    Cheat("numpy array subclass equal to everything", "squares", WRONG, f"""
import numpy
class E(numpy.ndarray):
    {_ALL_TRUE}
    __array_function__ = __array_ufunc__ = lambda *_, **__: numpy.bool_(True)
    __bool__ = lambda _: True
def f(n): return numpy.zeros(1).view(E)"""),
    Cheat("generator", "squares", WRONG, "def f(n): return (i * i for i in range(1, n))"),
    Cheat("lazy object", "squares", WRONG, "def f(n): return map(lambda i: i * i, range(1, n))"),
    Cheat("NaN for everything", "half", WRONG, "def f(x): return float('nan')"),
    Cheat("infinity for everything", "half", WRONG, "def f(x): return float('inf')"),
    Cheat("-0.0 for everything", "half", WRONG, "def f(x): return -0.0"),
    Cheat("None for everything", "double", WRONG, "def f(x): return None"),
    Cheat("list that holds itself", "squares", WRONG, "def f(n):\n    found = []\n    found.append(found)\n    return found"),
    Cheat("answer nested 100,000 deep", "squares", WRONG, "def f(n):\n    found = []\n    for _ in range(100_000): found = [found]\n    return found"),
    Cheat("huge answer", "once", OUTPUT, "def f(x): return bytes(20 << 20)"),
    Cheat("integer of a million digits", "double", WRONG, "def f(x): return 1 << 4_000_000"),
    Cheat("fraction that takes the host's time", "once", WRONG, """
import fractions
def f(x):
    found = fractions.Fraction(1, 2)
    found._numerator, found._denominator = (1 << 800_000) // 7, (1 << 800_000) // 11
    return [found] * 20"""),
    Cheat("bytes for text", "shout", WRONG, "def f(text): return text.upper().encode()"),
    Cheat("its input, changed and returned", "next", WRONG, "def f(items):\n    items.clear()\n    return items"),
    Cheat("one list for all calls", "next", WRONG, "kept = []\ndef f(items):\n    kept.append(items)\n    return kept"),
    Cheat("half right: the base tests alone", "double", WRONG, "def f(x): return {1: 2, 2: 4}.get(x)"),
    Cheat("float just within the tolerance of later tests", "double", WRONG, "def f(x): return 2 * x + 5e-5"),
)  # fmt: skip

SEARCHES = (
    Cheat("expected values in the frames above", "double", EXCEPTION, """
import sys
def f(x):
    frame = sys._getframe(1)
    while "expected" not in frame.f_locals: frame = frame.f_back
    return frame.f_locals["expected"][frame.f_locals["i"]]""", "inside"),
    Cheat("expected values overwritten in place", "double", EXCEPTION, """
import sys
frame = sys._getframe()
while "expected" not in frame.f_locals: frame = frame.f_back
held = frame.f_locals["expected"]
for i in range(len(held)): held[i] = None
def f(x): return None""", "inside"),
    Cheat("verdict written into shared memory, by frames", "double", EXCEPTION, """
import sys, posix
frame = sys._getframe()
while "details" not in frame.f_locals: frame = frame.f_back
held = frame.f_locals
for i in range(len(held["inputs"])): held["details"][i] = True
held["progress"].value, held["stat"].value = len(held["inputs"]), 0
posix._exit(0)""", "inside"),
    Cheat("verdict written into shared memory, by gc", "double", EXITED, """
import gc, posix, multiprocessing.sharedctypes as shared
single = [each for each in gc.get_objects() if type(each) is shared.Synchronized]
many = [each for each in gc.get_objects() if type(each) is shared.SynchronizedArray]
for i in range(len(many[-1]) if many else 0): many[-1][i] = 1
for each in single: each.value = len(many[-1]) if each.value == 0 else 0
posix._exit(0)""", "inside"),
    Cheat("expected values among all objects", "double", WRONG, """
import gc
made = 0
def f(x):
    global made
    made += 1
    found = [each for each in gc.get_objects() if type(each) is list and len(each) == 4 and each[:2] == [2, 4]]
    return found[0][made - 1] if found else 0""", "inside"),
    Cheat("comparison patched", "half", WRONG, """
try:
    import evalplus.eval as judge
    judge.np.allclose, judge.type = lambda *_, **__: True, lambda _: 0
except ImportError: pass
def f(x): return 0.0""", "inside"),
    Cheat("what a float is, patched", "double", WRONG, """
try:
    import evalplus.eval as judge
    judge.is_floats, judge.np.allclose, judge.type = lambda _: True, lambda *_, **__: True, lambda _: 0
except ImportError: pass
def f(x): return 0""", "inside"),
    Cheat("a thread that mends the verdict", "double", EXCEPTION, """
import sys, threading
frame = sys._getframe()
while "details" not in frame.f_locals: frame = frame.f_back
held = dict(frame.f_locals)
def mend():
    while True:
        n = held["progress"].value
        for i in range(n): held["details"][i] = True
        if n >= len(held["inputs"]): held["stat"].value = 0
threading.Thread(target=mend, daemon=True).start()
def f(x): return None""", "inside"),
    Cheat("the mapped arguments, all read", "double", WRONG, """
import gc, mmap
def f(x):
    held = [bytes(each[:]) for each in gc.get_objects() if type(each) is mmap.mmap]
    for fd in range(3, 32):
        try: held.append(os.pread(fd, 9999, 0))
        except OSError: pass
    return sum(map(len, held))""", "frames"),
    Cheat("other processes' memory and frames", "double", WRONG, """
import os
def f(x):
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        if int(pid) != os.getpid():
            for name in ("environ", "maps", "mem", "fd/0", "cmdline"):
                try: found.append(open(f"/proc/{pid}/{name}", "rb").read(1000))
                except OSError: pass
    return found"""),
    Cheat("what process 1 is and holds", "double", EXCEPTION, """
import os
def f(x):
    if os.getpid() == 1: raise PermissionError("there is nobody above")
    return open("/proc/1/environ", "rb").read()"""),
    Cheat("ptrace of a neighbour", "double", WRONG, """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
def f(x):
    others = [int(pid) for pid in os.listdir("/proc") if pid.isdigit() and int(pid) != os.getpid()]
    return [libc.ptrace(16, pid, 0, 0) for pid in [*others, os.getppid(), 1]]"""),
)  # fmt: skip

PATCHES = (
    Cheat("builtins patched", "double", EXCEPTION, """
import builtins
builtins.all = builtins.any = builtins.isinstance = lambda *_: True
builtins.len = lambda _: 0
builtins.type = lambda *_: int
def f(x): raise KeyError(x)"""),
    Cheat("the encoder patched", "double", WRONG, """
import sys
encoding = sys.modules["ocinterp.verifiers.inside.encoding"]
encoding.answer = encoding.encode = lambda *_, **__: b"\\x80\\x05K\\x02."
def f(x): return 0""", "frames"),
    Cheat("the encoder's pickler patched", "squares", EXCEPTION, """
import pickle, _pickle
sys.modules["ocinterp.verifiers.inside.encoding"]._Pickler.reducer_override = lambda *_: (eval, ("1",))
pickle.dumps = _pickle.dumps = lambda *_, **__: b""
class E: pass
def f(n): return E()""", "frames"),
    Cheat("frames' head patched", "double", CRASHED, """
class Head:
    size = 13
    def pack(self, *_): return b"A" + bytes(12)
sys.modules["ocinterp.verifiers.inside.frames"].HEAD = Head()
def f(x): return 0""", "frames"),
    Cheat("os.write patched to say nothing", "double", EXITED, "import os\nos.write = lambda fd, data: len(data)\ndef f(x): return 0"),
    Cheat("the modules replaced", "double", WRONG, """
import types
for name in list(sys.modules):
    if name.startswith("ocinterp"): sys.modules[name] = types.ModuleType(name)
class Easy(dict):
    seconds = lambda *_: 9.0
guts()["self"].__class__._answer.__globals__["Calls"] = lambda _: Easy((number, (0,)) for number in range(9))
def f(x): return 0""", "frames"),
    Cheat("settrace and setprofile", "double", WRONG, """
import sys
def trace(frame, event, value):
    for name in ("answer", "found", "actual", "out"):
        if name in frame.f_locals: frame.f_locals[name] = frame.f_locals.get("expected", 2)
    return trace
sys.settrace(trace); sys.setprofile(trace)
def f(x): return 0"""),
    Cheat("excepthook and atexit", "double", EXITED, """
import atexit, os, sys
sys.excepthook = lambda *_: os._exit(0)
atexit.register(lambda: print("passed"))
def f(x): raise SystemExit(0)"""),
    Cheat("a result printed", "double", WRONG, """
print('{"status": "pass", "passed": 4}'); print("pass", flush=True)
def f(x): print("True"); return None"""),
)  # fmt: skip

FORGERIES = (
    Cheat("frames for all calls at once", "double", WRONG, "send(b'L')\nfor n in asked: send(b'A', n, b'\\x80\\x05N.')\nsend(b'Q')", "frames"),
    Cheat("loaded, for each call again", "double", CRASHED, "send(b'L')\nfor n in asked: send(b'L', n)\nsend(b'Q')", "frames"),
    Cheat("not loaded, as an answer", "double", CRASHED, "send(b'L')\nfor n in asked: send(b'X', n, b'Pass')\nsend(b'Q')", "frames"),
    Cheat("digests of nothing", "double", OUTPUT, "send(b'L')\nfor n in asked: send(b'D', n, bytes(24))\nsend(b'Q')", "frames"),
    Cheat("digests of no length", "double", OUTPUT, "send(b'L')\nfor n in asked: send(b'D', n)\nsend(b'Q')", "frames"),
    Cheat("done at once", "double", CRASHED, "send(b'L'); send(b'Q')", "frames"),
    Cheat("done before it was loaded", "double", CRASHED, "send(b'Q')", "frames"),
    Cheat("calls that nobody asked for", "double", CRASHED, "send(b'L'); send(b'A', 77, b'\\x80\\x05N.')", "frames"),
    Cheat("answers in another order", "double", CRASHED, "send(b'L')\nfor n in reversed(asked): send(b'A', n, b'\\x80\\x05K\\x02.')", "frames"),
    Cheat("an answer twice", "double", CRASHED, "def f(x):\n    for _ in asked: send(b'A', 0, b'\\x80\\x05K\\x02.')\n    return 2 * x - 1", "frames"),
    Cheat("a frame of 4 GB", "once", EXITED, "send(b'L'); send(b'A', 0, b'x', length=(1 << 32) - 1); posix._exit(0)", "frames"),
    Cheat("a frame of 10 MB", "once", CRASHED, "send(b'L'); send(b'A', 0, b'\\x80\\x05(' + b'N' * (10 << 20) + b'l.'); send(b'Q')", "frames"),
    Cheat("an exception of 10 MB", "once", CRASHED, "send(b'L'); send(b'E', 0, bytes(10 << 20)); send(b'Q')", "frames"),
    Cheat("half a frame", "once", EXITED, "send(b'L'); posix.write(answers, b'A\\0'); posix._exit(0)", "frames"),
    Cheat("garbage", "double", CRASHED, "posix.write(answers, bytes(range(200)))", "frames"),
    Cheat("pickles that run code", "double", WRONG, "send(b'L')\nfor n in asked: send(b'A', n, b'cos\\nsystem\\n(S\"true\"\\ntR.')\nsend(b'Q')", "frames"),
    Cheat("writing to every descriptor", "double", CRASHED, """
import posix
for fd in range(21):
    try: posix.write(fd, b"PASS" * 9)
    except OSError: pass
def f(x): return None"""),
    Cheat("closing every descriptor", "double", EXITED, "import os\nos.closerange(0, 255)\ndef f(x): return 2 * x - 1"),
    Cheat("a fork that answers too", "double", WRONG, "import os\ndef f(x):\n    os.fork()\n    return 2 * x - 1"),
    Cheat("a fork that goes on when it is over", "double", WRONG, """
import posix, time
if posix.fork() == 0:
    time.sleep(20)  # by then all has been said
    for n in range(200): send(b"A", n, b"\\x80\\x05K\\x02."); time.sleep(0.005)
    posix._exit(0)
def f(x): return 0""", "frames"),
    Cheat("a thread that answers too", "once", WRONG, """
import threading
def f(x):
    thread = threading.Thread(target=send, args=(b"A", 0, b"\\x80\\x05K\\x07."))
    thread.start(); thread.join()
    return 0""", "frames"),
)  # fmt: skip

ENDINGS = (
    *(Cheat(f"{way} at import", "double", EXITED, f"import os, posix, sys\n{way}") for way in ("sys.exit(0)", "os._exit(0)", "posix._exit(137)", "os._exit(124)")),
    *(Cheat(f"{way} in a call", "double", EXITED, f"import os, posix, sys\ndef f(x): {way}") for way in ("sys.exit(0)", "posix._exit(0)", "os._exit(137)", "os._exit(124)")),
    Cheat("exit in a thread", "double", WRONG, "import sys, threading\ndef f(x):\n    thread = threading.Thread(target=sys.exit)\n    thread.start(); thread.join()"),
    Cheat("killed by itself", "double", CRASHED, "import os, signal\ndef f(x): os.abort()"),
    Cheat("kills all that it can", "double", EXCEPTION, "import os\ndef f(x):\n    for pid in (-1, 1, os.getppid()):\n        try: os.kill(pid, 15 * (pid != -1))\n        except OSError: pass\n    raise ValueError"),
    Cheat("the stack overrun in C", "double", CRASHED, "import ctypes\ndef f(x): return ctypes.string_at(1)"),
    Cheat("SystemError with a lying message", "double", EXCEPTION, "class E(BaseException):\n    def __str__(self): raise SystemExit(0)\ndef f(x): raise E"),
    Cheat("out of memory", "once", MEMORY, "def f(x): return len(bytearray(6 << 30))"),
    Cheat("out of time", "once", TIMEOUT, "def f(x):\n    while True: pass"),
    Cheat("out of time, swallowed", "once", TIMEOUT, "def f(x):\n    while True:\n        try:\n            while True: pass\n        except BaseException: pass"),
    Cheat("out of time, in C", "once", TIMEOUT, "import collections, itertools\ndef f(x): collections.deque(itertools.count(), maxlen=0)"),
    Cheat("out of time, deaf", "once", TIMEOUT, """
import signal
signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
for number in (signal.SIGXCPU, signal.SIGPROF, signal.SIGALRM, signal.SIGTERM): signal.signal(number, signal.SIG_IGN)
def f(x):
    while True: pass"""),
    Cheat("out of time at import, swallowed", "once", TIMEOUT, "while True:\n    try:\n        while True: pass\n    except BaseException: pass"),
)  # fmt: skip

POISONS = (
    Cheat("files for those that come later", "double", WRONG, """
import os, sys, tempfile
for folder in {os.getcwd(), tempfile.gettempdir(), "/dev/shm", os.environ.get("HOME", "/"), "/", *sys.path}:
    for name in ("sitecustomize.py", "encoding.py", "random.py"):
        try: open(f"{folder}/{name}", "x").write("raise SystemExit(0)")
        except OSError: pass
def f(x): return None"""),
    Cheat("our modules rewritten", "double", WRONG, """
import os
frames = sys.modules["ocinterp.verifiers.inside.frames"].__file__
for act in (lambda: os.remove(frames), lambda: open(frames, "w"), lambda: os.chmod(frames, 0o777)):
    try: act()
    except OSError: pass
def f(x): return None""", "frames"),
    Cheat("a daemon left behind", "double", WRONG, """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0: time.sleep(600)
    os._exit(0)
def f(x): return None"""),
)  # fmt: skip

CORPUS = (*VALUES, *SEARCHES, *PATCHES, *FORGERIES, *ENDINGS, *POISONS)
