"""Runs git in this repository."""

import subprocess
from pathlib import Path


class GitError(Exception):
    """git has failed, or is not installed. The message of this exception is the message of git."""


def git(*arguments: str) -> str:
    """Run a command of git, and return its output. Raises GitError if the command fails."""
    argv = ["git", "-C", str(Path(__file__).parent), *arguments]
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
    except OSError as error:
        raise GitError(f"git cannot be started: {error}") from None
    if done.returncode:
        raise GitError(f"git {arguments[0]}: {done.stderr.strip()}")
    return done.stdout.strip()
