"""Load on a running topology: raw screens, and what they saw, measured on one monotonic clock."""
