"""`make capacity PROMISE=`: searches for the largest promise that a local topology keeps.

- promise.py: the promises, and the profile of a run with a promise of a given size.
- trial.py: one run with one size, and the process that was the bottleneck.
- search.py: chooses the sizes.
"""
