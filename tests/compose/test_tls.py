"""If certs/ contains a certificate, the site uses HTTPS, and the HTTP port only redirects to HTTPS."""

import os
import shutil
import ssl
import subprocess
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import sync_playwright

from cashier_local.ports import free_port
from loadtests.clients.asyncio_screen import open_screen
from loadtests.clients.till import Till
from tests.support.browser import ARGUMENTS, chromium
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
    """Return an SSL context that trusts only the stack's certificate authority and checks the host name.

    VERIFY_X509_STRICT refuses certificates that break the rules of RFC 5280, as some browsers do.
    """
    context = ssl.create_default_context(cafile=stack.compose_folder / "certs" / "ca.crt")
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    return context


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


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/v1/stores/default/calls"),
        ("GET", "/api/v1/stores/default/calls"),
        ("DELETE", "/api/v1/stores/default/calls/1"),
        ("POST", "/api/v1/press?token=x"),
        ("GET", "/api/v1/press?token=x"),
        ("POST", "/cashier_action"),
        ("POST", "/sign_in"),
    ],
)
def test_a_press_to_the_http_port_is_refused_and_not_redirected(https, stack, method, path) -> None:
    answer = httpx.request(method, f"{stack.url}{path}")

    assert answer.status_code == 403
    assert "use the address that begins with https://." in (answer.json()["detail"] if "/api/" in path else answer.text)


def test_old_tls_versions_are_refused(https, context) -> None:
    with pytest.warns(DeprecationWarning, match="deprecated"):
        context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1

    with pytest.raises(httpx.ConnectError):
        httpx.get(https, verify=context)


def openssl(stack, *arguments: str) -> str:
    return subprocess.check_output(["openssl", *arguments], cwd=stack.compose_folder / "certs", text=True)


def test_the_certificate_is_for_servers_only_and_its_authority_for_this_site_only(https, stack) -> None:
    names = "basicConstraints,keyUsage,extendedKeyUsage,subjectAltName,nameConstraints"
    server = openssl(stack, "x509", "-in", "tls.crt", "-noout", "-ext", names)
    authority = openssl(stack, "x509", "-in", "ca.crt", "-noout", "-ext", names)

    assert openssl(stack, "verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", "ca.crt", "tls.crt")
    for text in (
        "CA:FALSE",
        "Digital Signature",
        "TLS Web Server Authentication",
        "DNS:localhost",
        "IP Address:127.0.0.1",
    ):
        assert text in server
    for text in (
        "critical\n    CA:TRUE, pathlen:0",
        "Certificate Sign, CRL Sign",
        "critical\n    Permitted:",
        "DNS:localhost",
    ):
        assert text in authority
    # openssl fails, because the certificate expires within 825 days. Apple's systems refuse a longer validity.
    with pytest.raises(subprocess.CalledProcessError):
        openssl(stack, "x509", "-in", "tls.crt", "-noout", "-checkend", str(825 * 86400))
    assert "will not expire" in openssl(stack, "x509", "-in", "tls.crt", "-noout", "-checkend", str(700 * 86400))


def test_only_nginx_gets_the_key_and_no_container_gets_the_key_of_the_authority(https, stack) -> None:
    certs = stack.compose_folder / "certs"
    mounted = {
        Path(mount["Source"]).name
        for container in stack.compose("ps", "--quiet").split()
        for mount in stack.inspect(container)["Mounts"]
        if mount["Type"] == "bind" and Path(mount["Source"]).parent == certs
    }

    assert mounted == {"tls.crt", "tls.key"}
    assert (certs / "ca.key").stat().st_mode & 0o077 == 0
    assert certs.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("address", ["localhost", "127.0.0.1"])
def test_chromium_trusts_the_certificate_after_the_authority_was_installed(address, https, stack, tmp_path) -> None:
    """The authority is installed in the same way as on a kiosk, where the script `install` does so."""
    if not shutil.which("certutil"):
        pytest.skip("certutil is not installed (Debian: apt-get install libnss3-tools)")
    url = f"https://{address}:{https.rpartition(':')[2]}/"
    with pytest.raises(PlaywrightError, match="ERR_CERT_AUTHORITY_INVALID"):
        status_in_chromium(url, tmp_path)
    database = tmp_path / ".pki/nssdb"
    database.mkdir(parents=True)
    subprocess.run(["certutil", "-d", f"sql:{database}", "-N", "--empty-password"], check=True)
    add = ["certutil", "-d", f"sql:{database}", "-A", "-t", "C,,", "-n", "cashier_q"]
    subprocess.run([*add, "-i", str(stack.compose_folder / "certs/ca.crt")], check=True)

    assert status_in_chromium(url, tmp_path) == 200


def status_in_chromium(url: str, home: Path) -> int:
    """Open a page in a Chromium whose settings are in the folder `home`, and return the HTTP status."""
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(
            executable_path=chromium(), args=ARGUMENTS, env={**os.environ, "HOME": str(home)}
        ) as browser,
    ):
        answer = browser.new_page().goto(url)
        assert answer
        return answer.status


def test_a_name_that_the_authority_may_not_certify_is_refused(https, stack) -> None:
    certs = stack.compose_folder / "certs"
    before = {path.name: path.read_bytes() for path in certs.iterdir()}
    for name in ("tls.crt", "tls.key"):
        (certs / name).unlink()
    with pytest.raises(Failed, match="is not for all of these names"):
        stack.make("certs", CASHIER_HOSTS="elsewhere.example")

    assert {path.name for path in certs.iterdir()} == {"ca.crt", "ca.key"}
    for name in ("tls.crt", "tls.key"):
        (certs / name).write_bytes(before[name])
        (certs / name).chmod(0o444)


def test_an_existing_certificate_is_not_overwritten(https, stack) -> None:
    before = (stack.compose_folder / "certs" / "tls.key").read_bytes()

    with pytest.raises(Failed, match="already"):
        stack.make("certs")
    assert (stack.compose_folder / "certs" / "tls.key").read_bytes() == before


@pytest.mark.parametrize("target", ["up", "update"])
def test_a_renewed_certificate_is_used_after_make(target, https, stack) -> None:
    """The certificate authority stays the same, so that nobody has to install it again."""
    certificate = stack.compose_folder / "certs" / "tls.crt"
    old = certificate.read_bytes()
    authority = (stack.compose_folder / "certs" / "ca.crt").read_bytes()
    for name in ("tls.crt", "tls.key"):
        (stack.compose_folder / "certs" / name).unlink()
    port = https.rpartition(":")[2]
    stack.make("certs")
    stack.make(target, CASHIER_HTTPS_PORT=port, CASHIER_HSTS_SECONDS="3600")

    served = ssl.get_server_certificate(("127.0.0.1", int(port)))
    assert (stack.compose_folder / "certs" / "ca.crt").read_bytes() == authority
    assert served.strip().encode() == certificate.read_bytes().strip() != old.strip()
