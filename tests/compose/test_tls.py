"""If certs/ contains a certificate, the site uses HTTPS, and the HTTP port only redirects to HTTPS."""

import ssl

import httpx
import pytest

from cashier_local.ports import free_port
from loadtests.clients.asyncio_screen import open_screen
from loadtests.clients.till import Till
from tests.support.compose_stack import Failed

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def https(stack):
    """Enable HTTPS with a new certificate, yield the HTTPS address of the stack, and disable HTTPS again."""
    port = free_port()
    settings = {"CASHIER_HTTPS_PORT": str(port), "CASHIER_HSTS_SECONDS": "3600"}
    stack.make("certs")
    output = stack.make("up", **settings)
    assert f"https://localhost:{port}/cashier_buttons" in output
    yield f"https://127.0.0.1:{port}"
    for name in ("tls.crt", "tls.key"):
        (stack.compose_folder / "certs" / name).unlink()
    stack.reconcile()
    assert httpx.get(stack.url).status_code == 200


@pytest.fixture
def context(stack, https) -> ssl.SSLContext:
    """Return an SSL context that trusts only the stack's certificate and checks the host name."""
    return ssl.create_default_context(cafile=stack.compose_folder / "certs" / "tls.crt")


def test_pages_have_hsts_and_secure_cookies(https, context) -> None:
    page = httpx.get(f"{https}/cashier_buttons", verify=context)

    assert page.status_code == 200
    assert page.headers["Strict-Transport-Security"] == "max-age=3600"
    assert "Secure" in page.headers["Set-Cookie"]
    assert (
        f"wss://{https.removeprefix('https://')}" in httpx.get(https, verify=context).headers["Content-Security-Policy"]
    )


async def test_a_press_over_https_appears_on_a_screen_over_wss(https, context) -> None:
    async with Till(https, trust=context) as till:
        screen = await open_screen(https, await till.websocket_path(), trust=context)
        await screen.until(1, 10)
        assert (await till.press(3)).status_code == 204
        await screen.until(3, 10)
        screen.close()
        await screen.until_closed(5)

    assert [paint.till for paint in screen.painted] == [0, 3, 0]


def test_the_http_port_redirects_to_https(https, stack) -> None:
    answer = httpx.get(f"{stack.url}/s/default/?a=1")

    assert answer.status_code == 301
    assert answer.headers["Location"] == f"{https}/s/default/?a=1"


def test_old_tls_versions_are_refused(https, context) -> None:
    with pytest.warns(DeprecationWarning, match="deprecated"):
        context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1

    with pytest.raises(httpx.ConnectError):
        httpx.get(https, verify=context)


def test_an_existing_certificate_is_not_overwritten(https, stack) -> None:
    before = (stack.compose_folder / "certs" / "tls.key").read_bytes()

    with pytest.raises(Failed, match="already"):
        stack.make("certs")
    assert (stack.compose_folder / "certs" / "tls.key").read_bytes() == before


@pytest.mark.parametrize("target", ["up", "update"])
def test_a_renewed_certificate_is_used_after_make(target, https, stack) -> None:
    certificate = stack.compose_folder / "certs" / "tls.crt"
    old = certificate.read_bytes()
    for name in ("tls.crt", "tls.key"):
        (stack.compose_folder / "certs" / name).unlink()
    port = https.rpartition(":")[2]
    stack.make("certs")
    stack.make(target, CASHIER_HTTPS_PORT=port, CASHIER_HSTS_SECONDS="3600")

    served = ssl.get_server_certificate(("127.0.0.1", int(port)))
    assert served.strip().encode() == certificate.read_bytes().strip() != old.strip()
