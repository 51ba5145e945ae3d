"""Tests that are code of their own, against programs in another process, some of which would rather be believed."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, Callable

import pytest
import pytest_asyncio

from ocinterp.errors import UsageError
from ocinterp.jobs import Job, JobEnd, Jobs
from ocinterp.problems import Benchmark, Problem, Script
from ocinterp.sandboxes.limits import MIB, Resources
from ocinterp.sandboxes.profiles import Profile
from ocinterp.sandboxes.zygotes import NamespaceSandbox
from ocinterp.types import Message, Status, Task
from ocinterp.verifiers.asserts import EXAMINING, SERVING
from ocinterp.verifiers.court import FORGEABLE, GUEST, Court
from ocinterp.verifiers.expected import Expectations
from ocinterp.verifiers.judge import Judgement
from ocinterp.verifiers.running import IDLE_SECONDS
from ocinterp.verifiers.scripts import SECONDS, ScriptJudge

pytestmark = pytest.mark.asyncio(loop_scope="module")
RESOURCES = Resources(memory_bytes=1024 * MIB, output_bytes=64 * MIB)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sandbox(namespaces: None) -> AsyncGenerator[NamespaceSandbox]:
    async with NamespaceSandbox(RESOURCES, profile=Profile(guests=(GUEST,))) as sandbox:
        yield sandbox


def problem(tests: str, *, name: str = "f", setup: str = "", unittest: bool = False, reference: str = "") -> Problem:
    return Problem(
        Task("t/1", (Message("user", "Write it."),), name),
        reference,
        Script(tests, setup, "unittest" if unittest else "asserts"),
    )


async def judged(sandbox: Jobs, each: Problem, program: str, *, leave_out: tuple[int, ...] = ()) -> Judgement:
    with ScriptJudge(sandbox, each, ("strict",), room=asyncio.Semaphore(1), leave_out=leave_out, seconds=1) as judge:
        return (await judge.judge(program))["strict"]


async def status(sandbox: NamespaceSandbox, tests: str, program: str, *, setup: str = "", name: str = "f") -> Status:
    return (await judged(sandbox, problem(tests, setup=setup, name=name), program)).base.status


ADDS = """
def check(candidate):
    assert candidate(2, 3) == 5
    assert candidate([1], [2]) == [1, 2]
    assert candidate(1.5, 2) < 4 and candidate("a", "b") == "ab"

check(f)
"""


async def test_a_program_that_fulfils_its_tests_passes(sandbox: NamespaceSandbox) -> None:
    base = (await judged(sandbox, problem(ADDS), "def f(a, b): return a + b")).base
    assert (base.status, base.passed, base.total, base.failure) == (Status.PASS, 3, 3, None)


async def test_the_first_assert_that_does_not_hold_is_told_with_both_sides(sandbox: NamespaceSandbox) -> None:
    base = (await judged(sandbox, problem(ADDS), "def f(a, b): return a + b if type(a) is int else 7")).base
    assert base.failure is not None
    assert (base.status, base.passed, base.total, base.failure.number) == (Status.WRONG, 1, 3, 1)
    assert base.failure.detail == "assert candidate([1], [2]) == [1, 2]: 7 against [1, 2]"


async def test_both_sides_are_told_of_within_bounds(sandbox: NamespaceSandbox) -> None:
    base = (await judged(sandbox, problem("assert f() == 1, 'note'"), "def f(): return 'x' * 100000")).base
    assert base.failure is not None
    assert base.failure.detail.startswith("assert f() == 1, 'note': note: 'xxx")
    assert len(base.failure.detail) < 600


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        ("def f(a, b): return 1 / 0", Status.EXCEPTION),
        ("def f(a, b): assert False", Status.EXCEPTION),
        ("def f(a, b): raise StopIteration", Status.EXCEPTION),
        ("raise ValueError", Status.EXCEPTION),
        ("def f(a, b: return", Status.EXCEPTION),
        ("def g(a, b): return 5", Status.EXCEPTION),
        ("def f(a, b): return None", Status.WRONG),
        ("def f(a, b):\n while True: pass", Status.TIMEOUT),
        (
            "import signal\nsignal.signal(signal.SIGPROF, signal.SIG_IGN)\ndef f(a, b):\n while True: pass",
            Status.TIMEOUT,
        ),
        ("def f(a, b): return 'x' * (1 << 40)", Status.MEMORY),
        ("def f(a, b): return [0] * 6_000_000", Status.WRONG),
        ("def f(a, b): return bytes(1 << 27)", Status.WRONG),
        ("import os\ndef f(a, b): os.abort()", Status.CRASHED),
        ("import os\ndef f(a, b): os._exit(0)", Status.EXITED),
        ("def f(a, b): raise SystemExit(0)", Status.EXITED),
        ("raise SystemExit(0)", Status.EXITED),
        ("import os\nos._exit(0)", Status.EXITED),
        ("import os\nif os.fork(): os._exit(0)\nimport time\ntime.sleep(600)", Status.EXITED),
    ],
)
async def test_what_ends_a_program_is_told(sandbox: NamespaceSandbox, program: str, expected: Status) -> None:
    assert await status(sandbox, ADDS, program) is expected


async def test_tests_may_expect_exceptions(sandbox: NamespaceSandbox) -> None:
    tests = """
