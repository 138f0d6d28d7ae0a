"""How static files are stored: their names carry a hash of the content, so that browsers may keep them for ever."""

from django.contrib.staticfiles.storage import ManifestStaticFilesStorage


class HashedFiles(ManifestStaticFilesStorage):
    """Also writes the hashed names into the imports of this project's JavaScript modules.

    Raises ValueError in `collectstatic` if a module imports a file that does not exist.
    """

    support_js_module_import_aggregation = True
    # Only this project's modules. The scripts of django-htmx mention modules in comments
    # (`@type {import("../htmx")...}`) that it does not ship, and `collectstatic` would fail.
    _js_module_import_aggregation_patterns = (
        "cashier_web/*.js",
        ManifestStaticFilesStorage._js_module_import_aggregation_patterns[1],  # type: ignore[attr-defined]
    )
