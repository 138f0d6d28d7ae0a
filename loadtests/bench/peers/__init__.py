"""The peers of the benchmark: other systems with the same task as cashier_q, each written in the way that is usual."""
