"""The HTTP service: pages, buttons, presses, the API, the admin and the database.

Modules, from the highest layer to the lowest. A module imports only from the layers below its own
(`[tool.importlinter]` in pyproject.toml):

    urls            the addresses of all pages
    gunicorn_conf   Gunicorn's configuration and hooks
    api             the HTTP API for devices and for the software of tills
    old_form_urls   URLs to which managers' forms posted before version 0.1; removed in 0.2
    periodic        tasks that one of the worker processes repeats, such as recording calls
    management      commands: import and export stores, people and devices as CSV
    apps            the Django application, and what it connects to signals
    admin           the admin's pages, with import and export of stores and people
    calls           pressing a button: forms, schedule, receipts, and the pages with the buttons
    devices         the page on which managers create and revoke devices and their tokens
    history         recording past calls in the database, and the page that lists them
    media           pictures, videos and the logo of a store: upload, check, file, page
    stores          a store's form, labels and arrows of its tills, stores as CSV
    screens         a screen's page, pairing, appearance and announcements, and the page that manages screens
    accounts        sign-in, invitations, passwords, roles and permissions, people as CSV
    audit           the audit log: who changed what
    store_urls      the addresses of a store's pages
    models          the database's tables
    infra           parts that know no model: errors, logs, metrics, Redis connections, rate limits, tokens, CSV
    validators      checks of names and colours

Beside the layers: settings, wsgi, __main__ (Django's commands), migrations, locale, static and templates.
"""
