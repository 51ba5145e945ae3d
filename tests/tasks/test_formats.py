"""Each format: what of a row becomes the task, the reference, the tests; and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocinterp.errors import DataError
from ocinterp.problems import Calls, Problem, Script
from ocinterp.tasks import formats
from ocinterp.types import Message

Row = dict[str, Any]

NOTHING: Row = {}
NO_ARGUMENTS: list[Any] = []
PROMPT = 'import math\n\n\ndef half(x):\n    """Half of x.\n\n    >>> half(4)\n    2.0\n    """\n'

HUMANEVAL: Row = {
    "task_id": "HumanEval/0",
    "prompt": PROMPT,
    "entry_point": "half",
    "canonical_solution": "    return x / 2\n",
    "test": "\n\ndef check(candidate):\n    assert candidate(4) == 2\n    assert math.isclose(candidate(1), 0.5)\n",
}
EVALPLUS: Row = {
    **HUMANEVAL,
    "base_input": [[4], [1]],
    "plus_input": [[0], [-3]],
    "atol": 1e-6,
}
MBPPPLUS: Row = {
    "task_id": "Mbpp/2",
    "prompt": '"""\nWrite a function to find what two lists share.\nassert set(shared((3, 4),(4, 5))) == {4}\n"""\n',
    "entry_point": "shared",
    "canonical_solution": "\ndef shared(a, b):\n    return tuple(set(a) & set(b))\n",
    "base_input": [[[3, 4], [4, 5]]],
    "plus_input": {},
    "atol": 0,
}
MBPP: Row = {
    "task_id": 7,
    "text": "Write a function to double.",
    "code": "def helper(x):\r\n    return 2 * x\r\ndef double(x):\r\n    return helper(x)",
    "test_setup_code": "",
    "test_list": ["assert double(2) == 4", "assert double(helper(1)) == 4", "assert double(0) == 0"],
    "challenge_test_list": ["assert double('a') == 'aa'"],
}
BIGCODEBENCH: Row = {
    "task_id": "BigCodeBench/0",
    "complete_prompt": 'import json\nLIMIT = 3\n\ndef task_func(x):\n    """Dump it."""\n',
    "code_prompt": "import json\nLIMIT = 3\ndef task_func(x):\n",
    "canonical_solution": "    return json.dumps(x)[:LIMIT]\n",
    "test": "import unittest\nclass TestCases(unittest.TestCase):\n    def test_a(self):\n"
    "        self.assertEqual(len(task_func('long')), LIMIT)\n    def test_b(self):\n        pass\n",
    "entry_point": "task_func",
}
QUIXBUGS: Row = {
    "name": "gcd",
    "buggy_program": "def gcd(a, b):\n    return a",
    "docstring": '"""\nGreatest common divisor.\n\nExample:\n    >>> gcd(35, 21)\n    7\n"""',
    "solution": "def gcd(a, b):\n    return gcd(b, a % b) if b else a",
    "tests": "assert gcd(*[17, 0]) == 17\nassert gcd(13, 13) == 13",
}
GENERIC: Row = {
    "task_id": "mine/1",
    "prompt": "Add two numbers.",
    "entry_point": "add",
    "tests": ["assert add(1, 2) == 3", "assert add(0, 0) == 0"],
}
PACK: Row = {**HUMANEVAL, "task_id": "Python/0", "buggy_solution": "    return x * 2\n"}
ALL: list[Row] = [HUMANEVAL, EVALPLUS, MBPPPLUS, MBPP, BIGCODEBENCH, QUIXBUGS, GENERIC]


def only(row: dict[str, Any], form: str | None = None) -> Problem:
    _, found = formats.problems(json.dumps(row).encode(), "f", form)
    (problem,) = found.values()
    return problem


def asked(problem: Problem) -> str:
    (message,) = problem.task.prompt
    assert isinstance(message, Message)
    assert message.role == "user"
    return message.content


def run(problem: Problem) -> dict[str, Any]:
    """Run the reference, and its tests if they are asserts."""
    names: dict[str, Any] = {}
    assert isinstance(problem.tests, Script)
    exec(problem.reference, names)
    exec(problem.tests.setup, names)
    exec(problem.tests.source, names)
    return names


@pytest.mark.parametrize(
    ("row", "form"),
    list(zip(ALL, ["humaneval", "evalplus", "evalplus", "mbpp", "bigcodebench", "quixbugs", "generic"], strict=True)),
)
def test_a_format_is_known_by_its_fields(row: dict[str, Any], form: str) -> None:
    found, problems = formats.problems(json.dumps(row).encode(), "f")
    assert found == form
    assert list(formats.faults(problems)) == []


def test_humaneval_is_a_script_that_calls_check_beside_the_helpers_it_needs() -> None:
    problem = only(HUMANEVAL)
    assert problem.task.id == "HumanEval/0"
    assert problem.task.entry_point == "half"
    assert problem.task.visible_tests == ("half(4) == 2.0",)
    assert problem.stem == PROMPT
    assert problem.reference == PROMPT + "    return x / 2\n"
    assert isinstance(problem.tests, Script)
    assert problem.tests.kind == "asserts"
    assert problem.tests.setup == "import math"
    assert problem.tests.source.endswith("\n\n\ncheck(half)\n")
    assert formats.count_tests(problem) == 2
    run(problem)


def test_what_a_chat_model_is_asked_holds_the_code_and_no_test() -> None:
    problem = only(HUMANEVAL)
    assert "complete, self-contained Python program" in asked(problem)
    assert f"```python\n{PROMPT.strip()}\n```" in asked(problem)
    assert "isclose" not in asked(problem)
    assert "return x / 2" not in asked(problem)


def test_humanevalfix_shows_the_buggy_program_and_wants_it_repaired() -> None:
    problem = only(PACK, "humanevalfix")
    assert f"```python\n{PROMPT}    return x * 2\n```" in asked(problem)
    assert "Fix it" in asked(problem)
    assert "return x / 2" not in asked(problem)
    assert problem.stem == ""
    run(problem)


def test_a_test_that_calls_check_itself_is_not_called_twice() -> None:
    problem = only({**PACK, "test": HUMANEVAL["test"] + "\ncheck(half)"})
    assert isinstance(problem.tests, Script)
    assert problem.tests.source.count("check(half)") == 1


def test_evalplus_is_calls_of_base_and_plus_within_a_tolerance() -> None:
    problem = only(EVALPLUS)
    assert problem.tests == Calls(((4,), (1,)), ((0,), (-3,)), 1e-6)
    assert problem.task.visible_tests == ("half(4) == 2.0",)
    assert formats.count_tests(problem) == 4


def test_mbppplus_restores_types_and_shows_the_assert_of_its_prompt() -> None:
    problem = only(MBPPPLUS)
    assert problem.tests == Calls((((3, 4), (4, 5)),), (), 0)
    assert problem.task.visible_tests == ("set(shared((3, 4),(4, 5))) == {4}",)
    assert "Write a function to find what two lists share.\n\nIt must pass this test:" in asked(problem)
    assert '"""' not in asked(problem)


