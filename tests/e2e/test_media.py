"""A manager uploads pictures and videos, and the screens of the store show them between calls.

While a call is shown, screens show no picture and no video.
"""

import base64
import re
import secrets
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import httpx
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from cashier_core.fragment import please_wait
from tests.e2e.conftest import wait_for
from tests.e2e.test_chain import PASSWORD, sign_in
from tests.support.topologies import change_store

# JavaScript that records a video of two seconds. Each frame of the video has another colour.
FILM = """(type) => new Promise((resolve) => {
  const canvas = document.createElement("canvas");
  canvas.width = 64, canvas.height = 36;
  const pen = canvas.getContext("2d");
  let frame = 0;
  const drawing = setInterval(() => {
    pen.fillStyle = `hsl(${frame++ * 9} 100% 50%)`;
    pen.fillRect(0, 0, 64, 36);
    if (frame === 50) recorder.stop();
  }, 40);
  const recorder = new MediaRecorder(canvas.captureStream(25), { mimeType: type });
  recorder.ondataavailable = ({ data }) => {
    clearInterval(drawing);
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result.split(",")[1]);
    reader.readAsDataURL(data);
  };
  recorder.start();
})"""
FRONT = """(() => {
  const box = document.querySelector("#media .front");
  return (box && [...box.children].find((each) => !each.hidden).currentSrc) ?? "";
})()"""
# JavaScript that records in `seen` when the page begins to show each picture or video. The times come from a clock that
# stops while a number is shown.
WATCH = """() => {
  window.seen = [];
  let waited = 0, last = performance.now();
  setInterval(() => {
    const now = performance.now();
    if (!("numCashier" in document.getElementById("message").dataset)) waited += now - last;
    last = now;
    const front = %s.split("/").at(-1);
    if (seen.at(-1)?.front !== front) seen.push({ front, at: waited });
  }, 20);
}"""


def picture(colour: str, size: tuple[int, int] = (160, 90)) -> bytes:
    target = BytesIO()
    Image.new("RGB", size, colour).save(target, "PNG")
    return target.getvalue()


@pytest.fixture(scope="module")
def films(browser) -> dict[str, bytes]:
    """A real MP4 video (H.264) and a real WebM video, with the keys "mp4" and "webm"."""
    page = browser.new_page()
    types = {"mp4": "video/mp4;codecs=avc1.42E01E", "webm": "video/webm;codecs=vp8"}
    films = {ending: base64.b64decode(page.evaluate(FILM, each)) for ending, each in types.items()}
    page.close()
    return films


class Manager:
    """A manager of one store, who has signed in."""

    def __init__(self, client: httpx.Client, slug: str) -> None:
        self._client = client
        self.page = f"/s/{slug}/media"
        client.get(f"/sign_in?next={self.page}")
        assert self.send_form("/sign_in", username=f"{slug}-anna", password=PASSWORD).status_code == 200

    def send_form(self, path: str, files: dict | None = None, **fields: str) -> httpx.Response:
        fields["csrfmiddlewaretoken"] = self._client.cookies["csrftoken"]
        return self._client.post(path, data=fields, files=files)

    def add(self, content: bytes) -> str:
        """Upload a picture or a video. Returns the path of the stored file."""
        answer = self.send_form(self.page, {"file": ("file", content)})
        assert answer.status_code == 200, answer.text
        return re.findall(r'src="(/media/[^"]+)"', answer.text.partition("<tbody>")[2].partition("</tbody>")[0])[-1]

    def show_for(self, seconds: int) -> None:
        """Set for how many seconds each picture of the store is shown."""
        paths = re.findall(rf'formaction="({self.page}/\d+/change)"', self._client.get(self.page).text)
        assert paths, "there are no pictures"
        for path in paths:
            assert self.send_form(path, seconds=str(seconds)).status_code == 200


@pytest.fixture
def slug(topology) -> str:
    """The slug of a new store, which has a manager."""
    slug = f"store-{secrets.token_hex(4)}"
    topology.shell.call("add_store", slug=slug, name="North")
    topology.shell.call("add_member", username=f"{slug}-anna", store=slug, role="manager", password=PASSWORD)
    return slug


@pytest.fixture
def manager(topology, slug):
    with httpx.Client(base_url=topology.url, follow_redirects=True, timeout=30) as client:
        yield Manager(client, slug)


@pytest.fixture
def screen_of(topology, slug, open_screen_page) -> Callable[..., Page]:
    return lambda **options: open_screen_page(f"{topology.url}/s/{slug}/", **options)


