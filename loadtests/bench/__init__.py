"""The benchmark: cashier_q and its peers in one run, with one client. `make bench`."""
