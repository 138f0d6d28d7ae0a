"""Asks a service over HTTP whether it is healthy. Containers use it, because their images have no other HTTP client.

`python -m cashier_core.healthcheck URL` exits with 0 if the answer has status 200.
`python -m cashier_core.healthcheck URL UPSTREAM` repeats the request for up to half a minute, until an answer comes
from the address UPSTREAM (Nginx sets the header `X-Upstream`).
"""

import http.client
import sys
import time
from urllib.parse import urlsplit

ANSWER_SECONDS = 3.0
PATIENCE_SECONDS = 30.0


def ask(url: str) -> tuple[int, str, str]:
    """Status, text and `X-Upstream` of the answer. The status is 0, and the text is the fault, if there is no
    answer."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=ANSWER_SECONDS)
    try:
        connection.request("GET", f"{parts.path}?{parts.query}" if parts.query else parts.path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode().strip(), answer.headers.get("X-Upstream", "")
    except (OSError, http.client.HTTPException) as fault:
        return 0, str(fault), ""
    finally:
        connection.close()


def main(url: str, upstream: str = "") -> int:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        status, text, came_from = ask(url)
        if not upstream or (status == 200 and came_from.endswith(upstream)):
            print(text)
            return int(status != 200)
        if time.monotonic() > deadline:
            print(f"{url}: no answer from {upstream}, the last one from {came_from or 'nobody'}: {text}")
            return 1
        time.sleep(0.1)  # do not keep a CPU busy


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
