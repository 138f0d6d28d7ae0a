"""The WSGI application of the plain peer, which Gunicorn serves."""

from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()
