"""Decides whether a run met its objectives, and writes the report."""
