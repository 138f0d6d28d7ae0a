"""The web app manifest and the service worker of a screen's page.

With them, a browser can install the page, and show it while the server cannot be reached.
"""

from pathlib import Path

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.templatetags.static import static
from django.views.decorators.cache import never_cache

from cashier_core.call import DEFAULT_STORE
from cashier_web.infra.errors import allow_methods
from cashier_web.models import Store
from cashier_web.screens import identity
from cashier_web.store_urls import store_path

WORKER = (Path(__file__).parents[1] / "static/cashier_web/screen/service_worker.js").read_bytes()


@never_cache
@allow_methods("GET", "HEAD")
def manifest(request: HttpRequest, slug: str = DEFAULT_STORE) -> HttpResponse:
    """The web app manifest (W3C) of a store's screen. Each browser that may show the screen may load it."""
    store = Store.objects.filter(slug=slug).first()
    if store is None or not identity.may_show(request, store, identity.paired_screen_of(request)):
        raise Http404
    page = store_path("screen", store)
    content = {
        "id": page,
        "name": store.name,
        "start_url": page,
        "scope": page,
        "display": "fullscreen",
        "background_color": store.ground,
        "theme_color": store.ground,
        "icons": [{"src": static("cashier_web/icon.svg"), "sizes": "any", "type": "image/svg+xml"}],
    }
    return JsonResponse(content, content_type="application/manifest+json")


@allow_methods("GET", "HEAD")
def service_worker(request: HttpRequest) -> HttpResponse:
    """The service worker's script.

    Its path must be at the top level, because a service worker controls only the paths below the folder of its script.
    """
    response = HttpResponse(WORKER, content_type="text/javascript; charset=utf-8")
    response["Cache-Control"] = "no-cache"
    return response
