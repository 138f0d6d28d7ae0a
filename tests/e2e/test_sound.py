"""A screen in a kiosk's browser plays the chime and speaks the call.

The tests record each sound that the page starts, its start time on the audio clock, and how loud it is. A spoken text
is an Ogg stream with the text as its title, so the tests know from the title what the page speaks.
tests/web/test_voices.py checks that the titles are right.
"""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.e2e.conftest import wait_for
from tests.support.browser import launch
from tests.support.voice_files import clip_title

KIOSK = "--autoplay-policy=no-user-gesture-required"
FOUR = "Caisse numéro 4, s’il vous plaît"
ROUNDING = 1e-6
TWO = "Caisse numéro 2, s’il vous plaît"
# JavaScript that records in `sounds` each sound that the page starts, and in `sockets` each websocket that the page
# opens. A sound has these fields:
# - `clip`: the bytes of the clip in base64
# - `from` and `until`: the times on the audio clock at which the sound is planned to start and to stop
# - `ended`: the time on the audio clock at which the sound has ended
# - `lateMs`: the milliseconds from the paint of the number to the start of the sound
# - `peak`: the loudest value that was measured, from 0 to 1
LISTEN = """(() => {
  window.sounds = []; window.sockets = [];
  const clips = new WeakMap();
  const { decodeAudioData } = BaseAudioContext.prototype;
  BaseAudioContext.prototype.decodeAudioData = async function (file) {
    const clip = btoa(String.fromCharCode(...new Uint8Array(file)));
    const buffer = await decodeAudioData.call(this, file);
    clips.set(buffer, clip);
    return buffer;
  };
  for (const { prototype } of [AudioScheduledSourceNode, AudioBufferSourceNode]) {
    const { start } = prototype;
    prototype.start = function (when) {
      start.call(this, when);
      const { duration } = this.buffer ?? { duration: Infinity };
      const sound = { clip: clips.get(this.buffer), from: when, until: when + duration, context: this.context };
      sound.peak = 0;
      sound.lateMs = performance.now() - painted.at + (when - this.context.currentTime) * 1000;
      this.sound = sound;
      this.addEventListener("ended", () => { sound.ended = this.context.currentTime; });
      sounds.push(sound);
    };
  }
  const { stop } = AudioScheduledSourceNode.prototype;
  AudioScheduledSourceNode.prototype.stop = function (when) {
    stop.call(this, when);
    this.sound.until = Math.min(this.sound.until, when);
  };
  const { connect } = AudioNode.prototype;
  AudioNode.prototype.connect = function (...to) {
    if (to[0] instanceof AudioDestinationNode) {
      const ear = new AnalyserNode(this.context, { fftSize: 4096 });
      const heard = new Float32Array(ear.fftSize);
      connect.call(this, ear);
      setInterval(() => {
        ear.getFloatTimeDomainData(heard);
        const now = this.context.currentTime;
        for (const sound of sounds) {
          if (sound.from < now && now < sound.until) sound.peak = Math.max(sound.peak, ...heard.map(Math.abs));
        }
      }, 20);
    }
    return connect.apply(this, to);
  };
  const Socket = WebSocket;
  window.WebSocket = class extends Socket {
    constructor(...of) { super(...of); sockets.push(this); }
  };
  document.addEventListener("screen:painted", () => {
    const { numCashier, seq } = document.getElementById("message").dataset;
    if (numCashier && window.painted?.seq !== seq) window.painted = { seq, at: performance.now() };
  });
})()"""
HAS_VOICE = "performance.getEntriesByType('resource').some(({ name }) => name.endsWith('.opus'))"
SOUND_FIELDS = "sounds.map(({ context, ...fields }) => fields)"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launch(KIOSK) as browser:
        yield browser


@dataclass
class Sound:
    """A sound that a screen has played.

    said: the spoken text, or "" for a tone of the chime.
    start, end: seconds on the audio clock.
    late_ms: milliseconds from the paint of the number to the start of the sound.
    peak: the loudest value that was measured, from 0 to 1.
    """

    said: str
    start: float
    end: float
    late_ms: float
    peak: float


def sounds(screen: Page) -> list[Sound]:
    """Return the sounds that the page has started. Sounds that were stopped before they began are left out."""
    return [
        Sound(
            clip_title(base64.b64decode(fields["clip"])) if fields.get("clip") else "",
            fields["from"],
            fields["until"],
            fields["lateMs"],
            fields["peak"],
        )
        for fields in screen.evaluate(SOUND_FIELDS)
        if fields["until"] > fields["from"]
    ]


def said(screen: Page) -> list[str]:
    return [sound.said for sound in sounds(screen)]


