"""What Gunicorn serves of the plain peer."""

from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()
