"""The media page: a manager chooses what the store's screens show between calls, and the store's logo."""

from collections.abc import Callable
from typing import IO

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache

from cashier_web.accounts import permissions
from cashier_web.infra.errors import allow_methods
from cashier_web.infra.form_errors import one_line
from cashier_web.infra.media_storage import stored_media
from cashier_web.infra.redis_unavailable import message_without_redis
from cashier_web.media.files import changing_media, store_file
from cashier_web.media.quota import DiskFull, NoStorage
from cashier_web.media.uploads import clean_logo, clean_medium
from cashier_web.models import Medium, Store
from cashier_web.store_urls import managed_pages, store_path

MOST_MEDIA = 30
"""How many pictures and videos a store may have."""
PICTURES = "image/jpeg,image/png,image/webp"
VIDEOS = "video/mp4,video/webm"


class MediumForm(forms.Form):
    """The form that adds a picture or a video.

    `file`: the uploaded file. `cleaned`: its kind, the content to store, and the extension of the stored file.
    """

    file = forms.FileField(
        label=gettext_lazy("Picture or video"),
        widget=forms.FileInput({"accept": f"{PICTURES},{VIDEOS}"}),
        help_text=gettext_lazy("JPEG, PNG or WebP up to 8 MB; MP4 (H.264) or WebM up to 64 MB, shown without sound."),
    )
    cleaned: tuple[Medium.Kind, IO[bytes], str]

    def clean_file(self) -> None:
        self.cleaned = clean_medium(self.cleaned_data["file"].file)


class LogoForm(forms.Form):
    """The form that adds or replaces the logo.

    `logo`: the uploaded picture. `cleaned`: the content to store, and the extension of the stored file.
    """

    logo = forms.FileField(
        label=gettext_lazy("Logo"),
        widget=forms.FileInput({"accept": PICTURES}),
        help_text=gettext_lazy("Shown at the top of the screens instead of the name: JPEG, PNG or WebP up to 2 MB."),
    )
    cleaned: tuple[IO[bytes], str]

    def clean_logo(self) -> None:
        self.cleaned = clean_logo(self.cleaned_data["logo"].file)


class SecondsForm(forms.ModelForm):  # type: ignore[type-arg]  # ModelForm takes no type argument at run time
    """The form that changes the time for which a picture is shown. `seconds` is the new time."""

    class Meta:
        model = Medium
        fields = ["seconds"]


@never_cache
@allow_methods("GET", "HEAD", "POST")
@permissions.for_managers
def media_page(request: HttpRequest, store: Store) -> HttpResponse:
    """The page with the store's pictures, videos and logo. A POST with `file` adds a picture or a video."""
    if request.method != "POST":
        return render_media_page(request, store, MediumForm(), LogoForm())
    form, status = MediumForm(request.POST, request.FILES), 400
    if form.is_valid():
        try:
            return change_media(request, store, lambda locked: add_medium(locked, *form.cleaned))
        except ValidationError as error:
            form.add_error("file", error)
            status = status_of(error)
    return render_media_page(request, store, form, LogoForm(), status=status)


@allow_methods("POST")
@permissions.for_managers
def move_medium_up(request: HttpRequest, store: Store, number: int) -> HttpResponse:
    return change_media(request, store, lambda locked: move_medium(locked, number, -1))


@allow_methods("POST")
@permissions.for_managers
def move_medium_down(request: HttpRequest, store: Store, number: int) -> HttpResponse:
    return change_media(request, store, lambda locked: move_medium(locked, number, 1))


@allow_methods("POST")
@permissions.for_managers
def delete_medium(request: HttpRequest, store: Store, number: int) -> HttpResponse:
    return change_media(request, store, lambda locked: get_object_or_404(locked.media, pk=number).delete())


@allow_methods("POST")
@permissions.for_managers
def change_seconds(request: HttpRequest, store: Store, number: int) -> HttpResponse:
    """A POST with `seconds` changes how long a picture is shown."""
    get_object_or_404(store.media, pk=number)
    form = SecondsForm(request.POST)
    if not form.is_valid():
        messages.error(request, one_line(form))
        return redirect(store_path("media", store))
    return change_media(request, store, lambda locked: set_seconds(locked, number, form.cleaned_data["seconds"]))