def press(topology, slug: str, open_page) -> Callable[[], None]:
    buttons = open_page(f"{topology.url}/s/{slug}/cashier_buttons")
    return lambda: buttons.keyboard.press("4")


def fronts(screen: Page) -> list[str]:
    return [each["front"] for each in screen.evaluate("seen") if each["front"]]


def name(path: str) -> str:
    return path.rsplit("/", 1)[-1]


def test_uploaded_media_and_logo_appear_on_the_screen_and_disappear_when_deleted(
    topology, slug, screen_of, open_page
) -> None:
    screen = screen_of()
    screen.evaluate("window.isSamePage = true")
    page = open_page(f"{topology.url}/s/{slug}/media")
    sign_in(page, f"{slug}-anna")
    page.get_by_label("Picture or video").set_input_files(
        {"name": "poster.png", "mimeType": "image/png", "buffer": picture("red")}
    )
    page.get_by_role("button", name="Add").first.click()
    wait_for(screen, f"{FRONT}.endsWith('.png')")
    page.get_by_label("Logo").set_input_files({"name": "l.png", "mimeType": "image/png", "buffer": picture("blue")})
    page.get_by_role("button", name="Add").last.click()
    expect(screen.get_by_role("img", name="North")).to_be_visible()
    expect(screen.locator("#name")).to_be_hidden()
    wait_for(screen, "document.getElementById('logo').naturalWidth === 160")

    page.get_by_role("button", name="Delete").click()
    wait_for(screen, f"!{FRONT} && !('media' in document.body.dataset)")
    page.get_by_role("button", name="Remove").click()
    expect(screen.locator("#name")).to_be_visible()
    expect(screen.locator("#logo")).to_be_hidden()
    assert screen.evaluate("window.isSamePage"), "the page was loaded again"


def test_media_are_shown_in_turn_and_broken_files_are_skipped(topology, manager, films, screen_of) -> None:
    red, mp4, deleted, broken, webm = (
        manager.add(each) for each in (picture("red"), films["mp4"], picture("green"), picture("white"), films["webm"])
    )
    manager.show_for(3)
    site = topology.folder / "nginx" / "site"
    (site / deleted[1:]).unlink()
    (site / broken[1:]).write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    screen = screen_of()
    screen.evaluate(WATCH % FRONT)
    order = [name(red), name(mp4), name(webm), name(red)]
    wait_for(screen, "seen.filter(({ front }) => front).length >= 4", 30)

    assert fronts(screen)[:4] == order
    # The page always has two elements for pictures and two for videos. An element that is not shown has no source, so
    # that it uses no memory.
    wait_for(screen, "document.querySelectorAll('#media video[src]').length < 2")
    assert screen.evaluate("document.querySelectorAll('#media img, #media video').length") == 4


def test_a_call_hides_a_video_at_once_and_the_video_continues_where_it_was(
    topology, slug, manager, films, screen_of, open_page
) -> None:
    manager.add(films["mp4"])
    screen = screen_of()
    call = press(topology, slug, open_page)
    wait_for(screen, "(document.querySelector('#media .front video')?.currentTime ?? 0) > 0.3")
    screen.evaluate("""() => {
      const video = document.querySelector("#media .front video");
      const layer = document.getElementById("media");
      window.noted = { frames: [] };
      video.addEventListener("pause", () => (noted.paused = video.currentTime));
      video.addEventListener("playing", () => (noted.playing ??= video.currentTime));
      const frame = () => {
        const isUp = "numCashier" in document.getElementById("message").dataset;
        if (isUp) noted.frames.push(getComputedStyle(layer).visibility);
        requestAnimationFrame(frame);
      };
      requestAnimationFrame(frame);
    }""")
    call()
    expect(screen.locator(".number")).to_have_text("Nº4")
    wait_for(screen, "noted.paused !== undefined")
    box = screen.locator("#message").bounding_box()
    assert (box["width"], box["height"]) == (1280, 720), "a call must fill the whole screen"
    expect(screen.locator(".waiting")).to_be_visible()
    wait_for(screen, "noted.playing !== undefined")

    noted = screen.evaluate("noted")
    assert set(noted["frames"]) == {"hidden"}, "no frame may show the number and the video"
    assert noted["playing"] == pytest.approx(noted["paused"], abs=0.15)
    assert screen.evaluate("getComputedStyle(document.getElementById('media')).visibility") == "visible"


