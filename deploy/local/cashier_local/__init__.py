"""The whole topology as local processes, without Docker and without root: what `make run` starts."""
