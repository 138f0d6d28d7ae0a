"""The screen on the wall: the scripts of deploy/kiosk, with a real Chromium, in cage where there is one."""

import contextlib
import mmap
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, Playwright, expect, sync_playwright

from cashier_local.ports import answers, free_port, wait_until
from cashier_local.process import SETPRIV
from tests.e2e.conftest import wait_for

KIOSK = Path(__file__).parents[2] / "deploy" / "kiosk"
BROWSER = shutil.which("chromium") or shutil.which("chromium-browser")
NOBODY = 65534
# Neither cage nor Chromium's sandbox want to be root's, and a kiosk isn't.
AS_NOBODY = [SETPRIV, f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"] if os.geteuid() == 0 else []
needs_browser = pytest.mark.skipif(not BROWSER or not shutil.which("ss"), reason="needs Debian's chromium and iproute2")


class Kiosk:
    """A machine's folder, and the scripts in it as systemd runs them."""

    def __init__(self, folder: Path, playwright: Playwright | None = None) -> None:
        self.folder, self.playwright, self.port = folder, playwright, free_port()
        self.state = folder / "state"
        for name in ("state", "run", "home"):
            (folder / name).mkdir(mode=0o700)
        for name in ("stage", "show", "away.html"):
            shutil.copy(KIOSK / name, folder)
        for path in (folder, *folder.iterdir()):
            os.chown(path, *([NOBODY, NOBODY] if AS_NOBODY else [-1, -1]))
        self.log = folder / "log"
        self.child: subprocess.Popen[bytes] | None = None

    def argv(self, script: str, **settings: str) -> list[str]:
        fixed = {"HOME": self.folder / "home", "XDG_RUNTIME_DIR": self.folder / "run", "STATE_DIRECTORY": self.state}
        headless = {"WLR_BACKENDS": "headless", "WLR_RENDERER": "pixman", "WLR_LIBINPUT_NO_DEVICES": "1"}
        environment = {"PATH": os.environ["PATH"], **fixed, **headless, **settings}
        return [
            *AS_NOBODY,
            "env",
            "-i",
            *(f"{name}={each}" for name, each in environment.items()),
            self.folder / script,
        ]

    def run(self, script: str, **settings: str) -> tuple[int, str]:
        """Run a script that ends by itself; returns its exit code, and what it said."""
        with self.log.open("w+") as log:
            code = subprocess.run(
                self.argv(script, **settings), stdout=log, stderr=log, check=False, timeout=30
            ).returncode
        return code, self.log.read_text()

    def start(self, **settings: str) -> None:
        flags = f"--remote-debugging-port={self.port}"
        script = "stage"
        if not shutil.which("cage"):
            script, flags = "show", f"{flags} --headless"
        if subprocess.run([*AS_NOBODY, "unshare", "--user", "true"], capture_output=True, check=False).returncode:
            flags += " --no-sandbox"
        argv = self.argv(script, FLAGS=flags, **settings)
        with self.log.open("ab") as log:
            self.child = subprocess.Popen(argv, stdout=log, stderr=log, start_new_session=True)
        wait_until(lambda: answers(self.port), 20, "Chromium answers")

    def page(self) -> Page:
        """The one page of the browser, as it is now."""
        assert self.playwright
        browser = self.playwright.chromium.connect_over_cdp(f"http://127.0.0.1:{self.port}")
        (page,) = browser.contexts[0].pages
        return page

    @property
    def browser_pid(self) -> int:
        """Of Chromium's first process: the one that has the profile."""
        return int(str((self.state / "profile" / "SingletonLock").readlink()).rsplit("-", 1)[1])

    def crash(self) -> None:
        """What the kernel does to a page when the memory is full."""
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):  # just gone
                command = (process / "cmdline").read_text()
                if "--type=renderer" in command and str(self.state) in command:
                    os.kill(int(process.name), signal.SIGKILL)

    def ended(self) -> None:
        """Wait until it has ended by itself, which makes systemd start it again."""
        assert self.child
        self.child.wait(15)

    def cut(self) -> None:
        """What a power cut does."""
        if self.child:
            subprocess.run(["pkill", "--signal", "KILL", "--session", str(self.child.pid)], check=False)
            self.child.wait(15)
            wait_until(lambda: not answers(self.port), 10, "Chromium is gone")


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture
def kiosk(playwright) -> Iterator[Kiosk]:
    # Not in pytest's own folder, which is its user's alone.
    with tempfile.TemporaryDirectory(prefix="kiosk") as folder:
        kiosk = Kiosk(Path(folder), playwright)
        yield kiosk
        kiosk.cut()
        print(kiosk.log.read_text() if kiosk.log.exists() else "")


