"""The WSGI application that Gunicorn serves for the plain peer: the benchmark's ordinary Channels application."""

from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()
