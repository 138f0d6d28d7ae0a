"""The Django settings of ws, which has no database. They configure templates, translations and the channel layer."""

import socket

from cashier_core import env, events, logs, redis_address
from cashier_core.settings import *  # noqa: F403

ENVIRONMENT = env.read(env.WsEnvironment)

SECRET_KEY = ENVIRONMENT.cashier_ticket_key
INSTALLED_APPS = ["cashier_core"]
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
# With these TCP options, the kernel notices within about 10 s that the host of Redis is down. By default, it notices
# after two hours. macOS does not have all of these options. Therefore, on macOS, ws may notice later that it no longer
# gets events from Redis. Until then, the repair finds the missed changes once a second.
KEEPALIVE = {"TCP_KEEPIDLE": 5, "TCP_KEEPINTVL": 2, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 10_000}
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {
            "hosts": [
                redis_address.channel_layer_host(
                    ENVIRONMENT.redis_url,
                    socket_connect_timeout=0.5,
                    socket_keepalive=True,
                    socket_keepalive_options={
                        getattr(socket, name): value for name, value in KEEPALIVE.items() if hasattr(socket, name)
                    },
                )
            ],
            "prefix": events.PREFIX,
        },
    }
}
LOGGING = logs.config(ENVIRONMENT.cashier_log_level, ENVIRONMENT.cashier_log_format)
