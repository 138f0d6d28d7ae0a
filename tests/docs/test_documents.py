"""In all Markdown documents, relative links lead to existing files, and lines are at most 100 columns wide."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TRACKED = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
DOCUMENTS = TRACKED.split()
WIDTH = 100
CODE_BLOCK = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")


def prose_of(document: str) -> str:
    """Return the text of a document. Each line of a fenced code block is made empty, which keeps the line numbers."""
    text = (ROOT / document).read_text()
    return CODE_BLOCK.sub(lambda block: "\n" * block.group().count("\n"), text)


def anchors_of(document: Path) -> set[str]:
    """Return the anchors that GitHub gives to the headings of a document."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_relative_link_leads_to_a_file_and_a_heading_that_exist(document) -> None:
    for link in LINK.findall(prose_of(document)):
        if re.match(r"https?://|mailto:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (ROOT / document).parent / path if path else ROOT / document

        assert target.exists(), f"{document} links to {link}"
        assert not anchor or anchor in anchors_of(target), f"{document} links to {link}"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_line_of_prose_has_at_most_100_columns(document) -> None:
    too_long = []
    for number, line in enumerate(prose_of(document).splitlines(), start=1):
        is_table_or_code = line.startswith(("|", "    "))
        # The address of a link cannot be wrapped, so the test does not count its characters.
        if not is_table_or_code and len(LINK.sub("]", line)) > WIDTH:
            too_long.append(f"{document}:{number}")

    assert too_long == []


def test_the_readme_links_to_every_guide_in_docs() -> None:
    guides = {document for document in DOCUMENTS if re.fullmatch(r"docs/[\w-]+\.md", document)}

    assert guides <= set(LINK.findall((ROOT / "README.md").read_text()))


@pytest.mark.parametrize("document", ["README.md", "docs/design.md"])
def test_every_script_that_a_document_names_exists(document) -> None:
    scripts = {path.name for path in (ROOT / "services/web/src/cashier_web/static").rglob("*.js")}

    assert set(re.findall(r"`(\w+\.js)`", (ROOT / document).read_text())) <= scripts


SHORT = {name: f"services/{name}/src/cashier_{name}" for name in ("core", "web", "ws")}
FILES_IN_GLOSSARY = re.findall(
    r"`((?:core|web|ws|deploy|loadtests|tests)/[\w/.]+)`", (ROOT / "docs/glossary.md").read_text()
)


@pytest.mark.parametrize("path", sorted(set(FILES_IN_GLOSSARY)))
def test_every_file_in_the_glossary_exists(path) -> None:
    folder, _, rest = path.partition("/")

    assert (ROOT / SHORT.get(folder, folder) / rest).exists()


def test_the_design_lists_the_layers_of_web_as_the_import_contract_does() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(each["layers"] for each in contracts if each.get("containers") == ["cashier_web"])
    rows = re.findall(r"^\| \d+ \| (`.*`) \|$", (ROOT / "docs/design.md").read_text(), re.MULTILINE)

    assert [re.findall(r"`(\w+)`", row) for row in rows] == [re.split(r" [|:] ", layer) for layer in layers]


def test_the_tests_that_the_table_of_faults_names_exist() -> None:
    rows = re.findall(r"^\| (\d+) \|.*\| ([^|]+) \|$", (ROOT / "docs" / "faults.md").read_text(), re.MULTILINE)
    named = [name.partition("::") for _number, names in rows for name in re.findall(r"`([^`]+)`", names)]
    missing = [
        f"{path}::{function}"
        for path, _, function in named
        if not (ROOT / path).is_file() or (function and f"def {function}(" not in (ROOT / path).read_text())
    ]

    assert [int(number) for number, _names in rows] == list(range(1, 36))
    assert missing == []
