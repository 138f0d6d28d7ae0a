"""The WSGI application that Gunicorn serves."""

from django.core.wsgi import get_wsgi_application

from cashier_core import env

env.use_settings("cashier_web.settings")
application = get_wsgi_application()
