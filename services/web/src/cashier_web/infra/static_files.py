"""Stores static files under names that contain a hash of the content, so that browsers may cache the files for ever."""

from django.contrib.staticfiles.storage import ManifestStaticFilesStorage


class HashedFiles(ManifestStaticFilesStorage):
    """Adds hashes to the names of static files, and writes the new names into the imports of JavaScript modules.

    `collectstatic` fails with a ValueError if a module imports a file that does not exist.
    """

    support_js_module_import_aggregation = True
    # `collectstatic` writes the names with hashes only into the imports of cashier_q's own modules. The scripts of
    # django-htmx have comments such as `@type {import("../htmx")...}`. `collectstatic` would take such a comment for an
    # import, and would fail because the file `../htmx` does not exist.
    _js_module_import_aggregation_patterns = (
        "cashier_web/*.js",
        ManifestStaticFilesStorage._js_module_import_aggregation_patterns[1],  # type: ignore[attr-defined]
    )
