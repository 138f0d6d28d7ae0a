"""Django settings of the ws service: templates, catalogs and the channel layer; no database, no middleware."""

from cashier_core import env, events, logs
from cashier_core.settings import *  # noqa: F403

ENVIRONMENT = env.read(env.WsEnvironment)

SECRET_KEY = ENVIRONMENT.cashier_ticket_key
INSTALLED_APPS = ["cashier_core"]
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {
            "hosts": [{"address": ENVIRONMENT.redis_url, "socket_connect_timeout": 1, "socket_keepalive": True}],
            "prefix": events.PREFIX,
        },
    }
}
LOGGING = logs.config(ENVIRONMENT.cashier_log_level)
