"""The benchmark (`make bench`) measures cashier_q and other systems, its peers, in one run and with the same client."""