for value, kind in ((0, ZeroDivisionError), ("x", TypeError), (-1, LookupError)):
    try:
        f(value)
    except kind as error:
        assert str(error)
    else:
        assert False, "nothing was raised"
"""
    right = "class Mine(KeyError): pass\ndef f(x):\n  if x == -1: raise Mine('no')\n  return 1 / x"
    assert await status(sandbox, tests, right) is Status.PASS
    assert await status(sandbox, tests, "def f(x): return 1") is Status.WRONG
    assert await status(sandbox, tests, "def f(x): raise KeyError('no')") is Status.EXCEPTION


@pytest.mark.parametrize(
    ("tests", "program"),
    [
        ("assert f() == {1: (2, [3.5, {4}])} and type(f()) is dict", "def f(): return {1: (2, [3.5, {4}])}"),
        (
            "from collections import Counter\nassert f() == Counter('aab') == {'a': 2, 'b': 1}",
            "import collections\ndef f(): return collections.Counter('aab')",
        ),
        (
            "from collections import deque, OrderedDict\nassert f() == (deque([1]), OrderedDict(a=1))",
            "import collections as c\ndef f(): return c.deque([1]), c.OrderedDict(a=1)",
        ),
        (
            "import datetime, decimal, fractions\nassert f() == "
            "[datetime.date(2020, 1, 2), datetime.datetime(2020, 1, 2, 3), decimal.Decimal('1.5'), fractions.Fraction(1, 3)]",
            "import datetime, decimal, fractions\ndef f(): return "
            "[datetime.date(2020, 1, 2), datetime.datetime(2020, 1, 2, 3), decimal.Decimal('1.5'), fractions.Fraction(1, 3)]",
        ),
        ("assert list(f(3)) == [0, 1, 2] and sum(f(3)) == 3 and 2 in f(9)", "def f(n): yield from range(n)"),
        ("it = f()\nassert next(it) == 0 and next(it) == 1", "import itertools\ndef f(): return itertools.count()"),
        ("assert f(2)(3) == 5", "def f(a): return lambda b: a + b"),
        ("assert f() == 3 and LIMIT == 3 and g(x=1) == [1]", "LIMIT = 3\ndef f(): return LIMIT\ndef g(*, x): return [x]"),
        ("values = [3, 1, 2]\nf(values)\nassert values == [1, 2, 3]", "def f(x): x.sort()"),
        (
            "rows = [[1], [2]]\nfirst = rows[0]\nf(rows, found={})\nassert rows == [[1, 9], [2]] and first is rows[0]",
            "def f(x, found): x[0].append(9)",
        ),
        (
            "p = Pair(1, b=2)\np.b += 1\nassert f([p, Pair(5, 5)]) == 14 and p.b == 3 and len(p) == 2 and p[0] == 1",
            "class Pair:\n def __init__(s, a, b): s.a, s.b = a, b\n def __len__(s): return 2\n def __getitem__(s, i): return s.a\n"
            "def f(x): return sum(p.a + p.b for p in x)",
        ),
        ("assert f(f) is f and f(g) is g", "def f(x): return x\ndef g(): pass"),
        ("assert len(f(1)) == 2 and f(1)[0] == 1 and [*f(1)] == [1, 1]", "def f(x): return memoryview(bytes([x, x]))"),
        ("import numpy\nassert (f() == numpy.array([1, 2])).all()", "import numpy\ndef f(): return numpy.array([1, 2])"),
        ("import numpy\nassert f(numpy.array([1.5, 2])) == 3.5", "def f(a): return a.sum()"),
        ("class T:\n  x = helper()\nassert T.x == 1", "def helper(): return 1\nf = helper"),
        ("def add(x, y=1): return x + y\nassert f(add, 2) == [3, 4] and f(lambda x, y: x, 'a') == ['a', 'a']", "def f(g, x): return [g(x, 1), g(x, y=2)]"),
        ("def twice(g): return g(1) + g(2)\nassert f(twice) == 5 and f(f) is f", "def f(g): return g if g is f else g(lambda x: x + 1)"),
        ("def bad(x): raise KeyError(x)\nassert f(bad) == 'k'", "def f(g):\n  try: g('k')\n  except KeyError as e: return e.args[0]"),
        ("def same(x): return x\nassert f(same) is same", "def f(g): return g"),
    ],
)  # fmt: skip
async def test_tests_see_what_the_program_answers(sandbox: NamespaceSandbox, tests: str, program: str) -> None:
    found = (await judged(sandbox, problem(tests), program)).base
    assert (found.status, found.failure) == (Status.PASS, None)


async def test_only_the_entry_point_goes_before_builtins(sandbox: NamespaceSandbox) -> None:
    program = "def sum(x): return 7\ndef len(x): return 7"
    assert await status(sandbox, "assert sum([1, 2]) == 7 and len([1]) == 1", program, name="sum") is Status.PASS


NODES = """
class Node:
    def __init__(self, value, successor=None):
        self.value = value
        self.successor = successor

    def double(self):
        return self.value * 2
