"""Which code a model's answer asks to run.

An answer is read in this order, and the first reading that finds something decides: a text that is a program as it
stands; tags that say "execute"; tags that say "solution"; a program up to the closing of a fence that the prompt had
opened; Markdown fences; a text that begins like a program, or is an interactive session. All of that is about Python;
where it finds none, the fences that are tagged with another language and hold a program count.
Nothing here raises on any text, and the work grows with the text's length, not its square.
"""

from __future__ import annotations

import ast
import re
import warnings
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from ocinterp import languages
from ocinterp.types import Cell

_PARSE_LIMIT = 200_000  # characters; a tree takes up to 600 bytes a character, so at most 120 MB and 0.4 s
_MORE_CLOSINGS = 20  # fences looked at beyond the first, for one inside a string

_TAG = r"(?:i?python3?(?:\.\d+)?|py3?|pycon|python-repl)(?![\w+#.-])"
_PYTHON = re.compile(r"\{?[ .]*" + _TAG, re.IGNORECASE)  # `{python}` is R Markdown's, `{.python}` pandoc's

# CommonMark 0.31 section 4.5, any indentation; or a tagged fence at the end of a line of prose or a list marker.
_FENCE = re.compile(
    r"^(?P<indent>[ \t]*)(?P<mark>`{3,}|~{3,})(?P<rest>.*)$"
    r"|(?<=[^\n`])(?P<late>`{3,}+)(?P<tag>[ \t]*" + _TAG + r"[ \t]*)$",
    re.MULTILINE | re.IGNORECASE,
)
_LEAD = re.compile(r"[ \t]*(?:(?:[-*+]|\d+[.)])[ \t]+)?")

# <execute> is CodeAct's and MINT's; [PYTHON] Code Llama's, which also closes with [/EXECUTE].
_EXECUTE = re.compile(
    r"(?P<open>(?:^(?P<indent>[ \t]*))?(?:(?i:<execute>)|\[PYTHON\](?=[ \t]*$))(?P<last>(?=[ \t]*$))?)"
    r"|(?i:</execute>)|\[/(?:EXECUTE|PYTHON)\]",
    re.MULTILINE,
)
_SOLUTION = re.compile(
    r"(?P<open>(?:^(?P<indent>[ \t]*))?<solution>(?P<last>(?=[ \t]*$))?)|</solution>", re.MULTILINE | re.IGNORECASE
)

_SESSION = re.compile(r"\s*>>> ")
_PROMPT = re.compile(r"[ \t]*(?:>>>|\.\.\.)(?: (.*)|)$")
_MAGIC = re.compile(r"^([ \t]*)(?:\w+[ ]*=[ ]*)?(?:%%?|!!?)[A-Za-z_./].*$", re.MULTILINE)
_CALL = re.compile(r"[\w\])]\(")
_CLOSING = re.compile(r"^[ \t]*`{3,}+(?:[ \t]+\S+[ \t]+\S.*|[ \t]*)$", re.MULTILINE)
_TRACEBACK = re.compile(r"^Traceback \(most recent call last\)", re.MULTILINE)
_DECLARES = r"""(?:(?:async\ +)?def\ +\w+\ *\(
    |class\ +\w+\ *(?:\(.*\)\ *)?:
    |import\ +\w[\w.]*(?:\ +as\ +\w+)?(?:\ *,\ *\w[\w.]*(?:\ +as\ +\w+)?)*\ *(?:\#.*)?$
    |from\ +[\w.]+\ +import\ +[\w*(])"""
_DECLARED_FIRST = re.compile(r'''(?>(?:\s*(?:\#.*\n|"""(?s:.*?)"""))*\s*)^''' + _DECLARES, re.MULTILINE | re.VERBOSE)
_INTENDED = re.compile(
    r"""^(?:"""
    + _DECLARES
    + r"""|print\ *\(
    |(?:async\ +)?for\ +\(?\w+(?:\ *,\ *\(?\w+\)?)*\)?\ +in\ .+:
    |(?:if|while|with)\ .+:\ *(?:\#.*)?$
    |try:
    |%%[a-z])""",
    re.MULTILINE | re.VERBOSE,
)

