"""Django settings of the ws service: templates, catalogs and the channel layer; no database, no middleware."""

import socket

from cashier_core import env, events, logs
from cashier_core.settings import *  # noqa: F403

ENVIRONMENT = env.read(env.WsEnvironment)

SECRET_KEY = ENVIRONMENT.cashier_ticket_key
INSTALLED_APPS = ["cashier_core"]
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
# A Redis host that vanishes without a word is noticed in some 10 s, where the kernel's own patience is two hours.
# (macOS has no such option; there the repair, once a second, stands in for the subscription.)
KEEPALIVE = {"TCP_KEEPIDLE": 5, "TCP_KEEPINTVL": 2, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 10_000}
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {
            "hosts": [
                {
                    "address": ENVIRONMENT.redis_url,
                    "socket_connect_timeout": 1,
                    "socket_keepalive": True,
                    "socket_keepalive_options": {
                        getattr(socket, name): value for name, value in KEEPALIVE.items() if hasattr(socket, name)
                    },
                }
            ],
            "prefix": events.PREFIX,
        },
    }
}
LOGGING = logs.config(ENVIRONMENT.cashier_log_level, ENVIRONMENT.cashier_log_format)
