"""Simulated screens and tills, on asyncio and on gevent. They connect to the system and press, as browsers do."""
