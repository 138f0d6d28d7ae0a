"""Alarms: tell people about screens that show no calls."""