# What an expected output may parse as; what a formula and a few words of prose may.
_VALUES = (
    *(ast.Constant, ast.Name, ast.Attribute, ast.UnaryOp, ast.unaryop, ast.expr_context),
    *(ast.Tuple, ast.List, ast.Set, ast.Dict),
)
_FORMULAS = (
    *_VALUES,
    *(ast.BinOp, ast.operator, ast.BoolOp, ast.boolop, ast.Compare, ast.cmpop, ast.IfExp, ast.Subscript, ast.Slice),
)


def extract_cells(text: str, prefix: str = "") -> list[Cell]:
    """The cells that `text` asks to run, in order, with ids `prefix` + 1, 2, 3 ...

    A cell need not be valid Python: what was plainly meant to run is run, so that its syntax error can be fed back.
    """
    text = re.sub(r"\r\n?", "\n", text).rstrip("\n")
    sources = [source for source in map(_typed, _sources(text)) if _has_code(source)]
    found = [("python", source) for source in sources] or list(_programs(text))
    return [Cell(f"{prefix}{number}", source, language) for number, (language, source) in enumerate(found, 1)]


def meaning(source: str) -> str:
    """A program in Python without what changes nothing: its comments, its blanks. Any other text as it is."""
    try:
        return ast.unparse(_parse(source))
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # what parses cannot always be written: 5,000 digits
        return source.strip()


def _sources(text: str) -> list[str]:
    if _is_program(text):  # fences and tags, if it has any, are in its strings and comments
        return [text]
    blocks = list(_blocks(text))
    if executed := [content for content, sure in _tagged(text, _EXECUTE, blocks) if sure or _is_meant(content)]:
        return [source for content in executed for source in _unwrapped(content)]
    solved = [source for content, _ in _tagged(text, _SOLUTION, blocks) for source in _unwrapped(content)]
    if solved := [source for source in solved if _is_meant(source)]:
        return solved
    if opened := _opened_by_prompt(text, blocks):
        return opened
    if fenced := [block.source for block in blocks if _runs(block)]:
        return fenced
    return [text] if _begins_as_program(text) or _is_program(_typed(text)) else []


def _programs(text: str) -> Iterator[tuple[str, str]]:
    """What is in other languages. Beside Python they are advice, as a rule: how to install something, how to start it."""
    for block in _blocks(text):
        language = languages.tagged(block.info)
        if language not in {"", "python"} and languages.is_meant(language, block.source):
            yield language, block.source


def _opened_by_prompt(text: str, blocks: Sequence[_Block]) -> list[str]:
    """The cells of an answer to a prompt that ended in "```python": a program before the first, closing, fence."""
    closing = _CLOSING.search(text)
    if not closing or (blocks and blocks[0].start < closing.start()):
        return []
    program = text[: closing.start()].rstrip("\n")
    if not (_is_program(program) or _begins_as_program(program)):
        return []
    return [program, *(block.source for block in _blocks(text[closing.end() + 1 :]) if _runs(block))]


# --- Markdown fences -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Fence:
    """A line that may open or close a block. `late`: it stands behind other words, so that it can only open one."""

    start: int
    end: int
    indent: str
    mark: str
    rest: str
    late: bool = False

    def closes(self, opening: _Fence) -> bool:
        """CommonMark's rule, and one for models that go on talking behind the fence ("``` This prints 3.")."""
        if self.late or not self.mark.startswith(opening.mark):
            return False
        words = self.rest.split()
        if len(words) == 1 and words[0][-1] not in ".:!?":
            return False  # "``` json" is an info string
        return not words or (self.rest[0] in " \t" and not _PYTHON.match(self.rest.lstrip()))


@dataclass(frozen=True, slots=True)
class _Block:
    """A fenced block; `start` and `end` are offsets into the text, `info` is empty where no language is given."""

    info: str
    source: str
    start: int
    end: int
    closed: bool = True


def _runs(block: _Block) -> bool:
    return bool(_PYTHON.match(block.info)) or (not block.info and _is_meant(_typed(block.source)))


