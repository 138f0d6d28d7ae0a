"""Screens and tills, on asyncio and on gevent: everything that connects to the system or presses."""
