"""What the web and ws services share.

call, till, idle: what screens show. timeline, timeline_reader, snapshot, lua: the calls of a store in Redis.
events: the message that announces a change. fragment: the HTML that screens show.
tickets, revocations: which screens may connect. history: past calls on their way to the database.
env, env_checks: environment variables. logs, settings, healthcheck: as their names say.
"""