def test_the_time_of_a_picture_does_not_run_during_a_call(topology, slug, manager, screen_of, open_page) -> None:
    red, _blue = (manager.add(picture(each)) for each in ("red", "blue"))
    manager.show_for(4)
    screen = screen_of()
    screen.evaluate(WATCH % FRONT)
    call = press(topology, slug, open_page)
    wait_for(screen, f"seen.at(-1)?.front === '{name(red)}'")
    call()
    expect(screen.locator(".number")).to_be_visible()
    wait_for(screen, "seen.filter(({ front }) => front).length >= 2", 20)

    first, second = (each["at"] for each in screen.evaluate("seen.filter(({ front }) => front)")[:2])
    assert 3_400 < second - first < 5_500, "a picture must be shown for 4 s, without the time of the call"


@pytest.mark.parametrize("size", [(1280, 720), (720, 1280)])
@pytest.mark.parametrize(
    "fields", [{"closed_message": "x" * 40 + " " + "We are back on Monday at eight " * 2}, {"language": "pt"}]
)
def test_media_cover_neither_the_header_nor_the_idle_text(topology, slug, manager, screen_of, fields, size) -> None:
    change_store(
        topology,
        slug,
        is_open="closed_message" not in fields,
        shows_recent=True,
        ink="#ffee00",
        ground="#001020",
        **fields,
    )
    manager.add(picture("white", (1920, 1080)))
    viewport = {"width": size[0], "height": size[1]}
    screen = screen_of(viewport=viewport, reduced_motion="reduce")
    wait_for(screen, FRONT)
    boxes = screen.evaluate("""() => Object.fromEntries(["#media", "#message", ".waiting", "header"].map((selector) => {
      const { top, bottom, left, right } = document.querySelector(selector).getBoundingClientRect();
      return [selector, { top, bottom, left, right }];
    }))""")

    assert boxes["header"]["bottom"] <= boxes["#media"]["top"]
    assert boxes["#media"]["bottom"] <= boxes["#message"]["top"]
    assert boxes["#message"]["bottom"] == size[1]
    assert boxes["#message"]["top"] <= boxes[".waiting"]["top"]
    assert boxes[".waiting"]["bottom"] <= boxes["#message"]["bottom"]
    assert boxes[".waiting"]["left"] >= 0
    assert boxes[".waiting"]["right"] <= size[0]
    idle_text = fields.get("closed_message", "").strip() or please_wait("pt")
    expect(screen.locator(".waiting")).to_have_text(idle_text)
    assert screen.evaluate("getComputedStyle(document.getElementById('message')).backgroundColor") == "rgb(0, 16, 32)"
    assert screen.evaluate("getComputedStyle(document.querySelector('#media .front')).transitionDuration") == "0s"


def test_nginx_serves_media_as_immutable_and_in_ranges_and_serves_no_other_files(topology, manager, films) -> None:
    film, poster = manager.add(films["mp4"]), manager.add(picture("red"))
    folder = Path(film).parent
    (topology.folder / "nginx" / "site" / str(folder)[1:] / "notes.txt").write_text("must not be served")
    with httpx.Client(base_url=topology.url) as stranger:
        whole, part, image = (
            stranger.get(film),
            stranger.get(film, headers={"Range": "bytes=100-199"}),
            stranger.get(poster),
        )
        missing = [
            stranger.get(path).status_code
            for path in (f"{folder}/{'0' * 32}.png", f"{folder}/notes.txt", f"{folder}/", "/media/", f"{film}.part")
        ]

    assert (part.status_code, part.content) == (206, whole.content[100:200])
    assert [each.headers["Content-Type"] for each in (whole, part, image)] == ["video/mp4", "video/mp4", "image/png"]
    for answer in (whole, part, image):
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert missing == [404] * 5


def test_only_the_upload_page_accepts_large_requests(topology, slug, manager) -> None:
    large, too_large = bytes(200_000), bytes(66 * 1024 * 1024)
    refused = manager.send_form(manager.page, {"file": ("file", large)})
    assert (
        refused.status_code,
        "The file must be a JPEG, PNG or WebP picture, or an MP4 or WebM video." in refused.text,
    ) == (400, True)

    refused = manager.send_form(manager.page, {"file": ("file", too_large)})
    assert (refused.status_code, "A picture may have 8 MB, and a video 64 MB." in refused.text) == (413, True)
    for path in (f"/s/{slug}/screens", f"/s/{slug}/people", f"{manager.page}/1/change", "/media/1"):
        assert manager.send_form(path, {"file": ("file", large)}).status_code == 413, path
