"""The HTTP service: pages, buttons, presses, the API, the admin and the database.

This list names the modules and packages, from the highest layer to the lowest. A module imports only from layers below
its own layer. `make check` enforces this rule, which is in pyproject.toml (`[tool.importlinter]`).

- `urls`: the URLs of all pages.
- `gunicorn_conf`: Gunicorn's configuration, and functions that Gunicorn calls.
- `api`: the HTTP API for devices and for the software of tills.
- `old_form_urls`: the URLs of managers' forms from before version 0.1, which will be removed in version 0.2.
- `management`: commands that import and export stores, people and devices as CSV, and the command that runs the
  periodic tasks.
- `periodic`: tasks that are repeated, such as recording calls in the database.
- `apps`: the Django application, and the functions that Django's signals call.
- `admin`: the pages of the admin, with import and export of stores and people.
- `alarms`: alarms about screens that show no calls, the contacts that are told, and the delivery of messages.
- `fleet`: the states and outages of paired screens, and the pages that show them.
- `calls`: pressing a button, with forms, schedule, receipts and the pages with the buttons.
- `devices`: the page on which managers create and revoke devices and their tokens.
- `history`: recording past calls and their proofs in the database, setting invalid ones aside, and the page that lists
  past calls.
- `media`: uploading, checking and storing a store's pictures, videos and logo, and the page for managers.
- `stores`: the form of a store, its deletion, its automatic opening, the labels and arrows of its tills, and stores as
  CSV.
- `screens`: the page of a screen, pairing, appearance, announcements, and the page for managers.
- `accounts`: sign-in, invitations, passwords, roles and permissions, and people as CSV.
- `press_data`: documents in Redis with everything that a press needs, so that a press needs no database.
- `audit`: the audit log, which records who changed what.
- `store_urls`: the URLs of a store's pages.
- `models`: the tables of the database.
- `infra`: parts that use no model, such as errors, logs, metrics, Redis connections, rate limits, tokens and CSV.
- `opening_hours`: the notation of opening hours, and when they begin and end.
- `validators`: checks of names and colours.

These modules and folders belong to no layer: settings, wsgi, __main__ (Django's commands), migrations, locale, static
and templates.
"""

# flit reads the version of this package here.
from cashier_core import __version__ as __version__
