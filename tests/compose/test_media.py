"""Pictures can be uploaded although the containers are read-only.

Nginx serves the pictures from the volume `media`, and a backup contains them.
"""

from io import BytesIO

import pytest
from PIL import Image

from tests.support.compose_media import Manager, photo
from tests.support.compose_stack import Failed, docker

DELETE = """
from cashier_web.media import files
from cashier_web.models import Store
with files.changing_media(Store.objects.get(slug="media-shop")) as store:
    store.media.all().delete()
"""


def test_an_uploaded_picture_is_served_and_is_in_the_backup(stack) -> None:
    with Manager(stack, "media-shop") as manager:
        path = manager.upload(photo())
        assert manager.pictures() == [path]
        whole, part = manager.client.get(path), manager.client.get(path, headers={"Range": "bytes=10-19"})
        assert Image.open(BytesIO(whole.content)).size == (2400, 1600)
        assert (part.status_code, part.content) == (206, whole.content[10:20])
        assert whole.headers["Cache-Control"] == "public, max-age=31536000, immutable"

        file = stack.make("backup").split()[-1]
        stack.manage(DELETE)
        assert manager.client.get(path).status_code == 404
        stack.make("restore", f"FILE={file}")
        manager.sign_in()
        assert manager.pictures() == [path]
        assert manager.client.get(path).content == whole.content


def test_only_web_can_write_media(stack) -> None:
    (web,), (nginx,) = stack.containers("web"), stack.containers("nginx")
    docker("exec", web, "touch", "/srv/media/here")

    docker("exec", nginx, "ls", "/srv/media/here")
    with pytest.raises(Failed, match="Read-only"):
        docker("exec", nginx, "rm", "/srv/media/here")
    docker("exec", web, "rm", "/srv/media/here")
