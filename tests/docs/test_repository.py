"""Tests of the repository as a whole.

web is installed without the packages of ws, and ws without the packages of web. A lock file contains the hash of each
package, and no address of a package index.
"""

import re
import subprocess
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest

from cashier_core import __version__
from cashier_local.topology import VENVS, Topology
from tests.support.topologies import Log

ROOT = Path(__file__).parents[2]


LIST_PACKAGES = """
from importlib.metadata import distributions
print(*(distribution.metadata["Name"] for distribution in distributions()), sep="\\n")
"""


def packages(venv: str) -> set[str]:
    """Return the names of the packages in a virtual environment, in lower case and with hyphens."""
    argv = [str(VENVS / venv / "bin/python"), "-c", LIST_PACKAGES]
    listed = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    return {line.lower().replace("_", "-") for line in listed.splitlines()}


def test_web_is_installed_without_anything_of_ws() -> None:
    assert {"cashier-web", "gunicorn"} <= packages("web")
    assert packages("web") & {"cashier-ws", "channels", "channels-redis", "daphne", "twisted", "autobahn"} == set()


def test_ws_is_installed_without_gunicorn_database_driver_or_web() -> None:
    assert {"cashier-ws", "daphne"} <= packages("ws")
    assert packages("ws") & {"cashier-web", "gunicorn", "psycopg", "dj-database-url", "django-htmx"} == set()


def test_nginx_accepts_its_configuration(tmp_path) -> None:
    Topology(tmp_path, Log()).check_nginx()


LOCKS = sorted(ROOT.glob("*/requirements.txt")) + sorted(ROOT.glob("*/*/requirements.txt"))


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_lock_pins_hashes_and_names_no_index(lock) -> None:
    text = lock.read_text()
    pins = [line for line in text.splitlines() if "==" in line and not line.lstrip().startswith("#")]

    assert pins
    assert all(line.rstrip().endswith("\\") for line in pins), "a pin without hashes"
    assert "://" not in text
    assert "file:" not in text


def test_there_is_one_lock_for_each_environment_that_is_installed() -> None:
    assert [str(path.parent.relative_to(ROOT)) for path in LOCKS] == [
        "loadtests", "tests", "deploy/local", "services/web", "services/ws"
    ]  # fmt: skip


def test_only_core_and_the_changelog_contain_the_version() -> None:
    is_released = ".dev" not in __version__
    assert is_released == bool(
        re.search(rf"^## {re.escape(__version__)} \(", (ROOT / "CHANGELOG.md").read_text(), re.M)
    )
    for pyproject in ROOT.glob("services/*/pyproject.toml"):
        assert tomllib.loads(pyproject.read_text())["project"].get("version") is None
    for package in ("cashier-core", "cashier-web", "cashier-ws"):
        assert version(package) == __version__
