"""Checks out a revision, and installs the packages that it needs."""

import subprocess
import sys
from pathlib import Path

from cashier_local.topology import ROOT

REVISIONS = ROOT / "var" / "revisions"
ENVIRONMENTS = [f".venv/{name}/.done" for name in ("web", "ws", "local")]


def git(*arguments: str) -> str:
    """Run git in this repository, and return its output. Raises SystemExit with git's message if git fails."""
    done = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"git {arguments[0]}: {done.stderr.strip()}")
    return done.stdout.strip()


def name_of(revision: str) -> str:
    """Return the short hash of a revision. Raises SystemExit if there is no such revision."""
    return git("rev-parse", "--short=10", "--verify", "--quiet", f"{revision}^{{commit}}") or revision


def check_out(revision: str) -> Path:
    """Check out a revision into a folder of its own, install its packages, and return the folder."""
    name = name_of(revision)
    folder = REVISIONS / name
    if not folder.exists():
        git("worktree", "prune")
        git("worktree", "add", "--quiet", "--detach", str(folder), name)
    install(folder)
    return folder


def install(folder: Path) -> None:
    """Install the packages of a checked-out revision, and compile all modules. Raises SystemExit if this fails.

    A process that has to compile its modules uses its memory in another way than a process that finds them compiled. It
    needs up to 5 % less CPU time for a press, and a third less memory for a screen.
    """
    compile_all = [sys.executable, "-m", "compileall", "-q", "-j2", ".venv", "services"]
    for argv in (["make", "--no-print-directory", *ENVIRONMENTS], compile_all):
        if subprocess.run(argv, cwd=folder, stdout=subprocess.DEVNULL, check=False).returncode:
            raise SystemExit(f"the packages of {folder} cannot be installed: {' '.join(argv)} failed")
