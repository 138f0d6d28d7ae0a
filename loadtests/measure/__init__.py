"""Measures and records what happens in a run: connections, presses, delays of the load generator, CPU and memory."""
