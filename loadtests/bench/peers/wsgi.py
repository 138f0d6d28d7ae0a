"""The WSGI application of the peer `plain`. Gunicorn runs it, as in an ordinary project with Channels."""

from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()
