"""Runs all tests: `make test`. Most tests run in four processes, and the tests that measure time then run alone.

The arguments are passed to each run of pytest, for example `python -m tools.run_tests tests/ws -k drain`.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

# The tests spend half of their time waiting, for example for the end of a call. On two cores, two processes need 7
# minutes, and four processes need 5 minutes.
#
# All tests of a file run in the same process (loadfile), because they share topologies. The files start in the order of
# their names. By default, pytest-xdist begins with the files that have the most tests, and the slow files of tests/e2e
# would then come last.
PARALLEL = ["-m", "not serial", "--numprocesses", "4", "--dist", "loadfile", "--no-loadscope-reorder", "--cache-clear"]
SERIAL = ["-m", "serial"]

# The tests in these folders use browsers and services, and depend on real time. While four processes use two cores, a
# browser or a service sometimes waits for seconds, and a test fails. Therefore a few tests that failed run once more,
# alone. pytest prints both results. A test in another folder does not depend on time, so its failure is final.
REAL_TIME = ("tests/e2e/", "tests/ws/", "tests/loadtests/")
FAILED = ["-m", "not serial", "--last-failed", "--last-failed-no-failures", "none"]
MOST_FAILED = 3
"""If more tests fail, the machine's load is an unlikely reason, and none of them runs again."""
LAST_FAILED = Path(".pytest_cache/v/cache/lastfailed")
"""pytest writes the names of the failed tests to this file."""


def run_pytest(options: list[str]) -> int:
    """Run pytest in a new process, and return its exit code."""
    return subprocess.run([sys.executable, "-m", "pytest", *options, *sys.argv[1:]], check=False).returncode


def run_parallel() -> int:
    """Run all tests that need not run alone. If a few of them fail, run these again, alone.

    Returns the exit code of the last run.
    """
    code = run_pytest(PARALLEL)
    if code != pytest.ExitCode.TESTS_FAILED:
        return code
    failed = json.loads(LAST_FAILED.read_text())
    if len(failed) > MOST_FAILED or not all(name.startswith(REAL_TIME) for name in failed):
        return code
    print("These tests failed, and run again alone:", *failed, sep="\n  ", flush=True)
    code_alone = run_pytest(FAILED)
    # If pytest does not find the failed tests again, the first result counts.
    return code if code_alone == pytest.ExitCode.NO_TESTS_COLLECTED else code_alone


def main() -> int:
    """Run pytest, and return 0 if all tests passed.

    If one run of pytest finds no tests, only the other run counts. If neither run finds tests, the result is 5.
    """
    codes = {run_parallel(), run_pytest(SERIAL)}
    empty = int(pytest.ExitCode.NO_TESTS_COLLECTED)
    return max(codes - {empty}, default=empty)


if __name__ == "__main__":
    sys.exit(main())
