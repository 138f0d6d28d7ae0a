"""The websocket service: boards and their screens."""
