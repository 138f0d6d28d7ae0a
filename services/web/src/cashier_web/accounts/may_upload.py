"""Tells Nginx whether a person may send a large request, before Nginx reads the body of the request."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache

from cashier_web.infra.errors import allow_methods
from cashier_web.models import Membership, Role


@never_cache
@allow_methods("GET", "HEAD")
def may_upload(request: HttpRequest) -> HttpResponse:
    """Answer with 204 if Nginx may read the body of the request, otherwise with 403.

    Nginx asks for each request to an address that accepts files. The query contains the method of this request. Only a
    POST can upload a file, and only managers and people who may use the admin have a reason to do so.
    """
    person = request.user
    allowed = (
        request.GET.get("method") != "POST"
        or (person.is_authenticated and person.is_staff)
        or Membership.objects.filter(person=person.pk, role=Role.MANAGER).exists()
    )
    return HttpResponse(status=204 if allowed else 403)
