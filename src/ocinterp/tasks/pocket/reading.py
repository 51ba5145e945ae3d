"""A program's text read back as steps: whether it is put together of operations alone, and of which."""

from __future__ import annotations

import ast
from functools import cache
from itertools import product
from typing import Final

from ocinterp.tasks import syntax
from ocinterp.tasks.pocket.catalogue import operations
from ocinterp.tasks.pocket.programs import Step

_VALUE: Final = "the value"  # what a step is done to, where steps are compared: nothing in a program has such a name


def steps(source: str, function: str) -> tuple[Step, ...] | None:
    """The steps of the function of that name; None where it is anything but operations, each done to the value before it.

    Under any names, with a docstring, and with tests or calls after it, or without; what its steps need must be imported. A step
    whose code is that of several operations is one of them.
    """
    module = syntax.tree(source)
    if module is None:
        return None
    defined = [each for each in module.body if isinstance(each, ast.FunctionDef)]
    around = (ast.FunctionDef, ast.Import, ast.ImportFrom, ast.Assert, ast.Expr)
    if [each.name for each in defined] != [function] or not all(isinstance(each, around) for each in module.body):
        return None
    imports = {ast.unparse(each) for each in module.body if isinstance(each, ast.Import | ast.ImportFrom)}
    found = _steps(defined[0])
    return found if found and imports.issuperset(filter(None, (each.operation.imports for each in found))) else None


def _steps(function: ast.FunctionDef) -> tuple[Step, ...] | None:
    name = function.args.args[0].arg if function.args.args else ""
    if ast.unparse(function.args) != name or function.decorator_list or not isinstance(function.body[-1], ast.Return):
        return None
    found: list[Step | None] = []
    for line in function.body[1:] if ast.get_docstring(function) is not None else function.body:
        match line:
            case ast.Assign(targets=[ast.Name(id=target)], value=value):
                found.append(_step(value, name))
                name = target
            case ast.Return(value=ast.expr() as value):
                found.append(_step(value, name))
            case _:
                return None
    known = tuple(each for each in found if each is not None)
    return known if len(known) == len(found) else None


def _step(value: ast.expr, name: str) -> Step | None:
    return _known().get(_done_to(value, name))


def _done_to(value: ast.expr, name: str) -> str:
    """An expression, of the value of that name."""
    for each in ast.walk(value):
        if isinstance(each, ast.Name) and each.id == name:
            each.id = _VALUE
    return ast.unparse(value)


@cache
def _known() -> dict[str, Step]:
    """All steps that there are, by their code."""
    found: dict[str, Step] = {}
    for operation in operations().values():
        for values in product(*operation.parameters.values()):
            given = dict(zip(operation.parameters, values, strict=True))
            for number in range(len(operation.meanings)):
                step = Step(operation, number, given)
                code = step.text(step.meant.code).replace("{x}", "_")
                found.setdefault(_done_to(ast.parse(code, mode="eval").body, "_"), step)
    return found
