"""Real browsers that take part in a run of `make load`: `BROWSERS=4`."""
