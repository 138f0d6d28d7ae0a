"""`make capacity PROMISE=`: searches for the largest load at which a local topology keeps all promises.

- promises.py: what can grow, and the profile of a run with a given size.
- trial.py: one run with one size, and the process that was the bottleneck.
- search.py: chooses the sizes.
"""
