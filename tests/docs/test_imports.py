"""There is no import cycle: no module imports itself, directly or through other modules."""

from graphlib import CycleError, TopologicalSorter

import grimp
import pytest

PACKAGES = ["cashier_core", "cashier_local", "cashier_web", "cashier_ws", "loadtests", "tests", "tools"]


def cycle_in(imports: dict[str, set[str]]) -> list[str]:
    """Return the modules of one import cycle, or an empty list if there is no cycle.

    imports: for each module, the modules that it imports.
    """
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_there_is_no_import_cycle() -> None:
    graph = grimp.build_graph(*PACKAGES, cache_dir=None)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}

    assert {module.partition(".")[0] for module, imported in imports.items() if imported} == set(PACKAGES)
    assert cycle_in(imports) == []


@pytest.mark.parametrize("length", [2, 3])
def test_a_cycle_is_found(length) -> None:
    modules = [f"package.module_{number}" for number in range(length)]
    imports = {module: {modules[(number + 1) % length]} for number, module in enumerate(modules)}

    assert set(cycle_in(imports)) == set(modules)
