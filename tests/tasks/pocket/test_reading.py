"""What is put together of operations is read back as such, and nothing else is."""

from __future__ import annotations

import pytest

from ocinterp.tasks.pocket import benchmark
from ocinterp.tasks.pocket.catalogue import operations
from ocinterp.tasks.pocket.programs import Program, Step, steps_named
from ocinterp.tasks.pocket.reading import steps

MEANT = Program(steps_named(("keep even", 0, {}), ("sort", 1, {})), "f", "xs")
SOURCE = "def f(xs):\n    xs = [v for v in xs if v % 2 == 0]\n    return sorted(xs, reverse=True)"


def codes(found: tuple[Step, ...] | None) -> list[str]:
    return [each.text(each.meant.code) for each in found or ()]


def test_every_program_of_the_benchmark_is_read_as_what_it_is() -> None:
    for item in benchmark.held_out().values():
        assert codes(steps(item.program.source(), item.program.function)) == codes(item.program.steps)


def test_every_meaning_of_every_operation_is_read() -> None:
    for operation in operations().values():
        given = {name: values[0] for name, values in operation.parameters.items()}
        for number in range(len(operation.meanings)):
            program = Program((Step(operation, number, given),), "f", "value")
            assert codes(steps(program.source(), "f")) == codes(program.steps), operation.name


@pytest.mark.parametrize(
    "source",
    [
        SOURCE,
        SOURCE.replace("xs", "_"),
        SOURCE.replace("    xs = ", '    """Says something."""\n    # 1. keep\n    other = ').replace("sorted(xs", "sorted(other"),
        f"import math\n\n{SOURCE}\n\n\nassert f([1, 2]) == [2]\nprint(f([4]))",
        SOURCE.replace("\n", "\r\n"),
    ],
)  # fmt: skip
def test_names_and_what_is_around_do_not_matter(source: str) -> None:
    assert codes(steps(source, "f")) == codes(MEANT.steps)


@pytest.mark.parametrize(
    "source",
    [
        "",
        "def f(xs:",
        "def f():\n    return 1",
        'def f(xs):\n    """Does nothing."""',
        SOURCE.replace("def f", "def g"),
        f"{SOURCE}\n\n\nf = len",
        f"{SOURCE}\n\n\n{SOURCE}",
        SOURCE.replace("sorted(xs", "sorted(ys"),  # of a value that is not there
        SOURCE.replace("xs = ", "ys = "),  # the first step is lost, and its value not looked at
        SOURCE.replace("(xs)", "(xs=None)", 1),
        SOURCE.replace("    return", "    print(xs)\n    return"),
        SOURCE.replace("return ", ""),
        "@print\n" + SOURCE,
        "def f(xs):\n    return math.prod(xs)",  # which nothing has imported
    ],
)
def test_anything_else_is_not_read(source: str) -> None:
    assert steps(source, "f") is None