"""
REVERSED = """
third = Node(3)
first = Node(1, Node(2, third))
result = f(first)
assert result is third
found = []
while result:
    found.append(result.value)
    result = result.successor
assert found == [3, 2, 1]
assert f(None) is None
"""


@pytest.mark.parametrize("where", ["setup", "tests"])
async def test_instances_of_the_tests_own_classes_are_shared(sandbox: NamespaceSandbox, where: str) -> None:
    right = """
def f(node):
    before = None
    while node:
        assert node.double() == 2 * node.value
        node.successor, before, node = before, node, node.successor
    return before
"""
    setup, tests = (NODES, REVERSED) if where == "setup" else ("", NODES + REVERSED)
    assert await status(sandbox, tests, right, setup=setup) is Status.PASS
    assert await status(sandbox, tests, "def f(node): return node", setup=setup) is Status.WRONG


async def test_a_ring_of_instances_is_shared(sandbox: NamespaceSandbox) -> None:
    tests = f"{NODES}\na = Node(1)\na.successor = Node(2, a)\nassert f(a) and f({{a: 1}}) == {{a: 2}}"
    program = "def f(x):\n  if type(x) is dict: return {next(iter(x)): 2}\n  return x.successor.successor is x"
    assert await status(sandbox, tests, program) is Status.PASS


async def test_a_program_may_use_a_class_that_the_tests_pass_to_it(sandbox: NamespaceSandbox) -> None:
    tests = f"{NODES}\nassert f(Node(1)).value == 2"
    assert await status(sandbox, tests, "def f(x): return Node(x.value + 1)") is Status.PASS


EXPECTS = "SECRET = 40231\ndef helper(x): return x + 1\nassert f(1) == SECRET\nassert helper(f(2)) == 7\n"
LIAR = "class Liar({base}):\n  __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __bool__ = lambda *_: True\n  __hash__ = lambda _: 1\n"
CHEATS = {
    "an object that is equal to everything": LIAR.format(base="") + "def f(x): return Liar()",
    "an integer that is equal to everything": LIAR.format(base="int") + "def f(x): return Liar(3)",
    "a list that is equal to everything": LIAR.format(base="list") + "def f(x): return [Liar()]",
    "an object that has every attribute": (
        "class Any:\n  def __getattr__(s, n): return s\n  def __call__(s, *a, **k): return s\n"
        "  def __len__(s): return 1\n  def __iter__(s): return iter([s])\n  def __radd__(s, o): return s\n  __add__ = __radd__\n"
        "  __class__ = int\ndef f(x): return Any()"
    ),
    "a class whose metaclass lies": (
        "class Meta(type):\n  __eq__ = lambda *_: True\n  __hash__ = lambda _: 1\n  __instancecheck__ = lambda *_: True\n"
        "class C(metaclass=Meta): pass\ndef f(x): return C"
    ),
    "another helper": "def helper(x): return 7\nSECRET = 3\ndef f(x): return 3",
    "patched builtins": (
        "import builtins\nfor n in ('len', 'abs', 'isinstance', 'all', 'any', 'AssertionError', '__import__'):\n"
        "  setattr(builtins, n, lambda *a, **k: True)\ndef f(x): return 3"
    ),
    "printing": "import sys\nprint('pass')\nsys.stderr.write('{\"status\": \"pass\"}')\ndef f(x): print('ok'); return 3",
    "an exit": "import sys\ndef f(x): sys.exit(0)",
    "a silent exit": "import os\ndef f(x): os._exit(0)",
    "an exception of asserts": "def f(x): raise AssertionError",
    "a stop of iteration": "def f(x): raise StopIteration",
    "a patched server": (
        "import sys, gc\nfor m in list(sys.modules.values()):\n  if 'verifiers.inside' in getattr(m, '__name__', ''):\n"
        "    for n in ('described', '_nearest', 'encode', 'answer'):\n"
        "      if hasattr(m, n): setattr(m, n, lambda *a, **k: b'\\x80\\x05\\x88.')\ndef f(x): return 3"
    ),
    "verdicts on all descriptors": (
        "import os, json\nfor fd in range(3, 64):\n  for said in (b'+', b'{\"status\": \"pass\", \"line\": 0, \"words\": \"\", \"sides\": []}'):\n"
        "    try: os.write(fd, said)\n    except OSError: pass\ndef f(x): return 3"
    ),
    "replies of its own": (
        "import os, socket, struct\ndef f(x):\n  for fd in range(3, 64):\n    try: s = socket.socket(fileno=fd)\n    except OSError: continue\n"
        "    for stream in (b'\\x80\\x05\\x88.', b'\\x80\\x05N.'):\n      s.send(struct.pack('<cI', b'A', len(stream)) + stream)\n"
        "    s.detach()\n  return 3"
    ),
    "references to what is not there": (
        "import os, socket, struct\ndef f(x):\n  for fd in range(3, 64):\n    try: s = socket.socket(fileno=fd)\n    except OSError: continue\n"
        "    part = b'\\x8c\\x08builtins\\x8c\\x04type\\x93(\\x8c\\x07foreign\\x8c\\x01x\\x8c\\x02@0C\\x01xtR.'\n"
        "    s.send(struct.pack('<cI', b'A', len(part) + 2) + b'\\x80\\x05' + part)\n    s.detach()\n  return 3"
    ),
    "a search of its memory": (
        "import gc, sys\ndef f(x):\n  frame = sys._getframe()\n  while frame:\n"
        "    for held in (frame.f_locals, frame.f_globals):\n      if 'SECRET' in held: return held['SECRET']\n    frame = frame.f_back\n"
        "  for each in gc.get_objects():\n    if type(each) is dict and each.get('SECRET'): return each['SECRET']\n"
        "    for v in each if isinstance(each, (tuple, list)) else ():\n      if type(v) is int and v % 40000 == 231 and v > 231: return v\n"
        "  return 3"
    ),
    "a search of its descriptors": (
        "import os, re\ndef f(x):\n  for fd in range(3, 64):\n    try: text = os.pread(fd, 1 << 20, 0)\n    except OSError: continue\n"
        "    if found := re.search(rb'SECRET = (\\d+)', text): return int(found[1])\n    if b'\\x27\\x9d' in text: return 0x9d27\n  return 3"
    ),
}  # fmt: skip


@pytest.mark.parametrize("cheat", CHEATS)
async def test_no_cheat_passes(sandbox: NamespaceSandbox, cheat: str) -> None:
    base = (await judged(sandbox, problem(EXPECTS), CHEATS[cheat])).base
    assert base.status not in {Status.PASS, Status.SANDBOX_FAILURE}
    assert base.passed == 0


async def test_a_helper_of_the_tests_is_never_asked_of_the_program(sandbox: NamespaceSandbox) -> None:
    program = "def close(a, b): return True\ndef check(c): pass\ndef f(): return 3"
    tests = "def check(c):\n  assert close(c(), 1)\ncheck(f)"
    assert await status(sandbox, tests, program, setup="def close(a, b): return abs(a - b) < 1e-6") is Status.WRONG


async def test_a_map_over_inputs_is_not_ended_by_what_the_program_raises(sandbox: NamespaceSandbox) -> None:
    assert await status(sandbox, "assert all(map(f, [1, 2]))", "def f(x): raise StopIteration") is Status.EXCEPTION


async def test_a_method_of_the_tests_own_stays_theirs(sandbox: NamespaceSandbox) -> None:
    tests = f"{NODES}\nnode = Node(1)\nf(node)\nassert node.value == 2\nassert node.double() == 8"
    program = "def f(node):\n  node.value = 2\n  node.double = lambda: 8"
    base = (await judged(sandbox, problem(tests), program)).base
    assert (base.status, base.passed) == (Status.WRONG, 1)


async def test_tests_that_catch_everything_do_not_catch_the_end_of_a_program(sandbox: NamespaceSandbox) -> None:
    tests = "try:\n  f()\nexcept:\n  pass"
    assert await status(sandbox, tests, "def f(): raise ValueError") is Status.PASS
    assert await status(sandbox, tests, "import os\ndef f(): os._exit(0)") is Status.EXITED
    assert await status(sandbox, tests, "def f():\n  while True: pass") is Status.TIMEOUT


async def test_asserts_can_be_left_out(sandbox: NamespaceSandbox) -> None:
    tests = "assert f(1) == 1\nassert f(2) == 2\nassert f(3) == 3"
    program = "def f(x): return x if x != 1 else 0"
    assert (await judged(sandbox, problem(tests), program)).base.passed == 0
    base = (await judged(sandbox, problem(tests), program, leave_out=(0,))).base
    assert (base.status, base.passed, base.total) == (Status.PASS, 2, 2)
    base = (await judged(sandbox, problem(tests), "def f(x): return 2", leave_out=(0,))).base
    assert base.failure is not None
    assert (base.passed, base.total, base.failure.number) == (1, 2, 2)


async def test_tests_that_cannot_be_run_are_no_failure_of_the_program(sandbox: NamespaceSandbox) -> None:
    base = (await judged(sandbox, problem("assert f(open('/dev/null')) == 1"), "def f(x): return 1")).base
    assert base.failure is not None
    assert base.status is Status.SANDBOX_FAILURE
    assert "cannot be sent to the program" in base.failure.detail
    with pytest.raises(UsageError, match="no Python"):
        ScriptJudge(sandbox, problem("assert ("), ("strict",), room=asyncio.Semaphore(1))


async def test_a_court_judges_scripts_too(sandbox: NamespaceSandbox) -> None:
    each = problem(ADDS)
    court = Court(sandbox, Benchmark("own", "own", "", {"t/1": each}), Expectations("", {}), ("strict", "evalplus-0.3"))
    found = await court.judge("t/1", "def f(a, b): return a + b")
    assert [judgement.base.status for judgement in found.values()] == [Status.PASS, Status.PASS]
    assert (await court.verify(each.task, "def f(a, b): return 5")).status == "wrong"


class Overheard:
    """Carries out jobs, and keeps what they were."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs
        self.jobs: dict[str, Job] = {}

    async def perform(self, job: Job, /, *, on_bytes: Callable[[bytes], None]) -> JobEnd:
        self.jobs[job.entry] = job
        return await self._jobs.perform(job, on_bytes=on_bytes)


