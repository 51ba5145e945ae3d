"""How a program in another language than Python is compiled and run: the commands, by language.

In the commands {cell} stands for a folder that is made for the cell, outside the working directory, {workspace} for the
working directory, and {temporary} for a folder that lasts as long as the session.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import PurePath
from typing import Any

from ocinterp.sandboxes.limits import MIB, Resources

_PROGRAM = "{cell}/program"
_PROCESSORS = "2"  # told to runtimes that start threads for each there is: a session may have 64
_SHARE = 3, 4  # of a session's memory for the heap of a runtime that bounds its own: the rest is code and stacks

# What compilers and runtimes say when there is no memory to be had; the program has ended badly then.
NO_MEMORY = re.compile(
    r"std::bad_alloc|memory allocation of \d+ bytes failed|JavaScript heap out of memory"
    r"|java\.lang\.OutOfMemoryError(?!: unable to create native thread)"
    r"|insufficient memory for the Java Runtime|runtime: (?:out of|cannot allocate) memory|out of memory: Cannot"
    r"|virtual memory exhausted|: out of memory allocating|Array buffer allocation failed|cannot allocate \d+ bytes"
)


@dataclass(frozen=True, slots=True)
class Recipe:
    """What is done with the source of one cell. With `piped` it is the program's standard input, which else is empty."""

    file: str
    run: tuple[str, ...]
    compile: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    piped: bool = False

    def as_order(self) -> dict[str, Any]:
        """As plain data, for the worker that carries it out."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Kitchen:
    """What a recipe depends on beside the language: the tool's name and place, a Python, the limits, the source."""

    tool: str
    path: str
    python: str
    resources: Resources
    source: str

    @property
    def heap_mib(self) -> int:
        return self.resources.memory_bytes // MIB * _SHARE[0] // _SHARE[1]


def recipe(language: str, kitchen: Kitchen) -> Recipe:
    """The recipe for a language of toolchains.LANGUAGES, but for Python. Raises KeyError for any other."""
    return _RECIPES[language](kitchen)


def _bash(kitchen: Kitchen) -> Recipe:
    return Recipe("main.sh", (kitchen.path, "{cell}/main.sh"))


def _c(kitchen: Kitchen) -> Recipe:
    return _compiled(kitchen, "main.c", "-std=gnu17")


def _cpp(kitchen: Kitchen) -> Recipe:
    return _compiled(kitchen, "main.cpp", "-std=gnu++20")


def _compiled(kitchen: Kitchen, file: str, standard: str) -> Recipe:
    command = (kitchen.path, standard, "-O1", "-Wall", "-I", "{workspace}", "-o", _PROGRAM, file, "-lm", "-pthread")
    return Recipe(file, (_PROGRAM,), command)


def _go(kitchen: Kitchen) -> Recipe:
    environment = {
        "CGO_ENABLED": "0",
        "GO111MODULE": "off",
        "GOCACHE": "{temporary}/.go/cache",
        "GOENV": "off",
        "GOMAXPROCS": _PROCESSORS,
        "GOMEMLIMIT": f"{kitchen.heap_mib}MiB",
        "GOPATH": "{temporary}/.go",
        "GOTELEMETRY": "off",
        "GOTOOLCHAIN": "local",
    }
    command = (kitchen.path, "build", "-p", _PROCESSORS, "-o", _PROGRAM, "main.go")
    return Recipe("main.go", (_PROGRAM,), command, environment)


def _java(kitchen: Kitchen) -> Recipe:
    file, main = java_names(kitchen.source)
    machine = (
        f"-Xmx{kitchen.heap_mib}m",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-Xshare:auto",
        "-XX:-UsePerfData",
        f"-XX:ActiveProcessorCount={_PROCESSORS}",
        "-Djava.io.tmpdir={temporary}",
        "-Dfile.encoding=UTF-8",
    )
    compiling = tuple(f"-J{option}" for option in machine)
    command = (kitchen.path, *compiling, "-proc:none", "-encoding", "UTF-8", "-cp", "{workspace}", "-d", "{cell}", file)
    java = str(PurePath(kitchen.path).with_name("java"))
    return Recipe(file, (java, *machine, "-cp", "{cell}:{workspace}", main), command)


def _javascript(kitchen: Kitchen) -> Recipe:
    # From its standard input a program imports what is in the working directory, as it would from a file there.
    return Recipe("main.js", (kitchen.path, *_v8(kitchen), "-"), piped=True)


def _v8(kitchen: Kitchen) -> tuple[str, ...]:
    return (f"--max-old-space-size={kitchen.heap_mib}", f"--v8-pool-size={_PROCESSORS}")


def _rust(kitchen: Kitchen) -> Recipe:
    flags = ("--edition", "2021", "--crate-name", "main", "-C", "opt-level=1", "-C", f"codegen-units={_PROCESSORS}")
    return Recipe("main.rs", (_PROGRAM,), (kitchen.path, *flags, "-o", _PROGRAM, "main.rs"))


