"""The peers of the benchmark. They have the same task as cashier_q, and are written as such systems usually are."""
