"""What a run measures and records: connections, presses, read delays, event loop lag, CPU and memory."""
