"""Every make target and function that the README names exists. The table of settings is up to date."""

import re
import subprocess
from pathlib import Path

import pytest

from cashier_core import env

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def test_the_settings_table_equals_the_one_that_env_py_prints() -> None:
    settings = (ROOT / "docs/settings.md").read_text()

    assert env.table() in settings, "put the output of `python -m cashier_core.env` into docs/settings.md"


def test_the_readme_has_fewer_than_200_lines() -> None:
    assert len(README.splitlines()) < 200


@pytest.mark.parametrize("target", sorted(set(re.findall(r"`make ([a-z]+)", README))))
def test_every_make_target_in_the_readme_exists(target) -> None:
    printed = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout

    assert re.search(rf"make {target} ", printed)


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`([A-Za-z_]+\.[a-z_]+)\(\)`", README))))
def test_every_function_in_the_readme_exists(name) -> None:
    owner, function = name.rsplit(".", 1)
    is_class = owner[0].isupper()
    files = (ROOT / "services").rglob("*.py" if is_class else f"{owner}.py")
    definition = rf"class {owner}\b.*?def {function}\(" if is_class else rf"^def {function}\("

    assert any(re.search(definition, path.read_text(), re.DOTALL | re.MULTILINE) for path in files), name
