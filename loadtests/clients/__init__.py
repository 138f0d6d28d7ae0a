"""Screens, tills and the pages that they read: everything that connects to the system or presses."""
