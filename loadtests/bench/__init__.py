"""`make bench`: measures cashier_q and other systems (its peers) in one run, with one client."""