@pytest.mark.parametrize(
    ("number", "written", "meant"),
    [
        (2, [[1], [2]], ((1,), (2,))),
        (63, [[[1, 2], [3]]], ([(1, 2), (3,)],)),
        (75, [[[1], [2]], 3], ([(1,), (2,)], 3)),
        (106, [[1], [2]], ([1], (2,))),
        (115, [[[1, 1], [], 3]], ([{1}, NOTHING, NOTHING],)),
        (124, ["0", "1j"], (0.0, 1j)),
        (250, [[1, 2], 1], ((1, 2), 1)),
        (252, ["(1+2j)"], (1 + 2j,)),
        (259, [[[1], [2]], [[3]]], (((1,), (2,)), ((3,),))),
        (278, [[1, [2], "a"]], ((1, (2,), "a"),)),
        (307, [[1], 2, 3], ((1,), 2, 3)),
        (580, [[1, [2, [3]]]], ((1, (2, (3,))),)),
        (722, [{"a": [1, 2]}, 3], ({"a": (1, 2)}, 3)),
        (3, [[1]], ([1],)),
    ],
)
def test_the_arguments_of_mbppplus_get_the_types_that_json_does_not_have(
    number: int, written: list[Any], meant: tuple[Any, ...]
) -> None:
    problem = only({**MBPPPLUS, "task_id": f"Mbpp/{number}", "base_input": [written]})
    assert isinstance(problem.tests, Calls)
    (restored,) = problem.tests.base
    assert repr(restored) == repr(meant)


