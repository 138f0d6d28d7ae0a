"""Runs the local topology of a revision: `python -P serve.py <folder> <prepared> <code>`.

The program uses the package cashier_local of the revision, so its PYTHONPATH must contain deploy/local of this
revision. It may use nothing else of this repository. `prepared` is a folder for the files that all topologies of the
revision have in common. `code` is Python code that creates the stores.

When the topology answers, the program prints its URL and the process id of each process as JSON. It stops the topology
when its standard input ends.
"""

import json
import os
import sys
from pathlib import Path

from cashier_local.topology import Topology, prepare_data


def log_line(process: str, line: str) -> None:
    print(f"{process} | {line}", file=sys.stderr)


def main(folder: Path, prepared: Path, code: str) -> None:
    environment = {**os.environ, "CASHIER_LOG_LEVEL": "WARNING"}
    if not prepared.exists():
        prepare_data(prepared, environment)
    topology = Topology(folder, log_line, replicas=2, environment=environment, prepared=prepared)
    topology.start()
    try:
        topology.manage("shell", "--no-imports", "-c", code)
        pids = {name: process.pid for name, process in topology.processes.items()}
        print(json.dumps({"url": topology.url, "pids": pids}), flush=True)
        sys.stdin.read()
    finally:
        topology.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
