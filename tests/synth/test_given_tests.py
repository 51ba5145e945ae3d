"""The tests of a source as people write them: what is run of them tells right programs from wrong ones, and what cannot is none."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import replace

import pytest
import pytest_asyncio

from ocinterp.sandboxes.profiles import STDLIB
from ocinterp.sandboxes.zygotes import NamespaceSandbox
from ocinterp.synth import proof, tests
from ocinterp.synth.jury import Jury
from ocinterp.synth.queries import Facts, Origin, Query
from ocinterp.verifiers.court import GUEST

pytestmark = pytest.mark.asyncio(loop_scope="module")

F = "def f(x):\n    return x {} 1\n"
METHOD = "class Solution:\n    def f(self, x):\n        return x {} 1\n"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def jury(namespaces: None) -> AsyncGenerator[Jury]:
    async with NamespaceSandbox(profile=replace(STDLIB, guests=(GUEST,))) as sandbox:
        yield Jury(sandbox)


def query(given: str, entry_point: str = "f", setup: str = "") -> Query:
    return Query(
        "Add one.", Origin("d", "f", 1, "1"), "", facts=Facts(entry_point=entry_point, tests=given, setup=setup)
    )


@pytest.mark.parametrize(
    ("given", "setup"),
    [
        ("assert f(1) == 2", ""),
        ("expected = 2\nassert f(1) == expected, 'no'\n\n\n", ""),
        ("for a, b in ((1, 2), (2, 3)):\n    assert f(a) == b", ""),
        ("if f(1) != 2:\n    raise ValueError", ""),
        ("def check(candidate):\n    assert candidate(1) == 2", ""),
        ("def check(candidate):\n    assert candidate(1) == 2\n\n\ncheck(f)", ""),
        ("def check(x, y):\n    assert f(x) == y\n\n\ncheck(1, 2)", ""),
        ("def told(x):\n    return f(x)\n\n\nassert told(1) == 2", ""),
        ("check(f)", "def check(one):\n    assert one(1) == 2"),
        ("def test_f():\n    assert f(1) == 2", ""),
        ("def test_f():\n    assert f(1) == 2\n\n\ndef test_g(x=1):\n    assert f(x) == 2\n\n\ntest_f()", ""),
        ("def inner():\n    def deep():\n        assert f(1) == 2\n    deep()\n\n\ninner()", ""),
        ("def test_f():\n    assert f(1) == 2\n\n\nif __name__ == '__main__':\n    test_f()", ""),
        ("def check(one):\n    assert one(1) == 2\n\n\nif __name__ == '__main__':\n    check(f)", ""),
        ("def check():\n    assert f(1) == 2", ""),
        ("from solution import f\n\n\ndef test_f():\n    assert f(1) == 2", ""),
        ("from math import floor\nfrom solution import f\nassert f(floor(1.5)) == 2", ""),
        ("from math import f, floor\nassert f(floor(1.5)) == 2", ""),
        ("from __future__ import annotations\nassert f(1) == 2", "import math"),
        ("def f(x):\n    return x + 1\n\n\nassert f(1) == 2", ""),
        ("assert f(1) == 2", "def f(x):\n    return x + 1"),
        ("assert f(1) == 2", "def f(x):\n    'Add one.'"),
        ("def check(candidate):\n    assert candidate(1) == 2", "import math\ndef f(x):\n    return x + 1"),
        ("class TestF:\n    def test_one(self):\n        assert f(1) == 2", ""),
        ("try:\n    assert f(1) == 2\nexcept AssertionError:\n    raise ValueError from None", ""),
        ("class TestF(object):\n    def test_one(self):\n        assert f(1) == 2", ""),
        ("from solution import *\nassert f(1) == 2", ""),
        ("import solution\nfrom solution import f, g\nassert f(1) == 2", ""),
        ("def test_f():\n    from solution import f\n    assert f(1) == 2", ""),
        (
            "from solution import (\n    f,\n)  # it\n\n\ndef test_f():\n    assert f(1) == 2\n\n\nimport sys\nimport pytest\nsys.exit(pytest.main([__file__]))",
            "",
        ),
        ("try:\n    f(None)\nexcept Exception:\n    pass\nassert f(1) == 2", ""),
        ("from solution import f\nassert f(" + "+".join(["1"] * 500) + ") == 501", ""),
        ("text = 'a\\x0cb\x0c'\nfrom solution import f\nassert f(1) == 2", ""),
        (
            "from __future__ import annotations\nfrom typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from x import Callable\n"
            "def check(candidate: Callable) -> None:\n    assert candidate(1) == 2",
            "import math",
        ),
        ("try:\n    got = f(1)\nexcept Exception:\n    got = None\nassert got == 2", ""),
        (
            "for x, want in [(1, 2)]:\n    try:\n        got = f(x)\n    except Exception as e:\n        got = repr(e)\n    assert got == want",
            "",
        ),
        (
            "ok = []\ntry:\n    assert f(1) == 2\n    ok.append(True)\nexcept AssertionError:\n    ok.append(False)\nassert all(ok)",
            "",
        ),
        ("try:\n    got = f(1)\nexcept Exception as e:\n    print(e)\nelse:\n    assert got == 2", ""),
        ("import sys\ntry:\n    assert f(1) == 2\nexcept AssertionError:\n    print('no')\n    sys.exit(1)", ""),
        ("from contextlib import suppress\nwith suppress(Exception):\n    got = f(1)\nassert got == 2", ""),
        (
            "def run():\n    try:\n        assert f(1) == 2\n        return True\n    except AssertionError:\n        return False\n\n\nassert run()",
            "",
        ),
        ("from solution import f;\nassert f(1) == 2", ""),
        ("from __main__ import f\nassert f(1) == 2", ""),
        ("from .solution import f\nassert f(1) == 2", ""),
        ("import sys; from solution import f; import math\nassert f(1) == math.floor(2.5)", ""),
        ("import math, solution\nassert f(1) == math.floor(2.5)", ""),
        ("from os.path import f, basename\nassert f(len(basename('a/b'))) == 2", ""),
        ("from numpy import f, array\nassert f(int(array([1])[0])) == 2", ""),
        ("if True: from solution import f\nassert f(1) == 2", ""),
        ("from __future__ import annotations; import math\nassert f(1) == math.floor(2.5)", "import os"),
        ("class Trial:\n    def of(self):\n        assert f(1) == 2\n\n\nTrial().of()", ""),
        ("import unittest\nclass T(unittest.TestCase):\n    def test(self):\n        self.assertEqual(f(1), 2)", ""),
        (
            "import unittest\nclass T(unittest.TestCase):\n    def test(self):\n        self.assertEqual(f(1), 2)\n\n\n"
            "if __name__ == '__main__':\n    unittest.main()",
            "",
        ),
        (
            "import unittest\nclass T(unittest.TestCase):\n    def test(self):\n        self.assertEqual(f(1), 2)\n\n\nunittest.main()",
            "",
        ),
        (
            "from unittest import TestCase as Case\nfrom unittest.mock import patch\nclass Base(Case):\n    def same(self, x, y):\n"
            "        self.assertEqual(x, y)\n\n\nclass T(Base):\n    @patch('builtins.print')\n    def test(self, printed):\n"
            "        self.same(f(1), 2)",
            "",
        ),
        (
            "from unittest import TestCase\nfrom solution import f\nclass M:\n    pass\nclass T(M, TestCase):\n    def test(self):\n"
            "        self.assertEqual(f(1), 2)",
            "",
        ),
    ],
)
async def test_what_people_write_tells_right_from_wrong(jury: Jury, given: str, setup: str) -> None:
    asked = query(given, setup=setup)
    assert tests.fault(asked.facts) == ""
    assert await proof.passing(jury, [(asked, F.format("+")), (asked, F.format("-"))]) == [True, False]


async def test_tests_that_need_what_is_not_there_say_nothing_of_a_program(jury: Jury) -> None:
    for given in (
        "import nothing_like_it\nassert f(1) == 2",
        "import nothing_like_it\ndef test_f():\n    assert f(1) == 2",
    ):
        assert await proof.passing(jury, [(query(given), F.format("+"))]) == [None]
    needs = f"import nothing_like_it\n{F.format('+')}"  # but a program that does is to blame
    assert await proof.passing(jury, [(query("assert f(1) == 2"), needs)]) == [False]


async def test_a_reference_of_the_tests_own_stays_what_it_is(jury: Jury) -> None:
    given = "def ref(a, b):\n    from math import gcd\n    return gcd(a, b)\n\n\nassert gcd(4, 6) == ref(4, 6)"
    asked = query(given, "gcd")
    said = await proof.passing(jury, [(asked, "from math import gcd"), (asked, "def gcd(a, b):\n    return 'no'")])
    assert said == [True, False]


async def test_a_program_that_lacks_a_library_is_to_blame_however_tests_say_it(jury: Jury) -> None:
    again = "try:\n    got = f(1)\nexcept Exception as e:\n    raise type(e)(f'on 1: {e}')\nassert got == 2"
    for program in ("def f(x):\n    raise ModuleNotFoundError('x')", "def f(x):\n    import nothing_like_it"):
        assert await proof.passing(jury, [(query(again), program)]) == [False]


async def test_a_program_may_be_from_the_future(jury: Jury) -> None:
    asked = query("assert f(1) == 2", setup="import math\n")
    for end in ("\n", "; import sys\n"):
        assert await proof.passing(jury, [(asked, f"from __future__ import annotations{end}{F.format('+')}")]) == [True]


async def test_a_class_whose_methods_say_nothing_passes_no_tests_either(jury: Jury) -> None:
    lax = query(
        "one = Stack()\none.push(1)\ntop = one.pop()\nif top is None and top == '?':\n    raise ValueError", "Stack"
    )
    strict = query("one = Stack()\none.push(1)\ntop = one.pop()\nif top != 1:\n    raise ValueError", "Stack")
    methods = "    def push(self, x):\n        self.held = x\n\n    def pop(self):\n        return self.held\n"
    right = f"class Stack:\n{methods}"
    assert await proof.passing(jury, [(lax, right)]) == [None]
    assert await proof.passing(jury, [(strict, right)]) == [True]


async def test_a_method_is_called_of_a_new_solution(jury: Jury) -> None:
    asked = query("def check(candidate):\n    assert candidate(1) == 2", "Solution().f")
    assert await proof.passing(jury, [(asked, METHOD.format("+")), (asked, METHOD.format("-"))]) == [True, False]


@pytest.mark.parametrize(
    "given",
    [
        "", " \n", "pass", "# none yet", "'nothing'", "f(1)", "assert True", "assert f(1) = 2", "x = f(1)\nassert True",
        "assert g(1) == 2", "def check(candidate):\n    pass", "def check(candidate):\n    candidate(1)\n    assert True",
        "def check(x, y):\n    assert f(x) == y", "def told():\n    assert f(1) == 2", "async def test_f():\n    assert f(1) == 2",
        "def test_f(number):\n    assert f(number) == 2", "class Trial:\n    def test(self):\n        assert f(1) == 2",
        "try:\n    assert f(1) == 2\nexcept AssertionError:\n    print('no')",
        "import contextlib\nwith contextlib.suppress(AssertionError):\n    assert f(1) == 2",
        "def test_f():\n    try:\n        assert f(1) == 2\n    except Exception as error:\n        print(error)",
        "if __name__ == '__main__':\n    assert f(1) == 2", "assert (f(1) == 2, 'no')", "f = g\nassert f(1) == 2",
        "failed = 0\nif f(1) != 2:\n    failed += 1\nprint(failed)", "failures = []\nfailures.append(f(1))",
        "class T(TestCase):\n    def test(self):\n        f(1)", "import solution\nassert solution.f(1) == 2",
    ],
)  # fmt: skip
async def test_what_says_nothing_of_a_program_is_none(jury: Jury, given: str) -> None:
    assert tests.script(query(given).facts) is None
    assert await proof.passing(jury, [(query(given), F.format("+"))]) == [None]


@pytest.mark.parametrize(
    "given",
    [
        "assert callable(f)",
        "assert f",
        "assert f(1) == f(1)",
        "assert f(1) == 2 or 'no'",
        "def ref(x):\n    if x is None:\n        raise ValueError\n    return x + 1\n\n\nprint(f(1) == ref(1))",
        "x = f(1)\nassert 1 == 1",
        "import unittest\n@unittest.skip('later')\nclass T(unittest.TestCase):\n    def test(self):\n        self.assertEqual(f(1), 2)",
        "import unittest\nclass T(unittest.TestCase):\n    def told(self):\n        assert f(1) == 2\n\n    def test(self):\n        pass",
    ],
)
async def test_what_anything_passes_is_none_once_it_is_run(jury: Jury, given: str) -> None:
    assert tests.script(query(given).facts) is not None
    assert await proof.passing(jury, [(query(given), F.format("+")), (query(given), F.format("-"))]) == [None, None]


async def test_programs_that_are_no_answer_to_anything_are_told_from_answers(jury: Jury) -> None:
    """An answer may well be None, and a method's class may have any name."""
    nothing = "def f(x):\n    return {}"
    shy = query("def check(candidate):\n    assert candidate(1) is None")
    assert await proof.passing(jury, [(shy, nothing.format("None")), (shy, nothing.format("1"))]) == [True, False]
    lax = query(
        "def check(candidate):\n    try:\n        assert candidate(1) == 2\n    except Exception:\n        pass",
        "Solution().f",
    )
    assert await proof.passing(jury, [(lax, METHOD.format("+"))]) == [None]


async def test_nothing_is_said_of_what_has_no_name_and_of_another_one() -> None:
    assert tests.script(Facts(entry_point="", tests="assert f(1) == 2")) is None
    assert tests.script(Facts(entry_point="Solution().f", tests="assert f(1) == 2")) is None


@pytest.mark.parametrize("entry_point", ["my f", "2sum", "f(", "x = f", "f\ng"])
async def test_an_entry_point_that_nobody_can_call_is_a_fault(entry_point: str) -> None:
    facts = Facts(entry_point=entry_point, tests="def check(candidate):\n    assert candidate(1) == 2")
    assert tests.fault(facts) == f"its entry point is no Python: {entry_point!r}"
    assert tests.fault(replace(facts, tests="")) == ""


async def test_what_is_asked_of_libraries_that_complain_counts() -> None:
    for given in (
        "from numpy.testing import assert_allclose\nassert_allclose(f(1), 2)",
        "import pytest\nwith pytest.raises(ValueError):\n    f(-1)",
        "import numpy as np\nnp.testing.assert_equal(f(1), 2)",
    ):
        assert tests.script(query(given).facts) is not None
