"""Runs Nchan for the benchmark. Nchan is an Nginx module in C that sends messages to websockets.

The module comes from a Debian package. The configuration contains only what the benchmark needs.
"""

import os
import shutil
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import django
from django.conf import settings

from cashier_core import fragment
from cashier_core.idle import Idle
from cashier_local.ports import answers, free_port, wait_until
from cashier_local.process import Process, Sink

MODULE = Path("/usr/lib/nginx/modules/ngx_nchan_module.so")
BINARY = shutil.which("nginx", path="/usr/sbin:/usr/bin")
START_SECONDS = 10.0
CONFIGURATION = """
load_module {module};
worker_processes auto;
error_log stderr warn;
pid nginx.pid;
events {{ worker_connections 16384; }}
http {{
    access_log off;
    client_body_temp_path body;
    keepalive_requests 1000000;
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location ~ ^/ws/cashier_q/(?<store>[\\w-]+)$ {{
            nchan_subscriber websocket;
            nchan_channel_id $store;
            nchan_subscriber_first_message oldest;
            nchan_websocket_ping_interval 20s;
        }}
        location ~ ^/s/(?<store>[\\w-]+)/cashier_action$ {{
            nchan_publisher;
            nchan_channel_id $store;
            nchan_message_buffer_length 1;
        }}
    }}
}}
"""


def installed() -> bool:
    return bool(BINARY) and MODULE.exists()


@contextmanager
def running(folder: Path, sink: Sink) -> Iterator[tuple[str, Process]]:
    """Start Nchan, yield its URL and its process, and stop it at the end."""
    folder.mkdir(parents=True)
    port = free_port()
    (folder / "nginx.conf").write_text(CONFIGURATION.format(module=MODULE, port=port))
    # If root starts Nginx, its worker processes switch to a user without rights, who may not write into the folder of
    # Nchan. With the option `user root root`, the worker processes continue to run as root.
    options = "daemon off;" + (" user root root;" if os.geteuid() == 0 else "")
    argv = [str(BINARY), "-p", str(folder), "-c", "nginx.conf", "-e", "stderr", "-g", options]
    process = Process("nchan", argv, os.environ, folder, sink)
    process.start()
    try:
        wait_until(lambda: answers(port), START_SECONDS, "Nchan answers")
        yield f"http://127.0.0.1:{port}", process
    finally:
        process.stop()


@cache
def message(till: int) -> bytes:
    """Return the HTML fragment that every system sends to its screens.

    till: the number that the fragment shows, or 0 for "please wait".
    """
    if not settings.configured:
        templates = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
        settings.configure(INSTALLED_APPS=["cashier_core"], TEMPLATES=templates)
        django.setup()
    return fragment.render(fragment.context(Idle("en"), till=till)).encode()


def publish_path(slug: str) -> str:
    """Return the URL path at which Nchan accepts messages for a store."""
    return f"/s/{slug}/cashier_action"


def press_request(url: str, slug: str, till: int) -> bytes:
    """Return the HTTP request of a press in Nchan. It publishes the number of a till to the screens of a store."""
    body = message(till)
    head = [f"POST {publish_path(slug)} HTTP/1.1", f"Host: {urlsplit(url).netloc}", f"Content-Length: {len(body)}"]
    return "\r\n".join([*head, "", ""]).encode() + body


def publish_idle(url: str, slug: str) -> None:
    """Publish "please wait" in a store. Nchan stores this message and sends it to each screen that connects."""
    with urllib.request.urlopen(url + publish_path(slug), data=message(0)):
        pass
