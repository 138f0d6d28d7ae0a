"""If the site uses HTTPS, the HTTP port redirects pages, and nothing that a device could take for a press."""

import subprocess
from collections.abc import Iterator

import httpx
import pytest

from cashier_local import nginx
from cashier_local.ports import answers, free_port, wait_until

HTTP_SERVER = nginx.CONFIGURATION / "compose" / "tls" / "http.conf"
REASON = "use the address that begins with https://."


@pytest.fixture(scope="module")
def http(tmp_path_factory) -> Iterator[httpx.Client]:
    """A client of Nginx's HTTP port, as it is configured if the site uses HTTPS on port 8443."""
    folder, port = tmp_path_factory.mktemp("nginx"), free_port()
    nginx.configure(folder, free_port(), free_port(), free_port(), [free_port()])
    server = HTTP_SERVER.read_text().replace("listen 8000", f"listen 127.0.0.1:{port}").replace(":HTTPS_PORT", ":8443")
    with (folder / "nginx/conf.d/upstreams.conf").open("a") as upstreams:
        upstreams.write(server)
    process = subprocess.Popen(nginx.argv(), cwd=folder)
    try:
        wait_until(lambda: answers(port), 10, "Nginx answers")
        with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
            yield client
    finally:
        process.terminate()
        process.wait()


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("path", ["/", "/s/north/cashier_buttons?a=1", "/ws/cashier_q", "/apis"])
def test_a_page_is_redirected_to_https(http, method, path) -> None:
    answer = http.request(method, path)

    assert (answer.status_code, answer.headers["Location"]) == (301, f"https://127.0.0.1:8443{path}")


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"])
@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/stores/north/calls",
        "/api/v1/press?token=cq_x",
        "//api/v1/press?token=cq_x",
        "/%61pi/v1/press?token=cq_x",
    ],
)
def test_a_request_to_the_api_is_refused_with_json(http, method, path) -> None:
    # httpx would take the beginning of the path //api/... for the name of a host.
    address = str(http.base_url).rstrip("/") + path
    answer = http.request(method, address, follow_redirects=True)

    assert (answer.status_code, answer.headers["Content-Type"]) == (403, "application/json")
    assert "no-store" in answer.headers["Cache-Control"]
    assert method == "HEAD" or answer.json() == {"detail": f"Nobody was called: {REASON}"}


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PRESS"])
@pytest.mark.parametrize("path", ["/cashier_action", "/s/north/cashier_action", "/sign_in", "/api", "/"])
def test_a_request_that_is_no_page_is_refused_with_text(http, method, path) -> None:
    answer = http.request(method, path, content=b"cashier=4&language=en", follow_redirects=True)

    assert answer.status_code == 403
    assert answer.text == f"Nothing was done: {REASON}\n"
