"""What a program is told of packages: which it may use, and that it cannot install any."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Sequence

# Module -> the package that brings it, where the two are not called alike.
PROVIDERS = {
    "Bio": "biopython",
    "Crypto": "pycryptodome",
    "PIL": "pillow",
    "attr": "attrs",
    "bs4": "beautifulsoup4",
    "community": "python-louvain",
    "cv2": "opencv-python-headless",
    "dateutil": "python-dateutil",
    "docx": "python-docx",
    "dotenv": "python-dotenv",
    "fitz": "pymupdf",
    "git": "gitpython",
    "jwt": "pyjwt",
    "mpl_toolkits": "matplotlib",
    "pkg_resources": "setuptools",
    "pptx": "python-pptx",
    "serial": "pyserial",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "umap": "umap-learn",
    "yaml": "pyyaml",
}

_MISSED = re.compile(r"No module named '(\w+)'")
_INSTALL = re.compile(
    r"(?:%%?|!!?)(?:sudo +)?(?:(?:\S*/)?python[\d.]* +-m +)?(?:uv +)?(?:pip[\d.]*|conda|mamba) +install(?P<words>(?: .*)?)"
)
_WITH_VALUE = frozenset({"-c", "--channel", "--constraint", "-n", "--name", "-r", "--requirement", "-t", "--target"})
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*", re.ASCII)


def provider(module: str) -> str:
    """The package that is asked for to get a module."""
    return PROVIDERS.get(module, module.replace("_", "-"))


def missed(message: str) -> str | None:
    """The module that a ModuleNotFoundError says is not there; None for one within a package that is."""
    found = _MISSED.fullmatch(message)
    return found[1] if found else None


def note(message: str, available: Sequence[str]) -> str:
    """What to add to the words of a ModuleNotFoundError."""
    return f"{sentence(available)}\n" if missed(message) is not None else ""


def sentence(available: Sequence[str]) -> str:
    """Which packages there are, as far as that is known here, and that they cannot become more."""
    there = f"Available: {', '.join(available)}; packages" if available else "Packages"
    return f"{there} cannot be installed from inside."


def replace_install(command: str, available: Sequence[str]) -> str | None:
    """The Python in place of a `!pip install x` line: nothing when all of it is there, else an error that says so.

    None for any other command.
    """
    found = _INSTALL.fullmatch(command)
    if found is None:
        return None
    missing = [name for name in _names(found["words"].split("#")[0].split()) if not _is_there(name)]
    if not missing:
        return f"pass  # {command}"
    text = f"{', '.join(missing)}: not there. {sentence(available)}"
    if all(map(_NAME.fullmatch, missing)):
        text += f" The user can add it to a new session: --with {','.join(missing)}"
    return f"raise RuntimeError({text!r})"


def _names(words: Sequence[str]) -> list[str]:
    """The packages among the words of an install command, without versions; an address or a path as it is."""
    names: list[str] = []
    for before, word in zip(["", *words], words, strict=False):
        is_value = before in _WITH_VALUE or (before.startswith("-") and "/" in word)
        if not word.startswith("-") and not is_value:
            names.append(re.split(r"[\[<>=!~;@]", word.strip("\"'"), maxsplit=1)[0])
    return [name for name in dict.fromkeys(names) if name]


def _is_there(package: str) -> bool:
    known = re.sub(r"[-_.]+", "-", package).lower()
    modules = [module for module, name in PROVIDERS.items() if name == known]
    modules += [known.replace("-", "_"), package]
    try:
        return any(module.isidentifier() and importlib.util.find_spec(module) is not None for module in modules)
    except (ImportError, ValueError):
        return False
