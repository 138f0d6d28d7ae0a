"""What the README says is so."""

import re
import subprocess
from pathlib import Path

import pytest

from cashier_core import env

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def test_the_settings_table_is_the_one_of_env_py() -> None:
    assert env.table() in README, "put the output of `python -m cashier_core.env` into the README"


def test_it_has_less_than_150_lines() -> None:
    assert len(README.splitlines()) < 150


@pytest.mark.parametrize("target", sorted(set(re.findall(r"`make ([a-z]+)", README))))
def test_every_make_target_that_it_names_exists(target) -> None:
    printed = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout

    assert re.search(rf"make {target} ", printed)


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\((?!http)([^)#]+)", README))))
def test_every_file_that_it_links_to_is_there(link) -> None:
    assert (ROOT / link).exists()


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`([A-Za-z_]+\.[a-z_]+)\(\)`", README))))
def test_every_function_that_it_names_exists(name) -> None:
    owner, function = name.rsplit(".", 1)
    sources = "\n".join(path.read_text() for path in (ROOT / "services").rglob("*.py"))
    sources += "\n".join(path.read_text() for path in (ROOT / "services").rglob("*.js"))
    defined = rf"class {owner}\b.*?def {function}\(" if owner[0].isupper() else rf"def {function}\("

    assert re.search(defined, sources, re.DOTALL), f"{owner} has no {function}"
