"""The profile `chaos`: injects random faults, which a seed determines, into a topology during a run.

- kinds.py: the kinds of faults, what each of them may hit, and what each of them may cost.
- schedule.py: computes the schedule of the faults from a seed.
- injectors.py: injects one fault, and undoes it.
- disturbable.py: what the injectors need from a topology.
- local_topology.py, compose_topology.py: a local topology and a compose stack that can be disturbed.
- processes.py: finds and pauses processes.
- redis_links.py: proxies between each service and Redis, which delay, stall or cut the connections.
- packets.py: drops packets on their way to a port.
- clock.py: moves the clock of Redis.
- busy_cores.py, disk.py: take the CPU time and the disk space of the machine.
- campaign.py: injects all faults of a schedule during a run, and records when each fault began and ended.
"""