def _blocks(text: str) -> Iterator[_Block]:
    fences = [_fence(text, found) for found in _FENCE.finditer(text)]
    at = 0
    while at < len(fences):
        opening = fences[at]
        at += 1
        if opening.mark[0] == "`" in opening.rest:  # an info string holds no backtick
            yield from _one_line(opening)
            continue
        closing = _closing(text, fences, at)
        closed = closing < len(fences)
        info = opening.rest.strip() if closed or not opening.late else ""  # "Wrap it in ```python" may be just that
        source = _body(text, fences, at, closing)
        yield _Block(info, source, opening.start, fences[closing].end if closed else len(text), closed)
        at = closing + 1


def _fence(text: str, found: re.Match[str]) -> _Fence:
    if not found["late"]:
        return _Fence(found.start(), found.end(), found["indent"], found["mark"], found["rest"])
    line = text.rfind("\n", 0, found.start()) + 1
    lead = _LEAD.match(text, line, found.start())
    indent = re.sub(r"\S", " ", lead[0]) if lead else ""  # what follows a list marker is indented as far
    return _Fence(found.start(), found.end(), indent, found["late"], found["tag"], late=True)


def _one_line(fence: _Fence) -> Iterator[_Block]:
    """ "```python print(1)```", which CommonMark calls a code span."""
    inside, closed, after = fence.rest.partition(fence.mark)
    tag = _PYTHON.match(inside)
    if tag and closed:
        yield _Block("python", inside[tag.end() :].strip(), fence.start, fence.end)
    elif closed and not after.strip():
        yield _Block("", inside.strip(), fence.start, fence.end)


def _closing(text: str, fences: Sequence[_Fence], first: int) -> int:
    """Which fence closes the block that the one before `first` opened; `len(fences)` where none does.

    The first that can, unless it stands in a triple-quoted string: then the first that leaves valid Python.
    """
    opening = fences[first - 1]
    candidates = islice((at for at in range(first, len(fences)) if fences[at].closes(opening)), 1 + _MORE_CLOSINGS)
    nearest = next(candidates, len(fences))
    info = opening.rest.strip()
    if nearest == len(fences) or (info and not _PYTHON.match(info)):
        return nearest
    if not _is_cut_in_string(_body(text, fences, first, nearest)):
        return nearest
    for at in (*candidates, len(fences)):
        end = fences[at].start if at < len(fences) else len(text)
        if end - opening.end > _PARSE_LIMIT:
            break  # before it is copied
        if _tree(_body(text, fences, first, at)):
            return at
    return nearest


def _body(text: str, fences: Sequence[_Fence], first: int, closing: int) -> str:
    opening = fences[first - 1]
    end = fences[closing].start - 1 if closing < len(fences) else len(text)
    return _outdented(text[opening.end + 1 : end], opening.indent)


def _outdented(source: str, indent: str) -> str:
    """`source` with as much of `indent` taken off each line as the line has."""
    if not indent:
        return source
    same = "".join(set(indent))  # a tab is never taken for spaces, or the lines' own indentation would shift
    return re.sub(rf"^[{same}]{{0,{len(indent)}}}", "", source, flags=re.MULTILINE)


# --- Tags ------------------------------------------------------------------------------------------------------------


def _tagged(text: str, tags: re.Pattern[str], blocks: Sequence[_Block]) -> Iterator[tuple[str, bool]]:
    """What stands between tags, and whether it surely does.

    A tag with words on both sides is as often a mention ("inside <execute> tags"): it is given, as unsure, only where
    a closing tag answers it. A tag inside a fenced block is that block's own text, unless the block begins with it.
    """
    starts = [block.start for block in blocks]
    opening: re.Match[str] | None = None
    done = 0
    for tag in tags.finditer(text):
        if opening is not None:
            if tag["open"] and _is_sure(opening) and not _begins_line(tag):
                continue  # a mention inside a cell
            if not tag["open"] or _is_sure(opening):
                yield _content(text, opening, tag.start()), _is_sure(opening)
                done = tag.end()
            opening = None
        if tag["open"] and not _is_inside(tag, blocks, starts, done):
            opening = tag
    if opening is not None and _is_sure(opening):
        yield _content(text, opening, len(text)), True


