"""The media page: a manager chooses what the store's screens show between calls, and its logo."""

from collections.abc import Callable
from typing import IO

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from redis.exceptions import RedisError

from cashier_web.accounts import permissions
from cashier_web.infra import metrics
from cashier_web.infra.errors import allow_methods, refuse
from cashier_web.media import files, uploads
from cashier_web.models import Medium, Store
from cashier_web.store_urls import managed_pages, store_path

MOST_MEDIA = 30
PICTURES = "image/jpeg,image/png,image/webp"
VIDEOS = "video/mp4,video/webm"


class MediumForm(forms.Form):
    """`file`: a picture or a video. What is to be kept of it is in `kept`: kind, content, ending."""

    file = forms.FileField(
        label=gettext_lazy("Picture or video"),
        widget=forms.FileInput({"accept": f"{PICTURES},{VIDEOS}"}),
        help_text=gettext_lazy("JPEG, PNG or WebP up to 8 MB; MP4 (H.264) or WebM up to 64 MB, shown without sound."),
    )
    kept: tuple[Medium.Kind, IO[bytes], str]

    def clean_file(self) -> None:
        self.kept = uploads.medium(self.cleaned_data["file"].file)


class LogoForm(forms.Form):
    """`logo`: a picture. What is to be kept of it is in `kept`: content and ending."""

    logo = forms.FileField(
        label=gettext_lazy("Logo"),
        widget=forms.FileInput({"accept": PICTURES}),
        help_text=gettext_lazy("At the top of the screens in place of the name: JPEG, PNG or WebP up to 2 MB."),
    )
    kept: tuple[IO[bytes], str]

    def clean_logo(self) -> None:
        self.kept = uploads.logo(self.cleaned_data["logo"].file)


class SecondsForm(forms.ModelForm):  # type: ignore[type-arg]  # it takes none at run time
    """`seconds`: how long a picture is shown."""

    class Meta:
        model = Medium
        fields = ["seconds"]


@never_cache
@allow_methods("GET", "HEAD", "POST")
@permissions.for_managers
def media(request: HttpRequest, store: Store) -> HttpResponse:
    """What the store's screens show between calls. Posting `file` adds a picture or a video at the end."""
    if request.method != "POST":
        return show(request, store, MediumForm(), LogoForm())
    form = MediumForm(request.POST, request.FILES)
    if form.is_valid():
        try:
            return change(request, store, lambda locked: add(locked, *form.kept))
        except ValidationError as fault:
            form.add_error("file", fault)
    return show(request, store, form, LogoForm(), status=400)


@allow_methods("POST")
@permissions.for_managers
def medium(request: HttpRequest, store: Store, number: int) -> HttpResponse:
    """Posting `action`: move it `up` or `down`, `change` its `seconds`, or `delete` it. 404 if it is gone."""
    action = request.POST.get("action")
    if action in {"up", "down"}:
        return change(request, store, lambda locked: move(locked, number, -1 if action == "up" else 1))
    if action == "delete":
        return change(request, store, lambda locked: get_object_or_404(locked.media, pk=number).delete())
    if action != "change":
        return refuse(400, _("Up, down, change or delete? None was sent."))
    form = SecondsForm(request.POST)
    if form.is_valid():
        return change(request, store, lambda locked: set_seconds(locked, number, form.cleaned_data["seconds"]))
    messages.error(request, " ".join(str(reason) for reasons in form.errors.values() for reason in reasons))
    return redirect(store_path("media", store))


@allow_methods("POST")
@permissions.for_managers
def logo(request: HttpRequest, store: Store) -> HttpResponse:
    """Posting `logo` gives the store another one; `action`, `remove`, takes it."""
    if request.POST.get("action") == "remove":
        return change(request, store, lambda locked: set_logo(locked, ""))
    form = LogoForm(request.POST, request.FILES)
    if form.is_valid():
        return change(request, store, lambda locked: set_logo(locked, files.put(locked, *form.kept)))
    return show(request, store, MediumForm(), form, status=400)


def change(request: HttpRequest, store: Store, act: Callable[[Store], object]) -> HttpResponse:
    """Do it, and lead back to the page; or say there why nothing was done."""
    try:
        with files.changing(store) as locked:
            act(locked)
    except RedisError:
        metrics.REDIS_ERRORS.inc()
        messages.error(request, _("Nothing was changed: the screens can't be reached just now."))
    return redirect(store_path("media", store))


def add(store: Store, kind: Medium.Kind, content: IO[bytes], ending: str) -> None:
    """Raises ValidationError if the store has as many already as one may have."""
    positions = list(store.media.values_list("position", flat=True))
    if len(positions) >= MOST_MEDIA:
        raise ValidationError(_("At most %(most)s: delete one first.") % {"most": MOST_MEDIA})
    name = files.put(store, content, ending)
    Medium.objects.create(store=store, kind=kind, file=name, position=max(positions, default=0) + 1)


def set_logo(store: Store, name: str) -> None:
    store.logo.name = name
    store.save(update_fields=["logo"])


def set_seconds(store: Store, number: int, seconds: int) -> None:
    """How long a picture is shown; where it is in the order may have changed since it was looked for."""
    medium = get_object_or_404(store.media, pk=number)
    medium.seconds = seconds
    medium.save(update_fields=["seconds"])


def move(store: Store, number: int, step: int) -> None:
    """Exchange a picture or video with its neighbour: step -1 is the one before it, 1 the one after it.

    The first one does not move up, and the last one does not move down. Raises Http404 if it was deleted meanwhile.
    """
    order = list(store.media.all())
    index = next((index for index, medium in enumerate(order) if medium.pk == number), None)
    if index is None:
        raise Http404
    if 0 <= index + step < len(order):
        order[index], order[index + step] = order[index + step], order[index]
    for position, each in enumerate(order, start=1):
        if each.position != position:
            each.position = position
            each.save(update_fields=["position"])


def show(
    request: HttpRequest, store: Store, form: MediumForm, logo_form: LogoForm, *, status: int = 200
) -> HttpResponse:
    """The page."""
    told = {
        "store": store,
        "pages": managed_pages(store),
        "rows": [(each, store_path("medium", store, number=each.pk)) for each in store.media.all()],
        "form": form,
        "path": store_path("media", store),
        "logo_form": logo_form,
        "logo_path": store_path("logo", store),
    }
    return render(request, "cashier_web/media.html", told, status=status)