def test_mbpp_shows_its_first_assert_tests_all_and_leaves_the_challenges_out() -> None:
    problem = only(MBPP)
    assert (problem.task.id, problem.task.entry_point) == ("Mbpp/7", "double")
    assert problem.task.visible_tests == ("double(2) == 4",)
    assert isinstance(problem.tests, Script)
    assert problem.tests.source.count("assert") == formats.count_tests(problem) == 3
    assert "'aa'" not in problem.tests.source
    assert "\r" not in problem.reference
    assert "assert double(2) == 4" in asked(problem)
    assert "double(0)" not in asked(problem)
    assert problem.stem == '"""\nWrite a function to double.\nassert double(2) == 4\n"""\n'
    run(problem)


def test_mbpp_sanitized_brings_its_imports() -> None:
    row = {
        **MBPP,
        "prompt": MBPP["text"],
        "test_imports": ["import math"],
        "test_list": ["assert math.isclose(double(2), 4)"],
    }
    del row["text"], row["test_setup_code"]
    problem = only(row)
    assert isinstance(problem.tests, Script)
    assert problem.tests.setup == "import math"
    assert problem.task.visible_tests == ("__import__('math').isclose(double(2), 4)",)
    names = run(problem)
    assert eval(problem.task.visible_tests[0], names)


def test_a_setup_of_mbpp_that_uses_a_class_of_the_code_brings_it_along() -> None:
    code = "class Node:\n    def __init__(self, data):\n        self.data = data\n\ndef data(node):\n    return node.data\n"
    problem = only(
        {**MBPP, "code": code, "test_setup_code": "root = Node(3)\r\n", "test_list": ["assert data(root) == 3"]}
    )
    assert isinstance(problem.tests, Script)
    assert problem.tests.setup.startswith("class Node:")
    assert problem.tests.setup.endswith("root = Node(3)")
    assert problem.task.visible_tests == ()
    exec(problem.tests.setup, {})


def test_bigcodebench_is_a_testcase_beside_what_its_prompt_imports_and_defines() -> None:
    problem = only(BIGCODEBENCH)
    assert isinstance(problem.tests, Script)
    assert problem.tests.kind == "unittest"
    assert problem.tests.setup == "LIMIT = 3"
    assert formats.count_tests(problem) == 2
    assert problem.task.visible_tests == ()
    exec(problem.reference, {})


def test_quixbugs_shows_the_bug_and_what_is_wanted() -> None:
    problem = only(QUIXBUGS)
    assert problem.task.id == "QuixBugs/gcd"
    assert problem.task.visible_tests == ("gcd(35, 21) == 7",)
    assert "return a\n```" in asked(problem)
    assert "What it should do:\n\nGreatest common divisor." in asked(problem)
    assert "17" not in asked(problem)
    run(problem)