def assert_no_sounds_overlap(heard: list[Sound]) -> None:
    """Check that each sound begins after the end of the sound before it. Only tones of a chime may overlap."""
    for first, second in pairwise(heard):
        assert first.end <= second.start + ROUNDING or not (first.said or second.said), heard


@pytest.fixture
def open_kiosk(topology, browser) -> Iterator:
    """Return a function that opens a store's screen in a browser that may send requests only to our server.

    The test fails if the page sends a request to another server.
    """
    contexts, faults = [], []

    def guard(route: Route) -> None:
        if route.request.url.startswith(topology.url):
            return route.fallback()
        faults.append(route.request.url)
        return route.abort()

    def open_kiosk(slug: str, voices=None) -> Page:
        # The test checks all requests of the page. Playwright does not see all requests that a service worker makes for
        # a page, so the browser must not start the service worker.
        context = browser.new_context(service_workers="block")
        contexts.append(context)
        context.add_init_script(LISTEN)
        if voices:
            context.route("**/voices/*.opus", voices)
        context.route("**/*", guard)
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda message: "Content Security Policy" in message.text and faults.append(message.text))
        page.goto(f"{topology.url}/s/{slug}/")
        expect(page.locator("body")).to_have_attribute("data-connection", "open")
        if not voices:
            wait_for(page, HAS_VOICE)
        return page

    yield open_kiosk
    for context in contexts:
        context.close()
    assert faults == []


@pytest.fixture
def press(topology, open_page):
    """Return a function that presses the buttons of the given tills in a store, one after the other."""
    pages: dict[str, Page] = {}

    def press(slug: str, *tills: str) -> None:
        if slug not in pages:
            pages[slug] = open_page(f"{topology.url}/s/{slug}/cashier_buttons")
        for till in tills:
            with pages[slug].expect_response("**/cashier_action") as answer:
                pages[slug].locator(f"button[value='{till}']").click()
            assert answer.value.status == 204

    return press


def test_a_call_plays_a_chime_and_then_speaks_the_number_in_the_language_of_the_call(
    make_store, press, open_kiosk
) -> None:
    slug = make_store(language="fr")
    screen = open_kiosk(slug)
    press(slug, "4")
    wait_for(screen, "sounds.length === 3 && sounds[2].ended")
    high, low, voice = sounds(screen)

    assert [high.said, low.said, voice.said] == ["", "", FOUR]
    # The chime must not start before the number is painted.
    assert high.late_ms >= 0
    assert high.start < low.start < low.end <= voice.start + ROUNDING < low.end + 0.3
    # The chime and the voice together may take only a little longer than the hold of 3 s.
    assert voice.end - high.start < 3.2
    peaks = [sound.peak for sound in (high, low, voice)]
    # The analyser measures how loud the page is. On a busy machine, it may run too late and miss a sound, so the test
    # checks only the loudest sound.
    assert max(peaks) > 0.1
    assert max(peaks) <= 1
    expect(screen.locator("#sound")).to_be_hidden()


def test_a_call_is_spoken_while_the_display_sleeps_and_gets_no_frames(make_store, press, open_kiosk) -> None:
    slug = make_store(language="fr")
    screen = open_kiosk(slug)
    screen.evaluate("window.requestAnimationFrame = () => 0")
    press(slug, "4")
    wait_for(screen, "sounds.length === 3")

    assert said(screen) == ["", "", FOUR]


def test_each_of_two_queued_calls_is_spoken_to_its_end(make_store, press, open_kiosk) -> None:
    # The hold is long, because the page must speak the whole call within the hold, and a busy machine may begin to
    # speak late.
    slug = make_store(language="fr", hold_seconds=5)
    screen = open_kiosk(slug)
    press(slug, "4", "2")
    wait_for(screen, "sounds.length === 6 && sounds[5].ended")
    heard = sounds(screen)

    assert said(screen) == ["", "", FOUR, "", "", TWO]
    assert_no_sounds_overlap(heard)
    assert all(1.5 < each.end - each.start < 2.4 for each in (heard[2], heard[5]))


def test_a_call_that_replaces_another_stops_it_at_once(make_store, press, open_kiosk) -> None:
    slug = make_store(language="fr", policy="replace")
    screen = open_kiosk(slug)
    press(slug, "4")
    wait_for(screen, "sounds.length === 3 && sounds[2].context.currentTime > sounds[2].from + 0.1")
    press(slug, "2")
    wait_for(screen, "sounds.length === 6 && sounds[5].ended")
    heard = sounds(screen)

    assert [each.said for each in heard] == ["", "", FOUR, "", "", TWO]
    # The whole spoken clip of the first call takes longer than 1.5 s. If the clip was played for less than 1.5 s, the
    # second call has stopped it.
    assert 0 < heard[2].end - heard[2].start < 1.5
    assert_no_sounds_overlap(heard)


