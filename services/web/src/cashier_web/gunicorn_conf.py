"""Gunicorn's settings: `gunicorn -c python:cashier_web.gunicorn_conf cashier_web.wsgi`."""

from cashier_core import env

ENVIRONMENT = env.read(env.WebEnvironment)

worker_class = "gthread"
workers = ENVIRONMENT.cashier_web_workers
threads = ENVIRONMENT.cashier_web_threads
# Longer than Nginx keeps its idle connections (60 s), so that it is never the one to be hung up on.
keepalive = 75
# Presses take milliseconds; a worker that is silent for this long is stuck.
timeout = 30
graceful_timeout = 10
control_socket_disable = True
