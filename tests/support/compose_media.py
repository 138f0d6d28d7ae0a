"""A store with a manager, who signs in to a compose stack and uploads pictures."""

import re
from io import BytesIO

import httpx
from PIL import Image

from tests.support.cluster import Cluster
from tests.support.compose_stack import Stack

PASSWORD = "secret enough"
MEDIA = re.compile(r'src="(/media/[^"]+)"')


def photo() -> bytes:
    """Return a picture that is so large that Django writes it to a file during the upload."""
    target = BytesIO()
    Image.effect_noise((2400, 1600), 100).save(target, "JPEG", quality=95)
    assert len(target.getvalue()) > 2_621_440
    return target.getvalue()


class Manager:
    """The session of a manager of one store.

    The constructor creates the store and the manager's account, and signs in. Use it as a context manager, which closes
    the connections at the end.
    """

    def __init__(self, stack: Stack | Cluster, slug: str) -> None:
        stack.manage(f"""
from django.contrib.auth.models import User
from cashier_web.models import Membership, Store
store = Store.objects.create(slug={slug!r}, name="Media shop")
anna = User.objects.create_user("anna-of-{slug}", password={PASSWORD!r})
Membership.objects.create(person=anna, store=store, role=3)
""")
        self.slug = slug
        self.client = httpx.Client(base_url=stack.url, follow_redirects=True, timeout=60)
        self.sign_in()

    def __enter__(self) -> "Manager":
        return self

    def __exit__(self, *exception: object) -> None:
        self.client.close()

    def sign_in(self) -> None:
        """Sign in. After a restore, everybody must sign in again."""
        self.client.get("/sign_in")
        self._post("/sign_in", username=f"anna-of-{self.slug}", password=PASSWORD)

    def upload(self, picture: bytes) -> str:
        """Upload a picture, and return the path at which it is served."""
        page = self.upload_answer(picture)
        assert page.status_code == 200
        return MEDIA.findall(page.text)[-1]

    def upload_answer(self, picture: bytes) -> httpx.Response:
        """Upload a picture, and return the answer, which may be a refusal."""
        return self._post(f"/s/{self.slug}/media", {"file": ("photo.jpg", picture)})

    def pictures(self) -> list[str]:
        """Return the paths of all pictures of the store."""
        return MEDIA.findall(self.client.get(f"/s/{self.slug}/media").text)

    def _post(self, path: str, files: dict | None = None, **fields: str) -> httpx.Response:
        fields["csrfmiddlewaretoken"] = self.client.cookies["csrftoken"]
        return self.client.post(path, data=fields, files=files)
