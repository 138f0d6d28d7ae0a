"""Load tests: screens and tills that connect to a running system, and an exact verdict on what the screens showed.

    locustfile.py      Locust's users; used by `make load`, `make locust` and the image
    load.py            the command behind `make load`
    profiles.py        how many stores, screens and presses a run has
    fault_injector.py  kills processes while a run lasts
    clients/           screens and tills: everything that connects to the system or presses
    measure/           what a run records: connections, presses, read delays, event loop lag, CPU and memory
    verdict/           whether a run met its objectives: the ledger, the objectives, the report
    bench/             the benchmark against other systems; the command behind `make bench`

Imports go upwards only: bench and load use verdict, clients and measure; measure uses none of the others.
"""
