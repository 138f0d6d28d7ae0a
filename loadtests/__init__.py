"""The load tests connect simulated screens and tills to a running system, and judge what the screens have shown.

- locustfile.py: the users that Locust simulates, for `make load`, `make locust` and the image.
- load.py: the command behind `make load`.
- profiles.py: the profiles, which say how many stores, screens and presses a run has.
- fault_injector.py: kills processes during a run.
- clients/: simulated screens and tills, which connect to the system and press.
- measure/: records connections, presses, read delays, event loop lag, CPU and memory of a run.
- verdict/: decides whether a run met its objectives, and writes the report.
- bench/: the benchmark (`make bench`), which compares cashier_q with other systems.

The packages import each other in one direction only. bench imports load, clients and measure. load and locustfile
import verdict. verdict and clients import measure. measure imports none of the other packages.
"""