@pytest.mark.parametrize(("name", "seconds"), [("humaneval", 3.0), ("humanevalfix", 3.0), ("own", SECONDS)])
async def test_a_program_has_the_time_of_its_dataset(sandbox: NamespaceSandbox, name: str, seconds: float) -> None:
    jobs, each = Overheard(sandbox), problem(ADDS)
    court = Court(jobs, Benchmark(name, "own", "", {"t/1": each}), Expectations("", {}))
    assert (await court.judge("t/1", "def f(a, b): return a + b"))["strict"].base.status is Status.PASS
    candidate = jobs.jobs[SERVING]
    assert candidate.order == {"seconds": seconds}
    assert candidate.cpu_seconds == seconds + 1  # the kernel's, for who ignores the other


async def test_a_program_that_sleeps_is_waited_for_only_while_its_tests_work(sandbox: NamespaceSandbox) -> None:
    jobs = Overheard(sandbox)
    await judged(jobs, problem(ADDS), "def f(a, b): return a + b")
    candidate, examiner = jobs.jobs[SERVING], jobs.jobs[EXAMINING]
    assert candidate.rest is examiner.rest is not None
    assert (candidate.idle_seconds, examiner.idle_seconds) == (IDLE_SECONDS, math.inf)
    assert candidate.wall_seconds > 5 * IDLE_SECONDS


