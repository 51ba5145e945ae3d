"""How large an installation without extras is.

    python benchmarks/install_size.py

Makes a virtual environment in a temporary folder, installs this checkout into it, and adds up the apparent sizes of
its files (links not followed), pip itself included. For scale it names the 505 MB that open-interpreter 0.4.3 needs
together with the setuptools<81 without which it does not start; that figure is not measured here.
"""

from __future__ import annotations

import subprocess
import tempfile
import venv
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
MEGABYTE = 1_000_000
OPEN_INTERPRETER_MB = 505


def size_of(folder: Path) -> int:
    """The apparent size of all files below a folder, in bytes."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file() or path.is_symlink())


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder, "venv")
        venv.create(home, with_pip=True)
        pip = [str(home / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        empty = size_of(home)
        subprocess.run([*pip, str(CHECKOUT)], check=True)
        whole = size_of(home)
        packages = sorted(
            ((size_of(each), each.name) for each in home.glob("lib/python*/site-packages/*") if each.is_dir()),
            reverse=True,
        )
    print(f"ocinterp without extras: {whole / MEGABYTE:.0f} MB, {empty / MEGABYTE:.0f} MB of it an empty environment")
    print(f"open-interpreter 0.4.3:  {OPEN_INTERPRETER_MB} MB (published, not measured here)")
    for size, name in packages[:10]:
        print(f"{size / MEGABYTE:8.1f} MB  {name}")


if __name__ == "__main__":
    main()