def _sql(kitchen: Kitchen) -> Recipe:
    if kitchen.tool == "python":
        return Recipe("main.sql", (kitchen.python, "-I", "-c", _SQLITE), piped=True)
    return Recipe("main.sql", (kitchen.path, "-batch", "-bail", "-header", "-column", ":memory:"), piped=True)


def _typescript(kitchen: Kitchen) -> Recipe:
    """Types are left out, not checked: a program runs as it would where its author tried it, with any of the tools."""
    match kitchen.tool:
        case "node":
            run = (kitchen.path, *_v8(kitchen), "--experimental-strip-types", "--no-warnings", "{cell}/main.ts")
        case "tsc":
            compiling = ("node", *_v8(kitchen), "-e", _TRANSPILE, "{cell}/main.ts", kitchen.path)
            return Recipe("main.ts", ("node", *_v8(kitchen), "{cell}/main.js"), compiling)
        case "ts-node":
            options = '{"module": "commonjs", "moduleResolution": "node", "target": "es2022", "esModuleInterop": true}'
            run = (kitchen.path, "--transpile-only", "--skip-project", "-O", options, "{cell}/main.ts")
        case _:
            run = ("node", *_v8(kitchen), "-e", _IMPORT, "{cell}/main.ts", kitchen.path)
    return Recipe("main.ts", run)


_RECIPES = {
    "bash": _bash,
    "c": _c,
    "cpp": _cpp,
    "go": _go,
    "java": _java,
    "javascript": _javascript,
    "rust": _rust,
    "sql": _sql,
    "typescript": _typescript,
}


# --- Java, whose files and classes must agree ------------------------------------------------------------------------

_JAVA_WORDS = re.compile(
    r'/\*[\s\S]*?(?:\*/|\Z)|//[^\n]*|"""[\s\S]*?(?:"""|\Z)|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''
    r"|(?P<brace>[{}])|(?P<public>\bpublic\s+(?:(?:abstract|final|sealed|strictfp)\s+)*)?"
    r"\b(?:class|interface|enum|record)\s+(?P<type>[A-Za-z_$][\w$]{0,99})"
    r"|\bpackage\s+(?P<package>[\w.]{1,99})\s*;|(?P<main>\bvoid\s+main\s*\()"
)


def java_names(source: str) -> tuple[str, str]:
    """The file that a program of Java must be in, and the class to start: the one with `main`, else the public one."""
    depth, package, public, outermost, main = 0, "", "", "", ""
    for word in _JAVA_WORDS.finditer(source):
        if word["brace"]:
            depth += 1 if word["brace"] == "{" else -1
        elif word["type"] and depth == 0:
            outermost = word["type"]
            public = public or (outermost if word["public"] else "")
        elif word["package"] and depth == 0:
            package = f"{word['package']}."
        elif word["main"] and depth == 1:
            main = main or outermost
    return f"{public or main or 'Main'}.java", package + (main or public or outermost or "Main")


# --- What stands in for tools ----------------------------------------------------------------------------------------

_TRANSPILE = r"""
const fs = require("fs"), path = require("path");
const [file, tsc] = process.argv.slice(-2);
const ts = require(path.join(fs.realpathSync(tsc), "../../lib/typescript.js"));
const options = { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022, esModuleInterop: true };
const done = ts.transpileModule(fs.readFileSync(file, "utf8"),
    { fileName: "main.ts", compilerOptions: options, reportDiagnostics: true });
const host = { getCanonicalFileName: (name) => name, getCurrentDirectory: () => "", getNewLine: () => "\n" };
process.stderr.write(ts.formatDiagnostics(done.diagnostics, host));
if (done.diagnostics.length) process.exit(1);
fs.writeFileSync(file.replace(/ts$/, "js"), done.outputText);
"""

# The command `tsx` listens on a socket, which is denied; what it is made of does not.
_IMPORT = """
const fs = require("fs"), path = require("path"), { pathToFileURL } = require("url");
const [file, tsx] = process.argv.splice(1);
import(pathToFileURL(path.join(fs.realpathSync(tsx), "../loader.mjs"))).then(() => import(pathToFileURL(file)));
"""

_SQLITE = r"""
import sqlite3, sys
connection = sqlite3.connect(":memory:", isolation_level=None)
statement = ""
def show(cursor):
    rows = [[column[0] for column in cursor.description], *([str(x) if x is not None else "" for x in row] for row in cursor)]
    widths = [max(map(len, column)) for column in zip(*rows)]
    if len(rows) > 1:
        rows.insert(1, ["-" * width for width in widths])
        for row in rows:
            print("  ".join(map(str.ljust, row, widths)).rstrip())
source = sys.stdin.read()
try:
    for piece in (source.rstrip().rstrip(";") + ";").split(";")[:-1]:
        statement += piece + ";"
        if sqlite3.complete_statement(statement):
            cursor = connection.execute(statement)
            if cursor.description:
                show(cursor)
            statement = ""
    if statement.strip(" \n;"):
        raise sqlite3.OperationalError("incomplete input")
except (sqlite3.Error, sqlite3.Warning) as error:
    sys.exit(f"Error: {error}")
"""
