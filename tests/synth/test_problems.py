"""Problems with tests and several programs: what is read of them, what is judged, and the dialogues that they become."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
import pytest_asyncio

from ocinterp.problems import Benchmark, Calls, Problem
from ocinterp.sandboxes.profiles import STDLIB
from ocinterp.sandboxes.zygotes import NamespaceSandbox
from ocinterp.synth import cases, proof, similar, statements
from ocinterp.synth.decontaminate import Detector
from ocinterp.synth.follow import follow_ups
from ocinterp.synth.ingest import Given, queries
from ocinterp.synth.jury import Jury
from ocinterp.synth.queries import Facts, Origin, Query, Solution
from ocinterp.types import Message, Task
from ocinterp.verifiers.court import GUEST

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAGE = """\
---
tags:
    - Array
---
# [7. Two's Sum II](https://leetcode.com/problems/twos-sum-ii)

## Description

<!-- description:start -->
<p>Return <code>a&nbsp;+ b</code>, below 10<sup>4</sup>.</p>
<ul>
\t<li><code>1 &lt;= a</code></li>
</ul>
<!-- description:end -->

## Solutions

### Solution 1: Addition

One step.

<!-- tabs:start -->

#### Python3

```python
class Solution:
    def total(self, a, b):
        return a + b
```

#### TypeScript

```ts
const total = (a, b) => a + b;
```

### Solution 2

#### Python3

