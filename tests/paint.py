"""How long a call takes from its message until the page has painted it on slow hardware: `make paint`.

On a browser whose CPU is throttled, because a screen's is an old PC's or a Raspberry Pi's.
"""

import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from playwright.sync_api import expect

from cashier_core import timeline
from cashier_core.call import Policy
from loadtests.measure.percentiles import percentile
from tests.browser import launch
from tests.conftest import run_topology

SLOWER = 6
CALLS = 60
MOST_MS = 50.0
# From the websocket's event to the first task after the frame in which the page's own thread has painted the message.
# The page tells it by itself, when it waits again: to be asked in between would be work of its slow CPU, too.
STAMP = """
  let received, took, tones = 0;
  const { start } = OscillatorNode.prototype;
  OscillatorNode.prototype.start = function (when) { tones++; start.call(this, when); };
  const after = new MessageChannel();
  after.port1.onmessage = () => {
    if (received) took = performance.now() - received;
    else if (took) console.info(`painted ${took} ${tones}`), took = 0; // "Please wait" may come more than once
  };
  const frame = () => after.port2.postMessage(0);
  const Real = WebSocket;
  window.WebSocket = class extends Real {
    constructor(...told) {
      super(...told);
      this.addEventListener("message", ({ data, timeStamp }) => {
        received = data.includes("data-num-cashier") ? timeStamp : 0;
        requestAnimationFrame(frame);
      });
    }
  };
"""


def main() -> None:
    with (
        tempfile.TemporaryDirectory(prefix="cashier_q-") as folder,
        launch("--autoplay-policy=no-user-gesture-required") as browser,  # as a kiosk's, with sound
        contextmanager(run_topology)(Path(folder)) as topology,
    ):
        screen = browser.new_page(viewport={"width": 1920, "height": 1080})
        screen.add_init_script(STAMP)
        screen.goto(topology.url)
        expect(screen.locator("body")).to_have_attribute("data-connection", "open")
        screen.context.new_cdp_session(screen).send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
        calls = timeline.Timeline(timeline.connect(topology.redis_url))
        found = []
        for number in range(1, CALLS + 1):
            with screen.expect_console_message(lambda message: message.text.startswith("painted")) as told:
                calls.press("default", number % 9 + 1, "en", waiting_language="en", hold_ms=1500, policy=Policy.REPLACE)
            took, tones = told.value.text.split()[1:]
            found.append(float(took))
        found.sort()
    p95 = percentile(found, 95)
    print(
        f"from message to paint, {len(found)} calls, CPU {SLOWER} times slower: "
        f"median {median(found):.1f} ms, p95 {p95:.1f} ms, most {found[-1]:.1f} ms"
    )
    if int(tones) < 2 * CALLS:
        sys.exit(f"cashier_q: the chime was rung with {tones} tones only, the screen had less to do than it should")
    if p95 >= MOST_MS:
        sys.exit(f"cashier_q: p95 is to be under {MOST_MS:g} ms")


if __name__ == "__main__":
    main()