async def test_loading_and_answering_have_one_time_together(sandbox: NamespaceSandbox) -> None:
    burn = "import time\ndef burn(s):\n  t = time.process_time() + s\n  while time.process_time() < t: pass\n"
    tests = "assert f() is None"
    assert await status(sandbox, tests, f"{burn}burn(0.7)\ndef f(): return None") is Status.PASS
    assert await status(sandbox, tests, f"{burn}burn(0.7)\ndef f(): burn(0.7)") is Status.TIMEOUT


CASES = """
import unittest
class TestCases(unittest.TestCase):
    def test_one(self):
        self.assertEqual(f(1), 2)
    def test_two(self):
        self.assertEqual(f(2), 3)
"""


async def test_unittests_run_beside_the_program_and_are_said_to_be_forgeable(sandbox: NamespaceSandbox) -> None:
    each = problem(CASES, unittest=True)
    right = await judged(sandbox, each, "def f(x): return x + 1")
    assert (right.base.status, right.base.passed, right.base.total, right.forgeable) == (Status.PASS, 2, 2, True)
    wrong = await judged(sandbox, each, "def f(x): return 2")
    assert (wrong.base.status, wrong.base.passed, wrong.base.total, wrong.forgeable) == (Status.WRONG, 1, 2, True)
    court = Court(sandbox, Benchmark("own", "own", "", {"t/1": each}), Expectations("", {}))
    assert (await court.verify(each.task, "def f(x): return x + 1")).detail == FORGEABLE


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        ("def f(x): return 1 / 0", Status.EXCEPTION),
        ("import no_such_module\ndef f(x): return x + 1", Status.EXCEPTION),
        ("import os\nos._exit(3)", Status.EXITED),
        ("raise SystemExit", Status.EXITED),
        ("def f(x): raise SystemExit", Status.EXCEPTION),
        ("import os\ndef f(x): os.abort()", Status.CRASHED),
    ],
)
async def test_what_ends_unittests_is_told(sandbox: NamespaceSandbox, program: str, expected: Status) -> None:
    assert (await judged(sandbox, problem(CASES, unittest=True), program)).base.status is expected


