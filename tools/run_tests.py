"""Runs all tests: `make test`. Most tests run in four processes, and the tests that measure time then run alone.

The arguments are passed to both runs of pytest, for example `python -m tools.run_tests tests/ws -k drain`.
"""

import subprocess
import sys

import pytest

# The tests spend half of their time waiting, for example for the end of a call. On two cores, two processes need 7
# minutes, and four processes need 5 minutes.
#
# All tests of a file run in the same process (loadfile), because they share topologies. The files start in the order of
# their names. By default, pytest-xdist begins with the files that have the most tests, and the slow files of tests/e2e
# would then come last.
PARALLEL = ["-m", "not serial", "--numprocesses", "4", "--dist", "loadfile", "--no-loadscope-reorder"]
SERIAL = ["-m", "serial"]


def run_pytest(options: list[str]) -> int:
    """Run pytest in a new process, and return its exit code."""
    return subprocess.run([sys.executable, "-m", "pytest", *options, *sys.argv[1:]], check=False).returncode


def main() -> int:
    """Run pytest twice, and return 0 if all tests passed.

    If one run of pytest finds no tests, only the other run counts. If neither run finds tests, the result is 5.
    """
    codes = {run_pytest(PARALLEL), run_pytest(SERIAL)}
    empty = int(pytest.ExitCode.NO_TESTS_COLLECTED)
    return max(codes - {empty}, default=empty)


if __name__ == "__main__":
    sys.exit(main())
