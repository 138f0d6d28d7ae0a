"""A manager uploads a picture through one host, and the screens of all hosts show it."""

import re

import httpx
import pytest

from loadtests.clients.asyncio_screen import open_screen
from loadtests.clients.pages import websocket_path
from tests.support.cluster import Cluster
from tests.support.compose_media import Manager, photo

pytestmark = pytest.mark.anyio
LOOK = re.compile(r'data-look="([^"]+)"')


def get_from_all(cluster: Cluster, path: str) -> list[httpx.Response]:
    """Request a path from all hosts."""
    return [httpx.get(f"{url}{path}", timeout=20) for url in cluster.urls]


async def test_a_picture_is_on_all_hosts_also_while_the_object_store_is_away(cluster, object_store) -> None:
    with Manager(cluster, "media-shop") as manager:
        path = websocket_path(manager.client.get("/s/media-shop/").text)
        screens = [await open_screen(url, path) for url in cluster.urls]
        for screen in screens:
            await screen.until(1, 5)
        picture = manager.upload(photo())
        for screen in screens:
            await screen.until(2, 5)
        looks = [[LOOK.findall(paint.html) for paint in screen.painted] for screen in screens]
        pages = get_from_all(cluster, "/s/media-shop/")
        contents = [answer.content for answer in get_from_all(cluster, picture)]
        object_store.stop()
        try:
            later = get_from_all(cluster, picture)
            refused = manager.upload_answer(photo())
        finally:
            object_store.start()

        assert looks == [looks[0]] * 3
        assert looks[0][0] != looks[0][1], "the screens were told that their appearance has changed"
        assert all(picture in page.text for page in pages)
        assert len(contents[0]) > 100_000
        assert contents == [contents[0]] * 3
        assert [answer.content for answer in later] == contents
        assert refused.status_code == 503
        assert "Nothing was changed" in refused.text
        assert manager.pictures() == [picture]
        for screen in screens:
            screen.close()
