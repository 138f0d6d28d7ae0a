"""The scripts of deploy/kiosk start a real Chromium.

If cage is installed, Chromium runs in cage, a program that shows one window in full screen.
"""

import contextlib
import http.server
import json
import mmap
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, Playwright, expect, sync_playwright

from cashier_local.ports import answers, free_port, wait_until
from cashier_local.process import SETPRIV
from tests.e2e.conftest import wait_for

KIOSK = Path(__file__).parents[2] / "deploy" / "kiosk"
BROWSER = shutil.which("chromium") or shutil.which("chromium-browser")
NOBODY = 65534
# On a kiosk, Chromium runs inside the program cage, which shows one window in full screen. cage and Chromium's sandbox
# refuse to run as root. Therefore, if root runs the kiosk tests, they start cage and Chromium as the user nobody.
AS_NOBODY = [SETPRIV, f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"] if os.geteuid() == 0 else []
needs_browser = pytest.mark.skipif(not BROWSER or not shutil.which("ss"), reason="needs Debian's chromium and iproute2")
needs_cage = pytest.mark.skipif(
    not BROWSER or not all(map(shutil.which, ("ss", "cage", "wlr-randr"))), reason="needs Debian's cage and wlr-randr"
)


class Kiosk:
    """A folder with the files of a kiosk. The scripts in it run with the same environment as under systemd."""

    def __init__(self, folder: Path, playwright: Playwright | None = None) -> None:
        self.folder, self.playwright, self.port = folder, playwright, free_port()
        self.state = folder / "state"
        for name in ("state", "run", "home"):
            (folder / name).mkdir(mode=0o700)
        for name in ("run-cage", "run-browser", "write-policy", "server-unreachable.html"):
            shutil.copy(KIOSK / name, folder)
        for path in (folder, *folder.iterdir()):
            os.chown(path, *([NOBODY, NOBODY] if AS_NOBODY else [-1, -1]))
        self.log = folder / "log"
        self.prefix: list[str] = []
        self.child: subprocess.Popen[bytes] | None = None

    def argv(self, script: str, **settings: str) -> list[str]:
        """Return the command line that runs a script with these settings.

        On a kiosk, the settings are in /etc/default/cashier-screen.
        """
        fixed = {"HOME": self.folder / "home", "XDG_RUNTIME_DIR": self.folder / "run", "STATE_DIRECTORY": self.state}
        headless = {"WLR_BACKENDS": "headless", "WLR_RENDERER": "pixman", "WLR_LIBINPUT_NO_DEVICES": "1"}
        environment = {"PATH": os.environ["PATH"], **fixed, **headless, **settings}
        return [
            *self.prefix,
            *AS_NOBODY,
            "env",
            "-i",
            *(f"{name}={each}" for name, each in environment.items()),
            self.folder / script,
        ]

    def run(self, script: str, **settings: str) -> tuple[int, str]:
        """Run a script until it ends; return its exit code and its output."""
        with self.log.open("w+") as log:
            code = subprocess.run(
                self.argv(script, **settings), stdout=log, stderr=log, check=False, timeout=30
            ).returncode
        return code, self.log.read_text()

    def start(self, **settings: str) -> None:
        """Start the screen and wait until Chromium answers."""
        flags = f"--remote-debugging-port={self.port}"
        script = "run-cage"
        if not shutil.which("cage"):
            script, flags = "run-browser", f"{flags} --headless"
        if subprocess.run([*AS_NOBODY, "unshare", "--user", "true"], capture_output=True, check=False).returncode:
            flags += " --no-sandbox"
        argv = self.argv(script, FLAGS=flags, **settings)
        with self.log.open("ab") as log:
            self.child = subprocess.Popen(argv, stdout=log, stderr=log, start_new_session=True)
        wait_until(lambda: answers(self.port), 20, "Chromium answers")

    def page(self) -> Page:
        """Return the only page that is open in the browser."""
        (page,) = self.pages()
        return page

    def pages(self) -> list[Page]:
        """Return the pages that are open in the browser, and to which the developer tools can connect."""
        assert self.playwright
        browser = self.playwright.chromium.connect_over_cdp(f"http://127.0.0.1:{self.port}")
        return browser.contexts[0].pages

    @property
    def browser_pid(self) -> int:
        """The process id of Chromium's main process. Chromium writes it into a lock file in its data folder."""
        return int(str((self.state / "profile" / "SingletonLock").readlink()).rsplit("-", 1)[1])

    @property
    def cage_pid(self) -> int:
        """The process id of cage. The process run-cage has become cage, and keeps its process id."""
        assert self.child
        return self.child.pid

    def crash(self) -> None:
        """Kill the process that renders the page, as the kernel does when the memory is full."""
        for process in Path("/proc").glob("[0-9]*"):
            # If a process ends while the test looks at it, the file access raises OSError. An ended process needs no
            # signal.
            with contextlib.suppress(OSError):
                command = (process / "cmdline").read_text()
                if "--type=renderer" in command and str(self.state) in command:
                    os.kill(int(process.name), signal.SIGKILL)

    def wait_until_ended(self) -> None:
        """Wait until the script has ended by itself. On a kiosk, systemd would start it again."""
        assert self.child
        self.child.wait(15)

    def cut_power(self) -> None:
        """Kill all processes at once, as a power cut does."""
        if self.child:
            subprocess.run(["pkill", "--signal", "KILL", "--session", str(self.child.pid)], check=False)
            self.child.wait(15)
            wait_until(lambda: not answers(self.port), 10, "Chromium has ended")


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture
def kiosk(playwright) -> Iterator[Kiosk]:
    # If root runs the kiosk tests, only root can read pytest's temporary folder. But the scripts of the kiosk run as
    # the user nobody, so they need a folder of their own.
    with tempfile.TemporaryDirectory(prefix="kiosk") as folder:
        kiosk = Kiosk(Path(folder), playwright)
        yield kiosk
        kiosk.cut_power()
        print(kiosk.log.read_text() if kiosk.log.exists() else "")


def expect_connected(page: Page, url: str) -> None:
    """Wait until the browser shows the page at this URL and the websocket of the page is open."""
    expect(page).to_have_url(url, timeout=20_000)
    expect(page.locator("body")).to_have_attribute("data-connection", "open")


def assert_every_flag_is_known(kiosk: Kiosk) -> None:
    """Check that the script run-browser passes each of its options to Chromium, and that Chromium knows each option.

    Chromium ignores an unknown option without a message, so the test searches for the options in Chromium's binary.
    """
    process = Path("/proc") / str(kiosk.browser_pid)
    script = (KIOSK / "run-browser").read_text()
    script = script[script.index("flags=(") : script.index("read -ra more")]
    flags = set(re.findall(r"(?<= )--([a-z-]+)", script))
    given = {flag.split("=")[0] for flag in (process / "cmdline").read_text().split("\0")}
    with (process / "exe").open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as program:
        unknown = [flag for flag in flags if program.find(f"\0{flag}\0".encode()) < 0]

    assert len(flags) > 15
    assert {f"--{flag}" for flag in flags} - given == set()
    assert unknown == []


FULL_SCREEN = "innerWidth === screen.width && innerHeight === screen.height && outerHeight === screen.height"


@needs_browser
def test_a_new_screen_waits_for_its_server_and_then_opens_the_page(own_topology, kiosk) -> None:
    nginx, url = own_topology.processes["nginx"], f"{own_topology.url}/"
    nginx.stop()
    try:
        kiosk.start(URL=url)
        page = kiosk.page()
        expect(page.locator("footer")).to_have_text(url)
        expect(page.locator("main")).to_have_text("··")
        assert page.evaluate(FULL_SCREEN)
    finally:
        nginx.start()

    expect_connected(page, url)
    assert page.evaluate(FULL_SCREEN), "another window covers the page"
    assert page.evaluate("new AudioContext().state") == "running"
    assert page.evaluate("isSecureContext && 'serviceWorker' in navigator && 'wakeLock' in navigator")
    assert page.evaluate("getComputedStyle(document.body).cursor") == "none"
    assert_every_flag_is_known(kiosk)


@needs_browser
def test_a_known_screen_shows_its_page_without_the_server(own_topology, kiosk) -> None:
    nginx, url = own_topology.processes["nginx"], f"{own_topology.url}/"
    kiosk.start(URL=url)
    expect_connected(kiosk.page(), url)
    wait_for(kiosk.page(), "caches.match('/', { cacheName: 'screen' }).then(Boolean)")
    os.kill(kiosk.browser_pid, signal.SIGTERM)
    kiosk.wait_until_ended()
    nginx.stop()
    try:
        kiosk.start(URL=f"{own_topology.url}/pair")
        expect(kiosk.page()).to_have_url(url, timeout=20_000)
        expect(kiosk.page().locator(".waiting")).to_have_text("Please wait")
        expect(kiosk.page().locator("#offline")).to_be_visible()
    finally:
        nginx.start()

    expect_connected(kiosk.page(), url)


@needs_browser
def test_after_a_power_cut_the_screen_is_still_paired_and_chromium_asks_nothing(own_topology, kiosk) -> None:
    url = f"{own_topology.url}/"
    kiosk.start(URL=url, ROTATE="90")
    page = kiosk.page()
    expect_connected(page, url)
    if shutil.which("cage"):
        assert page.evaluate("innerHeight > innerWidth")
    # Chromium writes cookies to the disk only after 30 s, or when 512 cookies have changed. The test changes 600
    # cookies, so that it need not wait for 30 s.
    page.evaluate("document.cookie = 'paired=yes; max-age=9999'")
    page.evaluate("for (let i = 0; i < 600; i++) document.cookie = `${i % 99}=yes; max-age=9999`")
    cookies = kiosk.state / "profile" / "Default" / "Cookies"
    wait_until(lambda: cookies.exists() and b"paired" in cookies.read_bytes(), 40, "the cookie is on the disk")
    kiosk.cut_power()
    lock = kiosk.state / "profile" / "SingletonLock"
    lock.unlink()
    lock.symlink_to("the-old-host-name-1")

    kiosk.start(URL=url)
    page = kiosk.page()
    expect_connected(page, url)
    assert page.evaluate("document.cookie").count("paired=yes") == 1
    assert page.evaluate(FULL_SCREEN), "another window covers the page"


@needs_browser
def test_the_browser_is_restarted_if_the_page_crashed_and_not_while_the_page_works(own_topology, kiosk) -> None:
    url = f"{own_topology.url}/"
    kiosk.start(URL=url, PATIENCE="6")
    page = kiosk.page()
    expect_connected(page, url)
    wait_for(page, "performance.now() > 7000", 20)
    kiosk.crash()
    # The script run-browser restarts Chromium only when Chromium has no connection to the server. Nginx keeps the idle
    # connections of Chromium open for 75 s. The test restarts Nginx, so that these connections are closed at once.
    own_topology.processes["nginx"].stop()
    own_topology.processes["nginx"].start()
    kiosk.wait_until_ended()

    assert "the page has no connection: restarting the browser and cage" in kiosk.log.read_text()


def requests_since(topology, position: int) -> list[dict[str, object]]:
    """Return the entries of Nginx's access log after this position in the file."""
    lines = access_log(topology).read_text()[position:].splitlines()
    return [json.loads(line) for line in lines]


def access_log(topology) -> Path:
    return topology.folder / "nginx/run/access.log"


@needs_browser
def test_the_script_asks_the_server_for_nothing_that_costs_something(own_topology, kiosk) -> None:
    # This page has no websocket. If a page stays without a connection, the script asks whether the server answers.
    url = f"{own_topology.url}/static/"
    kiosk.start(URL=url, PATIENCE="4")
    expect(kiosk.page().locator("h1")).to_have_text("There is no such page or store.")
    # The idle connections of Chromium count as connections. The restart of Nginx closes them.
    nginx = own_topology.processes["nginx"]
    nginx.stop()
    position = access_log(own_topology).stat().st_size
    nginx.start()
    kiosk.wait_until_ended()
    of_script = [entry for entry in requests_since(own_topology, position) if str(entry["agent"]).startswith("curl/")]

    assert {(entry["path"], entry["status"]) for entry in of_script} == {("/healthz", 200)}


@needs_browser
def test_a_page_behind_a_redirect_is_not_restarted(own_topology, kiosk) -> None:
    class Redirect(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(301)
            self.send_header("Location", f"{own_topology.url}{self.path}")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            """Write nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Redirect) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        kiosk.start(URL=f"http://127.0.0.1:{server.server_port}/", PATIENCE="4")
        page = kiosk.page()
        expect_connected(page, f"{own_topology.url}/")
        wait_for(page, "performance.now() > 10_000", 30)
        server.shutdown()

    assert kiosk.child.poll() is None
    assert "restarting" not in kiosk.log.read_text()


@needs_cage
def test_a_frozen_picture_is_reported_and_the_browser_and_cage_end(own_topology, kiosk) -> None:
    kiosk.start(URL=f"{own_topology.url}/")
    expect_connected(kiosk.page(), f"{own_topology.url}/")
    lines = len(own_topology.log.lines)
    os.kill(kiosk.cage_pid, signal.SIGSTOP)

    kiosk.child.wait(120)
    assert kiosk.child.returncode == -signal.SIGKILL
    assert "cashier-screen: the picture is frozen: restarting the browser and cage" in kiosk.log.read_text()
    # Before the end, the page has closed its socket with a code that gives the reason.
    assert own_topology.log.has("why='the picture of the screen is frozen'", lines)
    wait_until(lambda: not answers(kiosk.port), 10, "Chromium has ended")


SET_HOURS = """
from django.utils import timezone
from cashier_web.models import Store
from cashier_web.stores.automatic_opening import follow_hours
Store.objects.filter(slug="default").update(opening_hours={hours!r}, changes_at=timezone.now())
follow_hours()
"""


@needs_browser
def test_the_kiosk_learns_when_its_store_wakes_and_that_it_is_awake(own_topology, kiosk) -> None:
    asleep = kiosk.state / "asleep"
    kiosk.start(URL=f"{own_topology.url}/")
    expect_connected(kiosk.page(), f"{own_topology.url}/")
    opens_at = (datetime.now(UTC) + timedelta(hours=2)).replace(second=0, microsecond=0)
    hours = f"Mo-Su {opens_at:%H:%M}-{opens_at + timedelta(hours=1):%H:%M}"
    own_topology.manage("shell", "--command", SET_HOURS.format(hours=hours))
    wait_until(asleep.exists, 10, "the script has written the file asleep")
    assert asleep.read_text() == f"{opens_at.timestamp():.0f}\n"

    own_topology.manage("shell", "--command", SET_HOURS.format(hours=""))
    wait_until(lambda: not asleep.exists(), 10, "the script has removed the file asleep")


@needs_browser
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give Chromium its own policies")
@pytest.mark.parametrize(("allowed", "opens"), [("http://127.0.0.1/pair", True), ("http://example.com/", False)])
def test_the_policy_allows_only_the_site_and_no_developer_tools(own_topology, kiosk, allowed, opens) -> None:
    etc = kiosk.folder / "etc"
    etc.mkdir(mode=0o755)
    subprocess.run([kiosk.folder / "write-policy", etc], env={"PATH": os.environ["PATH"], "URL": allowed}, check=True)
    # A mount namespace gives only this Chromium the policies in this folder.
    bind = 'mount --bind "$0" /etc/chromium && exec "$@"'
    kiosk.prefix = ["unshare", "--mount", "sh", "-c", bind, str(etc / "chromium")]
    position = access_log(own_topology).stat().st_size
    url = f"{own_topology.url}/s/no-such-store/"
    kiosk.start(URL=url)

    def paths() -> list[object]:
        requests = requests_since(own_topology, position)
        return [entry["path"] for entry in requests if not str(entry["agent"]).startswith("curl/")]

    # The local waiting page requests /static/ before it opens the screen's page.
    wait_until(lambda: "/static/" in paths(), 20, "the local page has asked the server")
    if opens:
        wait_until(lambda: "/s/no-such-store/" in paths(), 20, "Chromium has opened the page")
    assert kiosk.pages() == []
    assert ("/s/no-such-store/" in paths()) == opens


@needs_browser
def test_chromium_knows_every_policy(kiosk) -> None:
    etc = kiosk.folder / "etc"
    subprocess.run(
        [KIOSK / "write-policy", etc], env={"PATH": os.environ["PATH"], "URL": "http://127.0.0.1:9/pair"}, check=True
    )
    policies = [json.loads(file.read_text()) for file in etc.rglob("cashier-screen.json")]
    program = Path("/usr/lib/chromium/chromium")
    with (program if program.exists() else Path(BROWSER)).open("rb") as file:
        content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        unknown = [name for name in policies[0] if content.find(name.encode()) < 0]
        content.close()

    assert len(policies) == 2
    assert policies[0] == policies[1]
    assert policies[0]["URLAllowlist"][:2] == [".127.0.0.1", ".127.0.0.1"]
    assert unknown == []


@needs_browser
def test_after_five_early_exits_the_profile_is_replaced_and_after_five_more_restored(kiosk) -> None:
    pairing = kiosk.state / "profile" / "pairing"
    pairing.parent.mkdir()
    pairing.touch()
    # With the option --version, Chromium prints its version and ends at once.
    exits_early = {"URL": "http://127.0.0.1:9/", "FLAGS": "--version"}
    subprocess.run(["chown", "-R", str(NOBODY), kiosk.state], check=bool(AS_NOBODY))

    for _ in range(4):
        assert kiosk.run("run-browser", **exits_early)[0] == 0
        assert pairing.exists()
    assert "trying another profile" in kiosk.run("run-browser", **exits_early)[1]
    assert not pairing.exists()
    for _ in range(5):
        kiosk.run("run-browser", **exits_early)
    assert pairing.exists()


@pytest.mark.parametrize(
    ("script", "settings", "message"),
    [
        (
            "run-browser",
            {"URL": "queue.example.com"},
            "URL must begin with http:// or https://, not 'queue.example.com'",
        ),
        ("run-browser", {}, "URL must begin with http:// or https://, not ''"),
        ("run-cage", {"ROTATE": "45"}, "ROTATE must be 0, 90, 180 or 270, not '45'"),
    ],
)
def test_a_bad_setting_is_one_error_line(kiosk, script, settings, message) -> None:
    code, output = kiosk.run(script, **settings)

    assert code == 78
    assert output == f"cashier-screen: {message}: see /etc/default/cashier-screen\n"


def run_is_open_now(**hours: str) -> subprocess.CompletedProcess[str]:
    """Run the script is-open-now with these settings. The script prints whether the screen should be on now."""
    return subprocess.run(
        [KIOSK / "is-open-now"], env={"PATH": os.environ["PATH"], **hours}, capture_output=True, text=True, check=True
    )


def from_now(**offset: float) -> str:
    """Return the time of day at this offset from now, in the format of the setting HOURS."""
    return (datetime.now().astimezone() + timedelta(**offset)).strftime("%H:%M")


def test_the_screen_is_on_within_its_hours_and_off_otherwise() -> None:
    assert run_is_open_now().stdout == "open\n"
    assert run_is_open_now(HOURS=f"{from_now(hours=-1)}-{from_now(hours=1)}").stdout == "open\n"
    assert run_is_open_now(HOURS=f"{from_now(hours=1)}-{from_now(hours=2)}").stdout == "closed\n"
    assert run_is_open_now(HOURS=f"{from_now(hours=-2)}-{from_now(hours=-1)}").stdout == "closed\n"
    assert run_is_open_now(HOURS=f"{from_now(hours=2)}-{from_now(hours=1)}").stdout == "open\n"


def test_the_hours_of_a_day_override_the_general_hours() -> None:
    today = "HOURS_" + datetime.now().astimezone().strftime("%a").upper()

    assert run_is_open_now(**{today: "closed"}).stdout == "closed\n"
    assert run_is_open_now(**{today: "closed", "HOURS": "00:00-24:00"}).stdout == "closed\n"
    assert run_is_open_now(**{today: "", "HOURS": "closed"}).stdout == "open\n"
    # Yesterday has no setting of its own, so the setting HOURS applies to it. The hours of yesterday end today, one
    # minute from now. Until then the screen stays on, although the setting for today is "closed".
    assert (
        run_is_open_now(**{today: "closed", "HOURS": f"{from_now(minutes=2)}-{from_now(minutes=1)}"}).stdout == "open\n"
    )


def test_the_screen_follows_the_opening_hours_of_its_store(tmp_path) -> None:
    asleep, now = tmp_path / "asleep", time.time()
    hours = {"HOURS": "store", "STATE_DIRECTORY": str(tmp_path)}

    def state(wakes_at: str, minutes_ago: float) -> str:
        asleep.write_text(f"{wakes_at}\n")
        os.utime(asleep, (now - 60 * minutes_ago, now - 60 * minutes_ago))
        return run_is_open_now(**hours).stdout

    assert run_is_open_now(**hours).stdout == "open\n"
    assert state(f"{now + 3600:.0f}", 16) == "closed\n"
    assert state(f"{now + 3600:.0f}", 14) == "open\n", "customers may still wait when the store closes"
    assert state(f"{now + 290:.0f}", 16) == "open\n", "the screen is on before the store opens"
    assert state(f"{now + 365 * 86400:.0f}", 719) == "closed\n"
    assert state(f"{now + 365 * 86400:.0f}", 721) == "open\n", "the browser must learn new hours"
    assert state("soon", 16) == "open\n"


def test_invalid_hours_are_reported_and_the_screen_stays_on() -> None:
    done = run_is_open_now(HOURS="8-18")

    assert done.stdout == "open\n"
    assert "not '8-18': the screen stays on" in done.stderr


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")
def test_systemd_accepts_the_units() -> None:
    units = sorted(KIOSK.glob("*.service")) + sorted(KIOSK.glob("*.timer"))
    done = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True, check=False)
    errors = [
        line for line in done.stderr.splitlines() if not line.endswith("is not executable: No such file or directory")
    ]

    assert len(units) == 3
    assert errors == []