```python
class Solution:
    def total(self, a, b):
        return sum((a, b))
```
"""
TESTS = "def check(candidate):\n    assert candidate(a = 1, b = 2) == 3\n    assert candidate(5, 5) == 10\n"
FACTS = Facts(
    name="twos-sum-ii", entry_point="Solution().total", setup="from typing import *\n", tests=TESTS,
    solutions=(Solution("python", "class Solution:\n    def total(self, a: int, b: int) -> List[int]:\n        return a + b\n"),),
)  # fmt: skip


def query(number: int = 1, facts: Facts = FACTS, answer: str = "") -> Query:
    return Query(f"Question {number}", Origin("d", "f", number, str(number)), answer, facts=facts)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def jobs(namespaces: None) -> AsyncGenerator[NamespaceSandbox]:
    async with NamespaceSandbox(profile=replace(STDLIB, guests=(GUEST,))) as sandbox:
        yield sandbox


async def test_a_page_is_a_statement_and_programs_with_words() -> None:
    page = statements.page(PAGE)
    assert page is not None
    assert page.name == "twos-sum-ii"
    assert page.statement == "Return `a + b`, below 10^4.\n\n- `1 <= a`"
    assert [(each.language, each.words) for each in page.solutions] == [
        ("python", "Addition.\n\nOne step."), ("typescript", "Addition.\n\nOne step."), ("python", ""),
    ]  # fmt: skip
    assert page.solutions[1].source == "const total = (a, b) => a + b;\n"
    assert statements.page("# words") is None


async def test_programs_are_judged_by_the_tests_of_their_source(jobs: NamespaceSandbox) -> None:
    right = FACTS.solutions[0].source
    wrong = right.replace("a + b", "a - b")
    bare = query(2, Facts())
    found = await proof.passing(
        Jury(jobs), [(query(), right), (query(), wrong), (bare, right), (query(3), "import nothing")]
    )
    assert found == [True, False, None, False]


async def test_tests_that_are_one_expression_each_can_be_shown() -> None:
    long = f"assert f({'1' * 400}) == 2\n"
    tests = f"assert f(1) == 2, 'no'\n{long}assert [x for x in f( 2 )] == sorted([3])\nassert f(deque()) == x\n"
    several = Facts(entry_point="f", tests=tests)
    assert proof.expressions(query(facts=several)) == ["f(1) == 2", "[x for x in f(2)] == sorted([3])"]
    method = replace(several, entry_point="F().f", tests="assert F().f(1) == 2")
    assert proof.expressions(query(facts=method)) == ["F().f(1) == 2"]
    assert proof.expressions(query(facts=replace(several, tests="x = 1\nassert f(1) == 2"))) == []
    assert proof.expressions(query(facts=Facts(tests="assert f(1) == 2"))) == []
    assert proof.expressions(query(facts=Facts(entry_point=cases.PRINTED, tests=cases.of_program(["1"], ["2"])))) == []
    assert proof.expressions(query(facts=Facts(entry_point="f", tests="def f(:"))) == []


async def test_what_a_program_prints_is_judged_too(jobs: NamespaceSandbox) -> None:
    tests = cases.of_program(["1 2\n", "3 4\n"], ["3\n", "7"])
    asked = query(4, Facts(entry_point=cases.PRINTED, tests=tests))
    right = (
        "a, b = map(int, input().split())\nprint(a + b)\n",
        "import sys\ndata = sys.stdin.buffer.read().split()\nsys.stdout.write(f'{sum(map(int, data))}  \\n')\nexit(0)\n",
        "def main():\n    print(sum(map(int, open(0).read().split())))\n\nif __name__ == '__main__':\n    main()\n",
    )
    wrong = (
        "print(3)\n",
        "input(); input()\n",
        "a, b =\n",
        f"def {cases.PRINTED}(text): return '3' if '1' in text else '7'\n",
    )
    found = await proof.passing(Jury(jobs), [(asked, each) for each in (*right, *wrong)])
    assert found == [True] * len(right) + [False] * len(wrong)
    listed = query(5, Facts(entry_point="add", tests=cases.of_function("add", [[1, 2], [[3]]], [3, [3]])))
    programs = ("def add(a, b=0):\n    return a + b if b else a[0]\n", "def add(*a):\n    return 0\n")
    assert await proof.passing(Jury(jobs), [(listed, each) for each in programs]) == [True, False]
    assert cases.of_function("f", [[1.0], ["inf"], [float("inf")], [2]], [2, 3, 4, float("nan")]) == (
        "assert f(1.0) in (2,)\nassert f('inf') in (3,)\n"
    )
    assert len(cases.of_program(["1"] * 100, ["1"] * 100).splitlines()) == 40
    assert cases.of_program(["1" * 300_000, "2"], ["1", "2"]) == cases.of_program(["2"], ["2"])


async def test_a_program_that_would_forge_its_verdict_fails(jobs: NamespaceSandbox) -> None:
    forged = "class Any:\n    def __eq__(self, other): return True\n\nclass Solution:\n    def total(self, a, b): return Any()\n"
    assert await proof.passing(Jury(jobs), [(query(), forged)]) == [False]


async def test_rows_that_solve_a_task_of_a_benchmark_are_told_from_those_that_sound_like_it(
    jobs: NamespaceSandbox,
) -> None:
    stem = 'def spread_of(values, floor):\n    """Return how far apart the largest and the smallest of the values above the floor are."""\n'
    body = "    kept = [each for each in values if each > floor]\n    return max(kept) - min(kept) if kept else 0\n"
    task = Task("Made/1", (Message("user", stem),), "spread_of")
    calls = Calls((([1, 5, 9], 2), ([], 0)), ((list(range(50)), 3),))
    made = Benchmark("made", "1", "", {"Made/1": Problem(task, stem + body, calls, stem)})
    words = stem.partition('"""')[2].partition('"""')[0]
    copied = query(
        1, Facts(), f"```python\ndef far(xs, low):\n{body.replace('values', 'xs').replace('floor', 'low')}```"
    )
    asked = Query(words, Origin("d", "f", 2, "2"), "```python\ndef f(a, b):\n    return 0\n```")
    mute = Query(words, Origin("d", "f", 3, "3"), "I cannot.")
    detector = Detector([made])
    hits = detector.scan([copied, asked, mute])
    assert list(hits) == [copied.id, asked.id, mute.id]
    suspects = {each: hits[each.id] for each in (copied, asked, mute)}
    found = await proof.solved(Jury(jobs), suspects, [made])
    assert {each.id: [hit.task_id for hit in those] for each, those in found.items()} == {copied.id: ["Made/1"]}


async def test_real_programs_pass_the_tests_of_their_problems(jobs: NamespaceSandbox, data: Path) -> None:
    path = data / "synth" / "newfacade__LeetCodeDataset__data_LeetCodeDataset-v0.2.0-train.jsonl.gz"
    some = [each for each in queries(Given(path)) if isinstance(each, Query)][::40]
    found = await proof.passing(Jury(jobs, 2), [(each, each.facts.solutions[0].source) for each in some])
    assert found == [True] * len(some)


async def test_similar_problems_share_rare_tags_and_easier_ones_come_first() -> None:
    tags = (("Array", "Trie"), ("Array", "Trie", "Math"), ("Array", "Graph"), ("Array", "Graph", "Heap"), ("Array",))
    levels = ("Hard", "Easy", "Medium", "Easy", "Easy")
    some = [
        query(at, Facts(tags=those, difficulty=level))
        for at, (those, level) in enumerate(zip(tags, levels, strict=True))
    ]
    found = list(similar.groups(some, "1"))
    assert {tuple(sorted(each.origin.row for each in group)) for group in found} == {(0, 1), (2, 3)}
    assert [group[0].facts.difficulty for group in found] == ["Easy", "Easy"]
    assert found == list(similar.groups(some, "1"))
    assert list(similar.groups([query(facts=Facts(tags=("Array",)))], "1")) == []


GROUPS = """
from random import Random
from ocinterp.synth import similar
from ocinterp.synth.queries import Facts, Origin, Query
chance = Random(7)
tags = [f"tag {at}" for at in range(9)]
some = [Query("q", Origin("d", "f", at, str(at)), facts=Facts(tags=tuple(chance.sample(tags, 5)))) for at in range(200)]
print([[each.origin.row for each in group] for group in similar.groups(some, "1")])
"""


async def test_groups_are_the_same_in_every_process() -> None:
    """Sets have another order in each, and floating-point sums with them."""
    found = {
        subprocess.run(
            [sys.executable, "-c", GROUPS], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in "012345"
    }
    assert len(found) == 1


async def test_a_problem_that_is_added_changes_few_groups() -> None:
    """What stands before their programs is paid for."""
    chance = Random(7)
    some = [query(at, Facts(tags=tuple(f"tag {each}" for each in chance.sample(range(40), 4)))) for at in range(300)]
    before, after = (
        {tuple(each.id for each in group) for group in similar.groups(those, "1")} for those in (some[1:], some)
    )
    assert len(before) > 80
    assert len(before & after) > 0.8 * len(before)


async def test_no_problem_is_in_two_dialogues_of_similar_ones() -> None:
    some = [query(at, Facts(tags=("a", "b", str(at % 5)))) for at in range(60)]
    used = [each.id for group in similar.groups(some, "x") for each in group]
    assert len(used) == len(set(used)) > 50


async def test_a_follow_up_asks_for_another_way_or_another_language() -> None:
    page = statements.page(PAGE)
    assert page is not None
    many = [query(at, Facts(solutions=page.solutions)) for at in range(20)]
    found = list(follow_ups([*many, query(99, Facts(solutions=page.solutions[:1])), query(98, Facts())], "1"))
    assert len(found) == 20
    assert all(each.solutions[0].language == "python" for each in found)
    assert all(len(each.asked) == len(each.solutions) - 1 for each in found)
    for each in found:
        for before, after, words in zip(each.solutions, each.solutions[1:], each.asked, strict=False):
            assert ("TypeScript" in words) == (after.language != before.language)
    assert {len(each.solutions) for each in found} == {2, 3}


async def test_pages_of_the_real_collection_are_read_and_share_names_with_the_tests(data: Path) -> None:
    folder = data / "synth"
    pages = list(queries(Given(folder / "doocs__leetcode__README_EN_first1500.jsonl.gz")))
    assert all(isinstance(each, Query) for each in pages)
    tested = queries(Given(folder / "newfacade__LeetCodeDataset__data_LeetCodeDataset-v0.2.0-train.jsonl.gz"))
    names = {each.facts.name for each in tested if isinstance(each, Query)}
    shared = [each for each in pages if isinstance(each, Query) and each.facts.name in names]
    assert len(shared) > 900
    assert len(list(follow_ups([each for each in pages if isinstance(each, Query)], "1"))) > 1000
