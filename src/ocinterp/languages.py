"""The languages that code may be in, and the names that people, models and files give them."""

from __future__ import annotations

import re
from pathlib import PurePath

# What a language is called here: its other names, and how its files' names end.
_NAMES: dict[str, tuple[str, str]] = {
    "python": ("py py3 python3 ipython ipython3", "py"),
    "bash": ("sh shell zsh ksh dash shellscript", "sh bash"),
    "c": ("c99 c11 c17 gnu-c", "c"),
    "cpp": ("c++ cc cxx c++11 c++14 c++17 c++20", "cpp cc cxx"),
    "go": ("golang", "go"),
    "java": ("", "java"),
    "javascript": ("js node nodejs node.js mjs cjs ecmascript", "js mjs cjs"),
    "rust": ("rs", "rs"),
    "sql": ("sqlite sqlite3", "sql"),
    "typescript": ("ts mts", "ts mts"),
}
NAMES = tuple(_NAMES)
_CANONICAL = {other: name for name, (others, _) in _NAMES.items() for other in (name, *others.split())}
_BY_SUFFIX = {f".{suffix}": name for name, (_, suffixes) in _NAMES.items() for suffix in suffixes.split()}
# The first word of an info string: `js`, `c++ title=x`, `sh:run.sh`, `{bash}` (R Markdown), `{.rust}` (pandoc).
_WORD = re.compile(r"\{?[ .]*([\w+#.-]+)")


def named(name: str) -> str:
    """What a language is called here; empty for one that is not known. No name at all means Python."""
    return _CANONICAL.get(name.strip().lower(), "") if name.strip() else "python"


def tagged(info: str) -> str:
    """The language that the info string of a fenced block names; empty where it names none that is known."""
    word = _WORD.match(info)
    return _CANONICAL.get(word[1].lower(), "") if word else ""


def of_file(name: str) -> str:
    """The language of a file, by the end of its name; empty where that tells nothing."""
    return _BY_SUFFIX.get(PurePath(name).suffix.lower(), "")


def ending_of(language: str) -> str:
    """How a file of a language is called in the end, for a name that is known here."""
    return f".{_NAMES[language][1].split()[0]}"


def is_meant(language: str, source: str) -> bool:
    """Whether a block that says it is in `language`, not Python, is a program to run, and no piece or advice."""
    if not source.strip():
        return False
    begins, not_meant = _PROGRAMS.get(language, _ANY)
    return bool(begins.search(source)) and not not_meant.search(source)


_ALWAYS, _NEVER = re.compile(""), re.compile(r"(?!)")
_ANY = (_ALWAYS, _NEVER)
# What is shown to be typed elsewhere: installing, and starting what nobody has written into a file here.
_TYPED_ELSEWHERE = re.compile(
    r"""^[ \t]*(?:
        \$[ ]                                                                       # a transcript, with its prompts
      | sudo\b | docker\b | git[ ]clone\b | source\b | (?:\.[ ])?\S*/activate\b | ssh\b
      | (?:pip3?|pipx|uv(?:[ ]pip)?|python3?[ ]-m[ ](?:pip|venv)|conda|mamba|npm|npx|pnpm|yarn|apt|apt-get|brew|dnf
          |yum|apk|pacman|gem|cargo|rustup|go)[ ](?:-\S+[ ])*(?:install|add|i|get|update|upgrade|init|create|new|sync)\b
    )""",
    re.MULTILINE | re.VERBOSE,
)
_BROWSER = re.compile(r"\b(?:document|window)\s*\.\s*\w|\bfrom\s+['\"](?:react|vue)['\"]|^[ \t]*<\w", re.MULTILINE)
# Either it makes what it asks, or it asks nothing of tables that somebody else has.
_OWN_TABLES = re.compile(
    r"\b(?:create|attach)\b|^[ \t]*\.(?:open|import|read)\b|\A(?!.*\b(?:from|into|update|alter|drop|join)\b)",
    re.IGNORECASE | re.DOTALL | re.MULTILINE,
)
_MAIN = re.compile(r"\bmain\s*\(")
# How a program of a language begins, and what shows that a block is none after all.
_PROGRAMS: dict[str, tuple[re.Pattern[str], re.Pattern[str]]] = {
    "bash": (re.compile(r"^[ \t]*[^#\s]", re.MULTILINE), _TYPED_ELSEWHERE),
    "c": (_MAIN, _NEVER),
    "cpp": (_MAIN, _NEVER),
    "go": (re.compile(r"\bfunc\s+main\s*\("), _NEVER),
    "java": (_MAIN, _NEVER),
    "javascript": (_ALWAYS, _BROWSER),
    "rust": (re.compile(r"\bfn\s+main\s*\("), _NEVER),
    "sql": (_OWN_TABLES, _NEVER),
    "typescript": (_ALWAYS, _BROWSER),
}
