"""The page that a person sees after signing in. It lists the person's stores."""

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache

from cashier_web.accounts import permissions
from cashier_web.infra.errors import allow_methods
from cashier_web.models import Role
from cashier_web.store_urls import store_path


@never_cache
@allow_methods("GET", "HEAD")
def stores(request: HttpRequest) -> HttpResponse:
    """Show links to the person's stores. A cashier or manager with only one store is redirected to this store."""
    if not permissions.is_known(request):
        return redirect_to_login(request.get_full_path())
    pages = {Role.VIEWER: "screen", Role.CASHIER: "till", Role.MANAGER: "buttons"}
    found = permissions.stores_of(request)
    paths = [(store, store_path(pages[Role(role)], store)) for store, role in found]
    # A viewer is not redirected, because a viewer's link leads to the screen, which has no links to other pages.
    if len(found) == 1 and found[0][1] != Role.VIEWER:
        return redirect(paths[0][1])
    manages = request.user.is_authenticated and permissions.managed_by(request.user).exists()
    return render(request, "cashier_web/stores.html", {"paths": paths, "manages": manages})
