"""Tasks of a benchmark are found in rows, altered or not; and few rows that have none are suspected."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from ocinterp.problems import Benchmark, Calls, Problem
from ocinterp.synth import normal
from ocinterp.synth.decontaminate import Detector, Hit, Passage, table
from ocinterp.synth.ingest import Given, queries
from ocinterp.synth.queries import Facts, Origin, Query, Solution
from ocinterp.tasks import store
from ocinterp.types import Message, Task

PROMPT = '''\
def outermost(text: str, depth: int) -> list[str]:
    """ Collect from a text all groups in brackets whose nesting reaches the given depth, each without blanks around it.
    >>> outermost("(a) ((b))", 2)
    ['((b))']
    """
'''
BODY = """\
    found, level, start, most = [], 0, 0, 0
    for at, letter in enumerate(text):
        if letter == "(":
            start = at if level == 0 else start
            level += 1
            most = max(most, level)
        elif letter == ")":
            level -= 1
            if level == 0:
                if most >= depth:
                    found.append(text[start : at + 1].strip())
                most = 0
    return found
"""


def problem(name: str, stem: str, body: str) -> Problem:
    return Problem(Task(f"Made/{name}", (Message("user", stem),), name), stem + body, Calls(()), stem)


MADE = Benchmark("made", "1", "", {"Made/outermost": problem("outermost", PROMPT, BODY)})


def query(text: str, answer: str = "", number: int = 1) -> Query:
    return Query(text, Origin("d", "f.jsonl", number, str(number)), answer)


def hits(detector: Detector, text: str, answer: str = "") -> tuple[Hit, ...]:
    return next(iter(detector.scan([query(text, answer)]).values()), ())


def renamed(source: str) -> str:
    """All names that a program binds, replaced in its text."""
    names: dict[str, str] = {}
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.FunctionDef(name=name) | ast.arg(arg=name) | ast.Name(id=name, ctx=ast.Store()):
                names.setdefault(name, f"name{len(names)}")
            case _:
                pass
    return re.sub(r"\b[A-Za-z_]\w*\b", lambda found: names.get(found[0], found[0]), source)


@pytest.mark.parametrize(
    ("text", "answer", "how"),
    [
        (PROMPT, "", {"words"}),
        ("Please collect from a text all groups in brackets whose nesting reaches the given depth. Thanks!", "", {"words"}),
        ("Do it.", f"```python\ndef outermost(text, depth):\n{BODY}```", {"words", "function"}),
        ("Do it.", f"Sure:\n```\n{renamed(PROMPT + BODY)}```", {"words", "function"}),
        ("Do it.", renamed(f"def f(text, depth):\n{BODY}"), {"function"}),
        ("Find all groups in brackets.", "```python\ndef f(x):\n    return x\n```", set[str]()),
        ("", "", set[str]()),
    ],
)  # fmt: skip
def test_a_task_is_found_by_its_words_and_by_its_function(text: str, answer: str, how: set[str]) -> None:
    found = hits(Detector([MADE]), text, answer)
    assert {each.how for each in found} == how
    assert {each.task_id for each in found} <= {"Made/outermost"}
    assert {each.benchmark for each in found} <= {"made@1"}


def test_functions_are_the_same_but_for_names_comments_docstrings_and_layout() -> None:
    one = "def f(a, b=1):\n    'About.'\n    total = 0  # so far\n    for each in sorted(a):\n        total += each * b\n    return total\n"
    two = "def g(xs, k: int = 2) -> int:\n    s = 0\n    for v in (sorted(xs)):\n        s += v*k\n\n    return (s)\n"
    other = two.replace("sorted", "reversed")
    first, second, third = (set(normal.hashes(each)) for each in (one, two, other))
    assert first == second
    assert len(first) == 1
    assert first != third
    assert normal.sketches(one) == normal.sketches(two)


def test_short_functions_are_everybodys() -> None:
    assert normal.hashes("def f(a, b):\n    return a + b\n") == {}
    assert normal.hashes("no program (") == {}


def test_methods_count_and_blocks_that_are_no_python_do_not() -> None:
    method = "class S:\n" + "\n".join(f"    {line}" for line in f"def m(self, text, depth):\n{BODY}".splitlines())
    assert len(normal.hashes(method)) == 1
    assert normal.blocks("```js\nlet a\n```\n```python\nb\n```") == ["let a\n", "b\n"]
    assert normal.blocks("words only") == []


def test_what_many_rows_say_is_a_turn_of_phrase_unless_it_is_the_task() -> None:
    phrase = "collect from a text all groups in brackets"  # one run of the statement
    rows = [query(f"Please {phrase} number {at} and {'xyz' * at}.", number=at) for at in range(30)]
    detector = Detector([MADE])
    assert detector.scan(rows) == {}
    copies = [query(f"Copy {at}.\n{PROMPT}", number=at) for at in range(30)]
    assert len(detector.scan(copies)) == 30


def test_a_phrase_of_several_tasks_is_nobodys() -> None:
    head = "Write a python function that takes the numbers of a list and "
    problems = {
        name: Problem(Task(name, (Message("user", f"{head}{what}."),), name), f"def {name}(x): ...", Calls(()))
        for name, what in (("one", "adds all of those that are even"), ("two", "drops the first of its neighbours"))
    }
    detector = Detector([Benchmark("two", "1", "", problems)])
    assert hits(detector, f"{head}sorts them") == ()
    assert [each.task_id for each in hits(detector, f"{head}adds all of those that are even")] == ["one"]


def test_a_table_counts_rows_by_task() -> None:
    found = Detector([MADE]).scan([query(PROMPT, number=1), query("x", PROMPT + BODY, number=2)])
    counts = table(found)["made@1", "Made/outermost"]
    assert (counts["words"], counts["function"]) == (2, 1)


@pytest.fixture(scope="module")
def humaneval(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Benchmark:
    folder = tmp_path_factory.mktemp("datasets")
    store.add_file(data / "benchmarks" / "HumanEval.jsonl.gz", folder)
    return store.load("humaneval", folder)


def test_altered_tasks_of_humaneval_are_found(humaneval: Benchmark) -> None:
    """The alterations, and the shares that were to be reached, of 100."""
    detector = Detector([humaneval])

    def plain(each: Problem) -> str:
        tree = ast.parse(each.reference)
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and ast.get_docstring(node) is not None:
                node.body = node.body[1:]
        return ast.unparse(tree)

    def prose(each: Problem) -> str:
        node = next(
            node
            for node in ast.walk(ast.parse(each.reference))
            if isinstance(node, ast.FunctionDef) and node.name == each.task.entry_point
        )
        words = re.split(r">>>|[Ee]xample", ast.get_docstring(node) or "")[0]
        return re.sub(rf"\b{each.task.entry_point}\b", "my_function", words)

    altered: dict[str, tuple[int, Callable[[Problem], tuple[str, str]]]] = {
        "verbatim": (99, lambda each: (each.stem, "")),
        "docstring": (93, lambda each: (prose(each), "")),
        "words dropped": (95, lambda each: (" ".join(w for at, w in enumerate(each.stem.split()) if at % 9 < 8), "")),
        "solution": (96, lambda each: ("Write it.", f"```python\n{plain(each)}\n```")),
        "renamed": (74, lambda each: ("Write it.", f"```python\n{renamed(plain(each))}\n```")),
    }  # fmt: skip
    for name, (least, alter) in altered.items():
        found = sum(
            any(hit.task_id == each.task.id for hit in hits(detector, *alter(each)))
            for each in humaneval.problems.values()
        )
        assert found / len(humaneval.problems) >= least / 100, name


def test_few_rows_that_nobody_copied_are_suspected(data: Path, tmp_path: Path) -> None:
    names = ("HumanEval.jsonl.gz", "HumanEvalPlus-v0.1.10.jsonl.gz", "mbpp.jsonl.gz", "MbppPlus-v0.2.0.jsonl.gz")
    for name in names:
        store.add_file(data / "benchmarks" / name, tmp_path)
    detector = Detector([store.load(each, tmp_path) for each in ("humaneval", "humaneval+", "mbpp", "mbpp+")])
    rows = [
        each
        for path in sorted((data / "synth").glob("*.json*"))
        if "doocs" not in path.name
        for each in queries(Given(path))
        if isinstance(each, Query)
    ]
    assert len(rows) > 4000
    assert len(detector.scan(rows)) / len(rows) <= 0.02


def test_a_task_is_found_in_the_programs_of_a_problem_and_in_later_answers() -> None:
    own = renamed(PROMPT + BODY)
    solved = replace(query("Do it."), facts=Facts(solutions=(Solution("python", own),)))
    later = replace(
        query("Do it.", number=2), later=(Message("user", "And now?"), Message("assistant", f"```python\n{own}\n```"))
    )
    asked = replace(query("Do it.", number=3), later=(Message("user", f"Is this right?\n```python\n{own}\n```"),))
    found = Detector([MADE]).scan([solved, later, asked])
    assert [each for each, those in found.items() if any(one.how == "function" for one in those)] == [
        solved.id,
        later.id,
    ]


def test_what_is_everybodys_among_many_is_so_among_a_few() -> None:
    """Of rows that were made there are fewer than of questions."""
    opening = " ".join(PROMPT.partition('"""')[2].split()[:9])
    many = [Passage(str(at), f"Task {at} of {at + 1}: {opening}, as {at * 7} says.", ()) for at in range(30)]
    detector = Detector([MADE])
    assert detector.look(many) == {}
    assert detector.look(many[:3]) == {}
    assert list(Detector([MADE]).look(many[:3])) == ["0", "1", "2"]


def test_a_run_or_two_are_a_trace() -> None:
    line = "for at, letter in enumerate(text):\n    if letter"
    faint = Passage("faint", f"Something else:\n{line} is a word:\n        pass", ())
    traces: dict[str, tuple[Hit, ...]] = {}
    detector = Detector([MADE])
    assert (
        detector.look([faint, Passage("none", "Nothing of the kind is said here, in no way at all.", ())], traces) == {}
    )
    assert list(traces) == ["faint"]
    assert traces["faint"][0].task_id == "Made/outermost"
    assert 0 < traces["faint"][0].share < 0.3
