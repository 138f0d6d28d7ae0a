"""A command that asks a service over HTTP whether it is healthy. The images of web and ws have no other HTTP client.

`python -m cashier_core.healthcheck URL` exits with 0 if the answer has status 200, and otherwise with 1.

`python -m cashier_core.healthcheck URL UPSTREAM` is for a URL of Nginx, which passes each request on to one of several
upstream servers. The command repeats the request until the server with the address UPSTREAM answers with status 200,
and then exits with 0. After half a minute it gives up and exits with 1. Nginx tells in the header `X-Upstream` which
server has answered.
"""

import http.client
import sys
import time
from urllib.parse import urlsplit

ANSWER_SECONDS = 3.0
PATIENCE_SECONDS = 30.0


def ask(url: str) -> tuple[int, str, str]:
    """Request the URL, and return the status, the text and the header `X-Upstream` of the answer.

    If there is no answer, the status is 0 and the text describes the fault.
    """
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
            print(f"{url}: no answer from {upstream}; the last answer came from {came_from or 'nobody'}: {text}")
            return 1
        time.sleep(0.1)  # Without a pause between two requests, this command would keep a CPU busy.


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
