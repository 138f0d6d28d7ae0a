"""The view of the screen's page, which shows the calls of one store."""

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import translation
from django.views.decorators.cache import never_cache

from cashier_core import fragment
from cashier_core.call import DEFAULT_STORE
from cashier_core.tickets import Ticket
from cashier_web.infra.errors import allow_methods
from cashier_web.models import Store
from cashier_web.screens import identity
from cashier_web.screens.appearance import appearance_json, idle_of
from cashier_web.screens.voices import voice_urls
from cashier_web.store_urls import store_path


@never_cache
@allow_methods("GET", "HEAD")
def screen_page(request: HttpRequest, slug: str = DEFAULT_STORE) -> HttpResponse:
    """The page that a screen loads once and shows for months. Each change reaches the page through its websocket."""
    paired = identity.paired_screen_of(request)
    store = Store.objects.filter(slug=slug).first()
    if paired and not (store and identity.may_show(request, store, paired)):
        # This browser is a paired screen that may not show this store: the screen was moved to another store, or it was
        # revoked. The pairing page redirects a moved screen to its present store, and shows a pairing code to a revoked
        # screen.
        return redirect("pair")
    if store is None:
        raise Http404
    if not identity.may_show(request, store, paired):
        return redirect("pair")
    credential_id = paired.credential_id if paired else ""
    ticket = Ticket(store.slug, idle_of(store), credential_id).sign(settings.ENVIRONMENT.cashier_ticket_key)
    path = "/ws/cashier_q" if store.slug == DEFAULT_STORE else f"/ws/cashier_q/{store.slug}"
    context = {
        "store": store,
        "websocket": f"{path}?ticket={ticket}",
        "silence_seconds": f"{settings.ENVIRONMENT.cashier_silence_seconds:g}",
        "manifest_path": store_path("manifest", store),
        **fragment.context(idle_of(store)),
        "look": appearance_json(store, paired),
        "voices": voice_urls(),
    }
    with translation.override(store.language):
        response = render(request, "cashier_web/screen.html", context)
    # In older browsers, 'self' in the Content-Security-Policy does not include a websocket to the same host. Therefore
    # the header also contains the origin of the websocket.
    socket_origin = f"{'wss' if request.is_secure() else 'ws'}://{request.get_host()}"
    if paired:
        identity.give_cookie(response, request.COOKIES[identity.COOKIE])
    response._csp_update = {"connect-src": [socket_origin]}  # type: ignore[attr-defined]  # django-csp reads this
    return response
