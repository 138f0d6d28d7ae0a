"""What is measured: records, read delays, event loop lag, processes, percentiles."""
