"""The WSGI application that Gunicorn serves."""

from cashier_core import env
from django.core.wsgi import get_wsgi_application

env.use_settings("cashier_web.settings")
application = get_wsgi_application()
