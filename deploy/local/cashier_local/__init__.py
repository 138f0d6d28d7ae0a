"""Runs Redis, web, ws and Nginx as local processes, without Docker and without root, for `make run` and for tests."""