@allow_methods("POST")
@permissions.for_managers
def replace_logo(request: HttpRequest, store: Store) -> HttpResponse:
    """A POST with `logo` adds the store's logo, or replaces the old logo."""
    form, status = LogoForm(request.POST, request.FILES), 400
    if form.is_valid():
        try:
            return change_media(request, store, lambda locked: set_logo(locked, store_file(locked, *form.cleaned)))
        except ValidationError as error:
            form.add_error("logo", error)
            status = status_of(error)
    return render_media_page(request, store, MediumForm(), form, status=status)


@allow_methods("POST")
@permissions.for_managers
def remove_logo(request: HttpRequest, store: Store) -> HttpResponse:
    if not store.logo:  # Somebody else has just removed the logo, so the screens need not load anything again.
        return redirect(store_path("media", store))
    return change_media(request, store, lambda locked: set_logo(locked, ""))


@allow_methods("GET", "HEAD")
def media_file(request: HttpRequest, number: int, name: str) -> HttpResponseBase:
    """Send a picture, a video or a logo.

    If the media are in an object store, Nginx requests each file here, and caches the file. The database is asked
    first, so that a stranger who guesses names costs no requests to the object store.
    """
    path = f"{number}/{name}"
    is_used = Medium.objects.filter(store=number, file=path).exists() or Store.objects.filter(pk=number, logo=path)
    if not is_used:
        raise Http404
    try:
        size, media_type, content = stored_media.read(path)
    except FileNotFoundError:
        raise Http404 from None
    return StreamingHttpResponse(content, content_type=media_type, headers={"Content-Length": str(size)})


def status_of(error: ValidationError) -> int:
    """The status of a response that refuses a file: 507 if there is no storage for the file, otherwise 400."""
    return 507 if isinstance(error, (DiskFull, NoStorage)) else 400


def change_media(request: HttpRequest, store: Store, change: Callable[[Store], object]) -> HttpResponse:
    """Lock the store, call the function `change` with the store, and redirect to the media page.

    If Redis does not answer, nothing is changed, and the media page says so.
    """
    with message_without_redis(request), changing_media(store) as locked:
        change(locked)
    return redirect(store_path("media", store))


def add_medium(store: Store, kind: Medium.Kind, content: IO[bytes], extension: str) -> None:
    """Add a picture or a video after the store's other media.

    Raises ValidationError if the store already has MOST_MEDIA media, or if there is no space for the file.
    """
    positions = list(store.media.values_list("position", flat=True))
    if len(positions) >= MOST_MEDIA:
        raise ValidationError(
            _("A store can have at most %(most)s pictures and videos. Delete one first.") % {"most": MOST_MEDIA}
        )
    name = store_file(store, content, extension)
    Medium.objects.create(store=store, kind=kind, file=name, position=max(positions, default=0) + 1)


def set_logo(store: Store, name: str) -> None:
    """Save the name of the logo's file. The name "" removes the logo."""
    store.logo.name = name
    store.save(update_fields=["logo"])


def set_seconds(store: Store, number: int, seconds: int) -> None:
    """Save how long a picture is shown. Raises Http404 if the picture was deleted."""
    medium = get_object_or_404(store.media, pk=number)
    medium.seconds = seconds
    medium.save(update_fields=["seconds"])


def move_medium(store: Store, number: int, step: int) -> None:
    """Exchange a medium with the medium before it (step -1) or after it (step 1).

    The first medium cannot move up, and the last medium cannot move down. In these two cases nothing changes. Raises
    Http404 if the medium was deleted.
    """
    order = list(store.media.all())
    index = next((index for index, medium in enumerate(order) if medium.pk == number), None)
    if index is None:
        raise Http404
    if 0 <= index + step < len(order):
        order[index], order[index + step] = order[index + step], order[index]
    for position, medium in enumerate(order, start=1):
        if medium.position != position:
            medium.position = position
            medium.save(update_fields=["position"])


def render_media_page(
    request: HttpRequest, store: Store, form: MediumForm, logo_form: LogoForm, *, status: int = 200
) -> HttpResponse:
    rows = [
        {
            "medium": medium,
            "change_path": store_path("change_medium", store, number=medium.pk),
            "up_path": store_path("move_medium_up", store, number=medium.pk),
            "down_path": store_path("move_medium_down", store, number=medium.pk),
            "delete_path": store_path("delete_medium", store, number=medium.pk),
        }
        for medium in store.media.all()
    ]
    context = {
        "store": store,
        "pages": managed_pages(store),
        "rows": rows,
        "form": form,
        "path": store_path("media", store),
        "logo_form": logo_form,
        "logo_path": store_path("logo", store),
        "remove_logo_path": store_path("remove_logo", store),
    }
    return render(request, "cashier_web/media.html", context, status=status)
