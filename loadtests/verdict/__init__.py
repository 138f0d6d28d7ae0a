"""Whether a run met its objectives: the ledger, the objectives and the report."""
