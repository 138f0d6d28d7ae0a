"""Other implementations of what cashier_q does, each as it is usually written, for comparison in the benchmark."""