def connected(page: Page, url: str) -> None:
    expect(page).to_have_url(url, timeout=20_000)
    expect(page.locator("body")).to_have_attribute("data-connection", "open")


def assert_every_flag_is_known(kiosk: Kiosk) -> None:
    """A browser says nothing about a flag that it doesn't know, or not any more."""
    process = Path("/proc") / str(kiosk.browser_pid)
    script = (KIOSK / "show").read_text()
    script = script[script.index("flags=(") : script.index("read -ra more")]
    flags = set(re.findall(r"(?<= )--([a-z-]+)", script))
    given = {flag.split("=")[0] for flag in (process / "cmdline").read_text().split("\0")}
    with (process / "exe").open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as program:
        unknown = [flag for flag in flags if program.find(f"\0{flag}\0".encode()) < 0]

    assert len(flags) > 15
    assert {f"--{flag}" for flag in flags} - given == set()
    assert unknown == []


FULL = "innerWidth === screen.width && innerHeight === screen.height && outerHeight === screen.height"


@needs_browser
def test_a_screen_whose_server_is_away_at_its_first_start_finds_its_way_when_it_comes(own_topology, kiosk) -> None:
    nginx, url = own_topology.processes["nginx"], f"{own_topology.url}/"
    nginx.stop()
    try:
        kiosk.start(URL=url)
        page = kiosk.page()
        expect(page.locator("footer")).to_have_text(url)
        expect(page.locator("main")).to_have_text("··")
        assert page.evaluate(FULL)
    finally:
        nginx.start()

    connected(page, url)
    assert page.evaluate(FULL), "something is above the page"
    assert page.evaluate("new AudioContext().state") == "running"
    assert page.evaluate("isSecureContext && 'serviceWorker' in navigator && 'wakeLock' in navigator")
    assert page.evaluate("getComputedStyle(document.body).cursor") == "none"
    assert_every_flag_is_known(kiosk)


@needs_browser
def test_a_screen_that_was_there_before_waits_at_once_while_its_server_is_away(own_topology, kiosk) -> None:
    nginx, url = own_topology.processes["nginx"], f"{own_topology.url}/"
    kiosk.start(URL=url)
    connected(kiosk.page(), url)
    wait_for(kiosk.page(), "caches.match('/', { cacheName: 'screen' }).then(Boolean)")
    os.kill(kiosk.browser_pid, signal.SIGTERM)
    kiosk.ended()
    nginx.stop()
    try:
        kiosk.start(URL=f"{own_topology.url}/pair")
        expect(kiosk.page()).to_have_url(url, timeout=20_000)
        expect(kiosk.page().locator(".waiting")).to_have_text("Please wait")
        expect(kiosk.page().locator("#offline")).to_be_visible()
    finally:
        nginx.start()

    connected(kiosk.page(), url)


@needs_browser
def test_a_power_cut_costs_neither_the_pairing_nor_a_question(own_topology, kiosk) -> None:
    url = f"{own_topology.url}/"
    kiosk.start(URL=url, ROTATE="90")
    page = kiosk.page()
    connected(page, url)
    if shutil.which("cage"):
        assert page.evaluate("innerHeight > innerWidth")
    # On the disk after 30 s, or when 512 of them have changed.
    page.evaluate("document.cookie = 'paired=yes; max-age=9999'")
    page.evaluate("for (let i = 0; i < 600; i++) document.cookie = `${i % 99}=yes; max-age=9999`")
    cookies = kiosk.state / "profile" / "Default" / "Cookies"
    wait_until(lambda: cookies.exists() and b"paired" in cookies.read_bytes(), 10, "the cookie is on the disk")
    kiosk.cut()
    lock = kiosk.state / "profile" / "SingletonLock"
    lock.unlink()
    lock.symlink_to("the-name-it-had-before-1")

    kiosk.start(URL=url)
    page = kiosk.page()
    connected(page, url)
    assert page.evaluate("document.cookie").count("paired=yes") == 1
    assert page.evaluate(FULL), "something is above the page"


