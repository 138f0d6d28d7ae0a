"""The versions that the tests of this folder use."""

from pathlib import Path

RELEASED = "99.0.0"
"""The version that the tests give to the code in a clone. So they do not depend on the repository's own version."""

PREVIOUS_VERSION, PREVIOUS_COMMIT = "0.1.0", "d313ef2ca9479fc6c5a37138ea0eea844b11d2ba"
"""The previous release, whose code must work with the newest tables."""


def archive_of(folder: Path) -> Path:
    """Return the archive of the version RELEASED. Its name ends with the architecture of this machine."""
    (archive,) = folder.glob(f"cashier_q-{RELEASED}-*.tar")
    return archive
