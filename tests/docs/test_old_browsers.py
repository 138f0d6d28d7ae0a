"""The scripts and styles of a screen use nothing that Chromium 80 does not have (docs/screens.md).

tests/e2e/test_old_browsers.py runs a screen in a Chromium without the functions that Chromium 80 does not have.
"""

import re
from pathlib import Path

import pytest

STATIC = Path(__file__).parents[2] / "services/web/src/cashier_web/static/cashier_web"
SCRIPTS = sorted([*STATIC.glob("screen/*.js"), STATIC / "old_browser.js", STATIC / "error_page.js"])
STYLES = sorted([*STATIC.glob("screen/*.css"), STATIC / "error_page.css"])
COMMENT = re.compile(r"^\s*//[^\n]*|/\*.*?\*/", re.MULTILINE | re.DOTALL)
NEW_SYNTAX = re.compile(
    r"(?:\?\?|\|\||&&)="  # logical assignment: Chromium 85
    r"|\bstatic\s*\{|#\w+\s+in\b|(?<![\w.$])#\w+\s*[=(;]"  # classes: Chromium 84 to 94
    r"|^(?:await|(?:const|let) \w+ = await)\b"  # await outside of functions: Chromium 89
    r"|^import .* (?:with|assert) \{|\busing \w+ =",
    re.MULTILINE,
)
NEW_FUNCTIONS = re.compile(
    r"\.(?:at|replaceAll|replaceChildren|findLast|findLastIndex|toSorted|toReversed|toSpliced|with|checkVisibility)\("
    r"|\b(?:structuredClone|reportError|WeakRef|FinalizationRegistry|scheduler|navigation)\b"
    r"|\bAbortSignal\.|\bObject\.(?:hasOwn|groupBy)\b|\bPromise\.(?:any|try|withResolvers)\b|\bURL\.(?:canParse|parse)\b"
    r"|\brandomUUID\b|\bsignal\.reason\b|\bthrowIfAborted\b|\bArray\.fromAsync\b|\bResponse\.json\b"
)
# `inset` and logical properties: Chromium 87. `:is()`: 88. `gap` of flexible boxes: 84. Rules with `:has()` (105) are
# allowed, because the page can be read without them.
NEW_STYLE = re.compile(
    r":(?:is|where)\(|^\s*(?:inset(?:-\w+)*|gap|row-gap|column-gap|aspect-ratio|(?:margin|padding)-(?:inline|block))\s*:"
    r"|\d(?:[dsl]v[hw]|cq\w+)\b|color-mix\(|text-wrap|@(?:container|layer|scope|property)|^\s*&|:not\([^()]*,"
    r"|^\s*(?:scale|rotate|translate)\s*:",
    re.MULTILINE,
)


def code_of(file: Path) -> str:
    """Return the content of a file without its comments."""
    return COMMENT.sub("", file.read_text())


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda file: file.name)
def test_scripts_use_no_syntax_and_no_functions_that_are_too_new(script) -> None:
    code = code_of(script)

    assert code.strip()
    assert [match.group() for match in NEW_SYNTAX.finditer(code)] == []
    assert [match.group() for match in NEW_FUNCTIONS.finditer(code)] == []


@pytest.mark.parametrize("script", ["old_browser.js", "error_page.js"])
def test_scripts_for_every_browser_use_only_ecmascript_5(script) -> None:
    code = code_of(STATIC / script)

    assert re.findall(r"=>|\b(?:let|const|class|async|await|import|export)\b|`|\?\.|\?\?|\.\.\.", code) == []


@pytest.mark.parametrize("style", STYLES, ids=lambda file: file.name)
def test_styles_use_nothing_that_is_too_new(style) -> None:
    assert [match.group().strip() for match in NEW_STYLE.finditer(code_of(style))] == []


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (NEW_SYNTAX, "a ??= 1;"),
        (NEW_SYNTAX, "isLost ||= true;"),
        (NEW_SYNTAX, "  #count = 0;"),
        (NEW_SYNTAX, "  static { start(); }"),
        (NEW_FUNCTIONS, "fetch(url, { signal: AbortSignal.timeout(9) })"),
        (NEW_FUNCTIONS, "list.replaceChildren(...lines)"),
        (NEW_FUNCTIONS, "calls.at(-1)"),
        (NEW_STYLE, "  inset: 0;"),
        (NEW_STYLE, "#a:is(b, c) {"),
        (NEW_STYLE, "  gap: 1rem;"),
        (NEW_STYLE, "a:not(b, c) {"),
    ],
)
def test_the_patterns_find_new_features(pattern, text) -> None:
    assert pattern.search(text)
