"""The package that the web and ws services share. Its modules are:

- call, till, idle: what a screen can show: a call of a till, or the text between calls.
- timeline, timeline_reader, snapshot, lua: change and read the calls of a store in Redis.
- events: the message that tells the ws replicas about a change of a store's calls.
- fragment: the HTML that screens show.
- tickets, revocations: decide which screens may connect to ws.
- history, proof_stream: past calls, and what the screens have reported about them. Redis keeps both until web has moved
  them to the database.
- env, env_checks: read and check environment variables.
- logs: configures logging. settings: the Django settings that web and ws have in common.
- build_info: the metric with the version of cashier_q.
- healthcheck: asks a service whether it is healthy.
"""

__version__ = "0.2.0.dev0"
"""The version of cashier_q. All other code reads the version from here."""