def test_generic_rows_need_four_fields_and_may_have_more() -> None:
    problem = only(GENERIC)
    assert (problem.reference, problem.stem, problem.task.visible_tests) == ("", "", ())
    assert problem.tests == Script("assert add(1, 2) == 3\nassert add(0, 0) == 0\n")
    assert "Name the function `add`." in asked(problem)
    more = {
        **GENERIC,
        "tests": "import unittest\nclass T(unittest.TestCase):\n    def test_it(self): assert add(2, K) == 3",
        "reference": "def add(a, b):\n    return a + b\n",
        "setup": "K = 1",
        "visible_tests": ["add(1, 1) == 2"],
    }
    problem = only(more)
    assert isinstance(problem.tests, Script)
    assert (problem.tests.kind, problem.tests.setup) == ("unittest", "K = 1")
    assert problem.reference.startswith("def add")
    assert problem.task.visible_tests == ("add(1, 1) == 2",)
    assert formats.count_tests(problem) == 1


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ({"task_id": "a", "prompt": "b"}, "f:1: not a row of a benchmark: expected the fields task_id, prompt, entry_point"),
        ({k: v for k, v in GENERIC.items() if k != "tests"}, "f:1: tests: is missing"),
        ({**GENERIC, "tests": []}, "f:1: tests: expected at least one test, found []"),
        ({**GENERIC, "tests": " \n"}, "f:1: tests: expected at least one test"),
        ({**GENERIC, "tests": 3}, "f:1: tests: expected a text, found 3"),
        ({**GENERIC, "entry_point": ""}, "f:1: entry_point: is empty"),
        ({**GENERIC, "visible_tests": ["assert add(1, 1) == 2"]}, "f:1: visible_tests: expected expressions such as"),
        ({**EVALPLUS, "base_input": [], "plus_input": []}, "f:1: base_input: expected at least one test"),
        ({**EVALPLUS, "base_input": [3]}, "f:1: base_input: expected a list of lists of arguments, found [3]"),
        ({**EVALPLUS, "atol": "0"}, "f:1: atol: expected a number"),
        ({**MBPPPLUS, "base_input": [[3, 4]]}, "f:1: the inputs are not of the types that this task's have"),
        ({**MBPPPLUS, "task_id": "Mbpp/252", "base_input": [NO_ARGUMENTS]}, "f:1: the inputs are not of the types"),
        ({**MBPPPLUS, "task_id": "Mbpp/722", "base_input": [[NO_ARGUMENTS, 1]]}, "f:1: the inputs are not of the types"),
        ({**HUMANEVAL, "test": ""}, "f:1: test: is empty"),
        ({**HUMANEVAL, "canonical_solution": " "}, "f:1: canonical_solution: is empty"),
        ({**MBPP, "test_list": []}, "f:1: test_list: expected at least one test"),
        ({**MBPP, "test_list": ["assert other(1) == 1"]}, "f:1: test_list: no test calls a function that the code defines"),
        ({**BIGCODEBENCH, "test": "\n"}, "f:1: test: is empty"),
        ({**QUIXBUGS, "tests": ""}, "f:1: tests: is empty"),
    ],
)  # fmt: skip
def test_a_row_that_lacks_something_is_refused_by_file_and_line(row: dict[str, Any], complaint: str) -> None:
    with pytest.raises(DataError) as caught:
        only(row)
    assert str(caught.value).startswith(complaint)


def test_a_task_that_is_there_twice_is_named_with_both_places() -> None:
    text = "\n".join(json.dumps(each) for each in (GENERIC, {**GENERIC, "task_id": "mine/2"}, GENERIC))
    with pytest.raises(DataError, match=r"^f:3: task 'mine/1' was there already, at f:1$"):
        formats.problems(text.encode(), "f")


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"tests": "assert ("}, "mine/1: the tests are not a Python program"),
        ({"reference": "function add(a, b) { return a + b }"}, "mine/1: the reference is not a Python program"),
        ({"reference": "def plus(a, b): return a + b"}, "mine/1: the reference does not define add"),
    ],
)
def test_what_is_no_python_is_a_fault(change: dict[str, str], fault: str) -> None:
    _, problems = formats.problems(json.dumps({**GENERIC, **change}).encode(), "f")
    assert list(formats.faults(problems)) == [fault]


@given(st.sampled_from(ALL), st.data())
def test_any_row_that_is_not_as_it_should_be_is_read_or_refused_with_its_line(
    row: dict[str, Any], data: st.DataObject
) -> None:
    field = data.draw(st.sampled_from(sorted(row)))
    value = data.draw(st.none() | st.integers() | st.text(max_size=5) | st.lists(st.lists(st.integers() | st.text())))
    complaint = ""
    try:
        formats.problems(json.dumps({**row, field: value}).encode(), "f")
    except DataError as error:
        complaint = str(error)
    assert complaint.startswith("f:1: ") or not complaint
