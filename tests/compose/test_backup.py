"""`make backup` writes the database into a file, and `make restore` restores it completely or not at all."""

import pytest

from tests.support.compose_stack import Failed

COUNT = "from cashier_web.models import Store; print(Store.objects.filter(slug__startswith='kept-').count())"


def count_kept_stores(stack) -> int:
    return int(stack.manage(COUNT).split()[-1])


def test_a_restore_brings_back_a_store_that_was_deleted_after_the_backup(stack) -> None:
    stack.manage("from cashier_web.models import Store; Store.objects.create(slug='kept-1', name='Kept')")
    file = stack.make("backup").split()[-1]
    stack.manage("from cashier_web.models import Store; Store.objects.filter(slug='kept-1').delete()")
    assert count_kept_stores(stack) == 0
    stack.make("restore", f"FILE={file}")

    assert count_kept_stores(stack) == 1
    assert (stack.compose_folder / "backups").stat().st_mode & 0o077 == 0


def test_restoring_a_broken_file_changes_nothing(stack, tmp_path) -> None:
    before = count_kept_stores(stack)
    (tmp_path / "broken.dump").write_bytes(b"PGDMP and then something else")

    with pytest.raises(Failed):
        stack.make("restore", f"FILE={tmp_path / 'broken.dump'}")
    with pytest.raises(Failed, match="cannot read"):
        stack.make("restore")
    assert count_kept_stores(stack) == before