def test_a_call_that_is_replaced_during_its_chime_is_not_spoken(make_store, press, open_kiosk) -> None:
    slug = make_store(language="fr", policy="replace")
    screen = open_kiosk(slug)
    press(slug, "4", "2", "4", "2")
    expect(screen.locator(".number")).to_have_text("Nº2")
    wait_for(screen, "sounds.at(-1)?.clip && sounds.at(-1).ended")
    heard = sounds(screen)

    assert [each.said for each in heard if each.said][-1:] == [TWO]
    assert heard[-1].end - heard[-1].start > 1.5
    assert len(heard) < 12, "no chime was cut short, because the presses came too slowly"
    assert_no_sounds_overlap(heard)


@pytest.mark.parametrize("label", ["Pharmacy", "1204"])
def test_a_till_whose_number_has_no_clip_calls_the_next_customer(make_store, press, open_kiosk, label) -> None:
    slug = make_store(labels={"4": label})
    screen = open_kiosk(slug)
    press(slug, "4")
    wait_for(screen, "sounds.length === 3")

    assert said(screen) == ["", "", "Next customer, please"]


def test_a_number_is_spoken_once_by_each_page_even_if_it_is_painted_again(make_store, press, open_kiosk) -> None:
    slug = make_store(hold_seconds=12)
    screen = open_kiosk(slug)
    press(slug, "4")
    wait_for(screen, "sounds.length === 3")
    screen.evaluate("sockets[0].close()")
    wait_for(screen, "sockets.length === 2 && document.body.dataset.connection === 'open'")
    expect(screen.locator(".number")).to_have_text("Nº4")
    wait_for(screen, "sounds[2].ended")
    assert len(sounds(screen)) == 3

    screen.reload()
    wait_for(screen, "sounds.length === 3")
    assert said(screen) == ["", "", "Cashier number 4, please"]


def test_a_voice_that_arrives_too_late_is_not_played_and_the_next_call_is_spoken(make_store, press, open_kiosk) -> None:
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    slug = make_store(language="fr")
    screen = open_kiosk(slug, voices=hold)
    press(slug, "4")
    expect(screen.locator(".number")).to_have_text("Nº4")
    wait_for(screen, "sounds.length && sounds[0].context.currentTime > sounds[0].from + 1.2")
    for route in held:
        route.continue_()
    expect(screen.locator(".waiting")).to_be_visible()
    assert said(screen) == ["", ""]

    press(slug, "2")
    wait_for(screen, "sounds.length === 5")
    assert said(screen) == ["", "", "", "", TWO]
    assert len(held) == 1


def test_a_voice_that_arrives_after_its_call_was_replaced_is_not_played(make_store, press, open_kiosk) -> None:
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    slug = make_store(language="fr", policy="replace")
    screen = open_kiosk(slug, voices=hold)
    press(slug, "4")
    wait_for(screen, "sounds.length === 2")
    press(slug, "2")
    for route in held:
        route.continue_()
    wait_for(screen, "sounds.length === 5 && sounds[4].ended")

    assert said(screen)[-1] == TWO
    assert FOUR not in said(screen)


@pytest.mark.parametrize("fault", [lambda route: route.abort(), lambda route: route.fulfill(body="<html>")])
def test_a_call_without_a_voice_still_has_its_number_and_its_chime(make_store, press, open_kiosk, fault) -> None:
    slug = make_store()
    screen = open_kiosk(slug, voices=fault)
    press(slug, "4")
    expect(screen.locator(".number")).to_have_text("Nº4")
    expect(screen.locator(".waiting")).to_be_visible()

    assert said(screen) == ["", ""]


def test_a_muted_store_is_silent_and_fetches_no_voice(make_store, press, open_kiosk) -> None:
    requests: list[Route] = []

    def count(route: Route) -> None:
        requests.append(route)

    slug = make_store(is_muted=True)
    screen = open_kiosk(slug, voices=count)
    press(slug, "4")
    expect(screen.locator(".number")).to_have_text("Nº4")
    expect(screen.locator(".waiting")).to_be_visible()

    assert (sounds(screen), requests) == ([], [])


def test_a_test_call_plays_the_sound_of_a_call_without_a_number(make_store, open_kiosk) -> None:
    screen = open_kiosk(make_store(language="fr"))
    screen.evaluate("window.painted = { at: performance.now() }")
    screen.evaluate("""document.dispatchEvent(
        new CustomEvent("screen:command", { detail: { action: "test", text: "Test" } })
    )""")
    wait_for(screen, "sounds.length === 3 && sounds[2].ended")

    assert said(screen) == ["", "", "Client suivant, s’il vous plaît"]
    assert all(sound.peak > 0 for sound in sounds(screen))
