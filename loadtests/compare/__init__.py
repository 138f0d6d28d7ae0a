"""`make compare BASE=<revision>`: measures two revisions of cashier_q beside each other on one machine.

- revisions.py: checks out a revision, and installs the packages that it needs.
- serve.py: a program that runs the local topology of a revision.
- contender.py: one running topology with its screens, and the CPU time of its processes.
- block.py: one block of measurements, in which every other press goes to the same topology.
- ratios.py: the ratio of each measure, with a confidence interval.
"""