@needs_browser
def test_a_page_that_crashed_is_noticed_and_one_that_is_well_is_left_alone(own_topology, kiosk) -> None:
    url = f"{own_topology.url}/"
    kiosk.start(URL=url, PATIENCE="6")
    page = kiosk.page()
    connected(page, url)
    wait_for(page, "performance.now() > 7000", 20)
    kiosk.crash()
    # Ends what the browser keeps open for the next page, which Nginx does after 75 s.
    own_topology.processes["nginx"].stop()
    own_topology.processes["nginx"].start()
    kiosk.ended()

    assert "the page has no connection: starting anew" in kiosk.log.read_text()


@needs_browser
def test_a_browser_that_dies_young_again_and_again_gets_another_profile_and_the_first_one_back(kiosk) -> None:
    pairing = kiosk.state / "profile" / "pairing"
    pairing.parent.mkdir()
    pairing.touch()
    # Anybody's may be the fault: one that only tells its version ends at once, too.
    dies_young = {"URL": "http://127.0.0.1:9/", "FLAGS": "--version"}
    subprocess.run(["chown", "-R", str(NOBODY), kiosk.state], check=bool(AS_NOBODY))

    for _ in range(4):
        assert kiosk.run("show", **dies_young)[0] == 0
        assert pairing.exists()
    assert "trying another profile" in kiosk.run("show", **dies_young)[1]
    assert not pairing.exists()
    for _ in range(5):
        kiosk.run("show", **dies_young)
    assert pairing.exists()


@pytest.mark.parametrize(
    ("script", "settings", "fault"),
    [
        ("show", {"URL": "queue.example.com"}, "URL must begin with http:// or https://, not 'queue.example.com'"),
        ("show", {}, "URL must begin with http:// or https://, not ''"),
        ("stage", {"ROTATE": "45"}, "ROTATE must be 0, 90, 180 or 270, not '45'"),
    ],
)
def test_what_it_cannot_do_it_says_in_one_line(kiosk, script, settings, fault) -> None:
    code, told = kiosk.run(script, **settings)

    assert code == 78
    assert told == f"cashier-screen: {fault}: see /etc/default/cashier-screen\n"


def told(**hours: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [KIOSK / "hours"], env={"PATH": os.environ["PATH"], **hours}, capture_output=True, text=True, check=True
    )


def from_now(**begin: float) -> str:
    return (datetime.now().astimezone() + timedelta(**begin)).strftime("%H:%M")


def test_the_screen_is_on_within_its_hours_and_off_without() -> None:
    assert told().stdout == "on\n"
    assert told(HOURS=f"{from_now(hours=-1)}-{from_now(hours=1)}").stdout == "on\n"
    assert told(HOURS=f"{from_now(hours=1)}-{from_now(hours=2)}").stdout == "off\n"
    assert told(HOURS=f"{from_now(hours=-2)}-{from_now(hours=-1)}").stdout == "off\n"
    assert told(HOURS=f"{from_now(hours=2)}-{from_now(hours=1)}").stdout == "on\n"


def test_a_day_may_have_hours_of_its_own() -> None:
    today = "HOURS_" + datetime.now().astimezone().strftime("%a").upper()

    assert told(**{today: "closed"}).stdout == "off\n"
    assert told(**{today: "closed", "HOURS": "00:00-24:00"}).stdout == "off\n"
    assert told(**{today: "", "HOURS": "closed"}).stdout == "on\n"
    # Of the night before, to be left before noon.
    assert told(**{today: "closed", "HOURS": f"{from_now(minutes=2)}-{from_now(minutes=1)}"}).stdout == "on\n"


def test_hours_that_nobody_understands_leave_the_screen_on_and_are_told() -> None:
    done = told(HOURS="8-18")

    assert done.stdout == "on\n"
    assert "not '8-18': the screen stays on" in done.stderr


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")
def test_systemd_takes_the_units() -> None:
    units = sorted(KIOSK.glob("*.service")) + sorted(KIOSK.glob("*.timer"))
    done = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True, check=False)
    faults = [
        line for line in done.stderr.splitlines() if not line.endswith("is not executable: No such file or directory")
    ]

    assert len(units) == 3
    assert faults == []