def _begins_line(tag: re.Match[str]) -> bool:
    return tag["indent"] is not None


def _is_sure(tag: re.Match[str]) -> bool:
    return _begins_line(tag) or tag["last"] is not None


def _is_inside(tag: re.Match[str], blocks: Sequence[_Block], starts: Sequence[int], done: int) -> bool:
    at = bisect_right(starts, tag.start()) - 1
    if at < 0:
        return False
    block = blocks[at]
    if not block.closed or block.start < done or block.end <= tag.start():
        return False
    return not block.source.lstrip().startswith(tag[0].lstrip())


def _content(text: str, opening: re.Match[str], end: int) -> str:
    content = text[opening.end() : end]
    first_line, _, others = content.partition("\n")
    return content.strip() if first_line.strip() else _outdented(others.rstrip(), opening["indent"] or "")


def _unwrapped(content: str) -> list[str]:
    """The cells of a tag: its content, or the Python fences of a content that begins with a fence."""
    if not content.lstrip().startswith(("```", "~~~")):
        return [content]
    return [block.source for block in _blocks(content) if _runs(block)]


# --- Python ----------------------------------------------------------------------------------------------------------


def _parse(source: str) -> ast.Module:
    """Raises SyntaxError, and nothing else."""
    if len(source) > _PARSE_LIMIT:
        raise SyntaxError("too long to look at")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(source)
    except (ValueError, RecursionError, MemoryError) as error:  # NUL, lone surrogates; deep nesting is the others
        raise SyntaxError(str(error)) from error


def _tree(source: str) -> ast.Module | None:
    """None where `source` is not Python, even with IPython's magics taken for statements."""
    try:
        return _parse(source)
    except SyntaxError:
        plain = _MAGIC.sub(r"\1_ = 0", source)
    try:
        return _parse(plain) if plain != source else None
    except SyntaxError:
        return None


def _is_cut_in_string(source: str) -> bool:
    try:
        _parse(source)
    except SyntaxError as error:
        return "unterminated triple-quoted" in error.msg
    return False


def _is_program(text: str) -> bool:
    """Whether `text` is valid Python that no short answer in words would be ("Done", "N/A", "- The (determiner)")."""
    tree = _tree(text)
    return tree is not None and _acts(tree, _FORMULAS if _CALL.search(text) else (ast.AST,))


def _begins_as_program(text: str) -> bool:
    """Whether `text`, valid or not, begins with an import or a definition, as no answer in words does."""
    return bool(_DECLARED_FIRST.match(text))


def _is_meant(source: str) -> bool:
    """Whether `source` is meant to run, where nothing says that it is Python: valid and no mere output, or close to."""
    if (tree := _tree(source)) is None:
        return bool(_INTENDED.search(source)) and not _TRACEBACK.search(source)
    return _acts(tree, _FORMULAS if any(isinstance(node, ast.Name) for node in ast.walk(tree)) else _VALUES)


def _acts(tree: ast.Module, idle: tuple[type[ast.AST], ...]) -> bool:
    """Whether a statement does more than show an expression made of `idle` nodes."""
    return not all(_is_idle(statement, idle) for statement in tree.body)


def _is_idle(statement: ast.stmt, idle: tuple[type[ast.AST], ...]) -> bool:
    if isinstance(statement, ast.Expr):
        return all(isinstance(node, idle) for node in ast.walk(statement.value))
    bare = isinstance(statement, ast.AnnAssign) and statement.value is None  # "Answer: 42"
    return bare or isinstance(statement, ast.Pass | ast.Break | ast.Continue)


def _typed(source: str) -> str:
    """What was typed in an interactive session, without prompts and answers; any other source as it is."""
    if not _SESSION.match(source):
        return source
    prompts = (_PROMPT.match(line) for line in source.split("\n"))
    return "\n".join(prompt[1] or "" for prompt in prompts if prompt)


def _has_code(source: str) -> bool:
    return any(line and not line.startswith("#") for line in map(str.strip, source.split("\n")))