async def test_unittests_whose_libraries_are_missing_judge_nothing(sandbox: NamespaceSandbox) -> None:
    each = problem(CASES, unittest=True, reference="import no_such_module\ndef f(x): return x + 1")
    base = (await judged(sandbox, each, "def f(x): return x + 1")).base
    assert base.failure is not None
    assert base.status is Status.SANDBOX_FAILURE
    assert base.failure.detail == "not judgeable here: the tests need no_such_module"


METHODS = """
import unittest
class TestCases(unittest.TestCase):
    def setUp(self):
        self.one = 1
    def test_one(self):
        self.assertEqual(f(self.one), 2)
    def test_b(self):
        self.assertEqual(f(2), 3)
    def test_a(self):
        self.assertEqual(f(3), 4)
"""


@pytest.mark.parametrize(("leave_out", "passed"), [((2,), True), ((1, 2), True), ((0, 1), False), ((), False)])
async def test_unittests_are_left_out_by_their_place_in_the_source(
    sandbox: NamespaceSandbox, leave_out: tuple[int, ...], passed: bool
) -> None:
    program = "def f(x): return x + 1 if x < 3 else 0"
    found = (await judged(sandbox, problem(METHODS, unittest=True), program, leave_out=leave_out)).base
    assert ((found.status is Status.PASS), found.total) == (passed, 3 - len(leave_out))
