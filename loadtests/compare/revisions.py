"""Checks out a revision, and installs the packages that it needs."""

import subprocess
import sys
from pathlib import Path

from cashier_local.topology import ROOT
from loadtests.repository import git

REVISIONS = ROOT / "var" / "revisions"
ENVIRONMENTS = [f".venv/{name}/.done" for name in ("web", "ws", "local")]


class CannotInstall(Exception):
    """The packages of a revision cannot be installed."""


def name_of(revision: str) -> str:
    """Return the short hash of a revision. Raises GitError if there is no such revision."""
    return git("rev-parse", "--short=10", "--verify", f"{revision}^{{commit}}")


def check_out(revision: str) -> Path:
    """Check out a revision into a folder of its own, install its packages, and return the folder.

    Raises GitError if the revision cannot be checked out, and CannotInstall.
    """
    name = name_of(revision)
    folder = REVISIONS / name
    if not folder.exists():
        # With --force, git also creates a worktree whose folder was deleted.
        git("worktree", "add", "--quiet", "--force", "--detach", str(folder), name)
    install(folder)
    return folder


def install(folder: Path) -> None:
    """Install the packages of a checked-out revision, and compile all modules. Raises CannotInstall.

    A process that has to compile its modules uses its memory in another way than a process that finds them compiled. It
    needs up to 5 % less CPU time for a press, and a third less memory for a screen.
    """
    compile_all = [sys.executable, "-m", "compileall", "-q", "-j2", ".venv", "services"]
    for argv in (["make", "--no-print-directory", *ENVIRONMENTS], compile_all):
        if subprocess.run(argv, cwd=folder, stdout=subprocess.DEVNULL, check=False).returncode:
            raise CannotInstall(f"the packages of {folder} cannot be installed: {' '.join(argv)} failed")
