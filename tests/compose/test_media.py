"""Pictures can be uploaded although the containers are read-only.

Nginx serves the pictures from the volume `media`, and a backup contains them.
"""

import re
from io import BytesIO

import httpx
import pytest
from PIL import Image

from tests.support.compose_stack import Failed, docker

PASSWORD = "secret enough"
STORE = f"""
from django.contrib.auth.models import User
from cashier_web.models import Membership, Store
store = Store.objects.create(slug="media-shop", name="Media shop")
anna = User.objects.create_user("anna-of-media-shop", password={PASSWORD!r})
Membership.objects.create(person=anna, store=store, role=3)
"""
DELETE = """
from cashier_web.media import files
from cashier_web.models import Store
with files.changing_media(Store.objects.get(slug="media-shop")) as store:
    store.media.all().delete()
"""
MEDIA = re.compile(r'src="(/media/[^"]+)"')


def photo() -> bytes:
    """Return a picture that is so large that Django writes it to a file during the upload."""
    target = BytesIO()
    Image.effect_noise((2400, 1600), 100).save(target, "JPEG", quality=95)
    assert len(target.getvalue()) > 2_621_440
    return target.getvalue()


def test_an_uploaded_picture_is_served_and_is_in_the_backup(stack) -> None:
    stack.manage(STORE)
    with httpx.Client(base_url=stack.url, follow_redirects=True, timeout=60) as client:

        def post(path: str, files: dict | None = None, **fields: str) -> httpx.Response:
            fields["csrfmiddlewaretoken"] = client.cookies["csrftoken"]
            return client.post(path, data=fields, files=files)

        client.get("/sign_in?next=/s/media-shop/media")
        post("/sign_in", username="anna-of-media-shop", password=PASSWORD)
        page = post("/s/media-shop/media", {"file": ("photo.jpg", photo())})
        assert page.status_code == 200
        (path,) = MEDIA.findall(page.text)
        whole, part = client.get(path), client.get(path, headers={"Range": "bytes=10-19"})
        assert Image.open(BytesIO(whole.content)).size == (2400, 1600)
        assert (part.status_code, part.content) == (206, whole.content[10:20])
        assert whole.headers["Cache-Control"] == "public, max-age=31536000, immutable"

        file = stack.make("backup").split()[-1]
        stack.manage(DELETE)
        assert client.get(path).status_code == 404
        stack.make("restore", f"FILE={file}")
        assert MEDIA.findall(client.get("/s/media-shop/media").text) == [path]
        assert client.get(path).content == whole.content


def test_only_web_can_write_media(stack) -> None:
    (web,), (nginx,) = stack.containers("web"), stack.containers("nginx")
    docker("exec", web, "touch", "/srv/media/here")

    docker("exec", nginx, "ls", "/srv/media/here")
    with pytest.raises(Failed, match="Read-only"):
        docker("exec", nginx, "rm", "/srv/media/here")
    docker("exec", web, "rm", "/srv/media/here")
