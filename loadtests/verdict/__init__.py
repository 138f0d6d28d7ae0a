"""Whether a run met its objectives: the run, the ledger of what was owed, the objectives, the report."""
