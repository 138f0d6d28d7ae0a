"""The peers: other ways to do what cashier_q does, each as its kind is usually written, to be measured beside it."""
