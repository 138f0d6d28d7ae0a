"""The load tests connect simulated screens and tills to a running system, and judge what the screens have shown.

- locustfile.py: the users that Locust simulates, for `make load`, `make locust` and the image.
- load.py: the command behind `make load`.
- topologies.py: starts the local topology or the compose stack of a run.
- profiles.py: the profiles, which say how many stores, screens and presses a run has.
- fault_injector.py: kills processes during a run of the profile `faults`.
- chaos/: injects the random faults of the profile `chaos`.
- history.py: stores the results of all commands, and plots them over time.
- options.py: what the command lines have in common. repository.py: runs git.
- generators/: lets several processes, also on several machines, act as one load generator.
- browsers/: real browsers that take part in a run.
- capacity/: searches for the largest load that keeps all promises (`make capacity`).
- compare/: compares two revisions (`make compare`).
- clients/: simulated screens and tills, which connect to the system and press.
- measure/: records connections, presses, read delays, event loop lag, CPU and memory of a run.
- verdict/: decides whether a run met its objectives, and writes the report.
- bench/: the benchmark (`make bench`), which compares cashier_q with other systems.

The packages import each other in one direction only. capacity imports load, and compare imports bench. bench imports
clients and measure. load and locustfile import verdict and generators, and load and topologies import chaos. clients
imports generators. verdict, generators, clients, browsers and chaos import measure. measure imports none of the other
packages.
"""
