"""Tests of what the containers may do, which services they can reach, and what is reachable from outside."""

import json
import socket

import httpx
import pytest

from tests.support.compose_stack import Failed, docker

SERVICES = ["nginx", "web", "press", "tasks", "ws", "redis", "db"]


def status_of_processes(container: str, field: str) -> set[str]:
    """Return the values of one field of /proc/<pid>/status for all processes in a container."""
    script = f"for each in /proc/[0-9]*; do sed -n 's/^{field}:[[:space:]]*//p' $each/status 2>/dev/null; done"
    return set(docker("exec", container, "sh", "-c", script).splitlines())


@pytest.mark.parametrize("service", SERVICES)
def test_a_container_has_no_root_no_capabilities_and_a_read_only_file_system(service, stack) -> None:
    (container, *_) = stack.containers(service)
    settings = stack.inspect(container)["HostConfig"]

    assert all(uid.split()[0] != "0" for uid in status_of_processes(container, "Uid"))
    assert status_of_processes(container, "CapEff") == {"0" * 16}
    assert status_of_processes(container, "CapBnd") == {"0" * 16}
    assert status_of_processes(container, "NoNewPrivs") == {"1"}
    for folder in ("/", "/etc", "/srv", "/usr/bin", "/venv", "/root"):
        with pytest.raises(Failed):
            docker("exec", container, "sh", "-c", f"touch {folder}/here")
    assert settings["ReadonlyRootfs"]
    assert settings["Memory"] > 0
    assert settings["PidsLimit"] > 0
    assert settings["RestartPolicy"]["Name"] == "unless-stopped"
    assert settings["LogConfig"]["Config"] == {
        "max-size": "10m",
        "max-file": "5",
        "mode": "non-blocking",
        "max-buffer-size": "4m",
    }


@pytest.mark.parametrize("service", ["web", "ws", "nginx_files"])
def test_an_image_has_labels_and_no_build_tools(service, stack) -> None:
    image = f"{stack.project}-{service}"
    config = json.loads(docker("image", "inspect", image))[0]["Config"]

    assert config["User"] == "10001:10001"
    assert config["Labels"]["org.opencontainers.image.licenses"] == "MIT"
    assert config["Labels"]["org.opencontainers.image.version"]
    script = "command -v gcc cc make git || command -v /venv/bin/pip || echo none"
    assert docker("run", "--rm", "--network=none", "--entrypoint=sh", image, "-c", script) == "none\n"


@pytest.mark.parametrize(
    ("service", "packages"), [("web", "daphne channels autobahn twisted"), ("ws", "gunicorn psycopg cashier_web csp")]
)
def test_a_service_does_not_contain_the_packages_of_the_other(service, packages, stack) -> None:
    code = f"import importlib.util as u; print([n for n in {packages.split()} if u.find_spec(n)])"

    assert stack.compose("exec", "-T", service, "python", "-c", code).strip() == "[]"


def reaches(container: str, host: str, port: int) -> bool:
    """Return whether a process in the container can open a connection to this host and port."""
    try:
        docker("exec", container, "timeout", "2", "bash", "-c", f"exec 3<>/dev/tcp/{host}/{port}")
    except Failed:
        return False
    return True


def test_only_nginx_and_tasks_are_in_networks_with_a_way_out(stack) -> None:
    networks = json.loads(docker("network", "inspect", *docker("network", "ls", "--quiet").split()))
    internal = {network["Name"] for network in networks if network["Internal"]}
    with_a_way_out = {
        service: set(stack.inspect(container)["NetworkSettings"]["Networks"]) - internal
        for service in SERVICES
        for container in stack.containers(service)
    }

    assert {service: names for service, names in with_a_way_out.items() if names} == {
        "nginx": {f"{stack.project}_front"},
        "tasks": {f"{stack.project}_outgoing"},
    }


def test_nginx_reaches_web_press_and_ws_but_neither_redis_nor_the_database(stack) -> None:
    (nginx,) = stack.containers("nginx")
    (redis,), (db,) = stack.containers("redis"), stack.containers("db")

    assert all(reaches(nginx, name, port) for name, port in (("web", 8000), ("press", 8000), ("ws", 9000)))
    for container, name, port in ((redis, "redis", 6379), (db, "db", 5432)):
        assert not reaches(nginx, name, port)
        assert not reaches(nginx, stack.address(container, "data"), port)
    assert set(stack.inspect(nginx)["NetworkSettings"]["Networks"]) == {
        f"{stack.project}_front",
        f"{stack.project}_app",
    }


def test_redis_requires_a_password_and_the_health_check_may_only_ping(stack) -> None:
    (redis,) = stack.containers("redis")

    assert "NOAUTH" in docker("exec", redis, "redis-cli", "get", "anything")
    assert "NOPERM" in docker("exec", redis, "redis-cli", "--user", "health", "--pass", "none", "get", "anything")


def test_the_database_account_of_web_has_no_rights_beyond_its_database(stack) -> None:
    code = (
        "from django.db import connection as c; k = c.cursor(); "
        "k.execute('SELECT usename, usesuper, usecreatedb FROM pg_user WHERE usename = current_user'); "
        "print(k.fetchone())"
    )

    assert stack.manage(code).strip().splitlines()[-1] == "('cashier', False, False)"


def test_only_nginx_publishes_a_port(stack) -> None:
    published = {
        service: [port for port in stack.inspect(each)["NetworkSettings"]["Ports"].values() if port]
        for service in SERVICES
        for each in stack.containers(service)
    }

    assert [service for service, ports in published.items() if ports] == ["nginx"]
    assert {each["HostPort"] for ports in published["nginx"] for each in ports} == {str(stack.port)}
    with socket.create_connection(("127.0.0.1", stack.port), timeout=2):
        pass


@pytest.mark.parametrize(
    "path",
    [
        "/metrics",
        "/readyz",
        "/ws/metrics",
        "/ws/healthz",
        "/ws/../metrics",
        "//metrics",
        "/%6detrics",
        "/ws/%2e%2e/readyz",
    ],
)
def test_metrics_and_health_checks_are_not_public(path, stack) -> None:
    # The request is sent through a plain socket, because an HTTP client would normalise the path.
    with socket.create_connection(("127.0.0.1", stack.port), timeout=5) as connection:
        connection.sendall(f"GET {path} HTTP/1.0\r\nHost: 127.0.0.1:{stack.port}\r\n\r\n".encode())
        answer = connection.makefile("rb").read().decode()

    assert answer.split()[1] in {"400", "404"}
    assert "cashier_" not in answer


def test_responses_have_security_headers_and_no_version(stack) -> None:
    page = httpx.get(f"{stack.url}/")
    script_path = page.text.split('src="')[1].split('"')[0]
    script = httpx.get(stack.url + script_path, headers={"Accept-Encoding": "gzip"})

    assert page.headers["Server"] == "nginx"
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert script.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert script.headers["Content-Encoding"] == "gzip"
    assert script.headers["X-Content-Type-Options"] == "nosniff"


def test_too_many_presses_from_one_address_are_refused_but_reconnecting_screens_are_not(stack) -> None:
    with httpx.Client(base_url=stack.url) as client:
        presses = [client.post("/cashier_action").status_code for _ in range(400)]
        # A plain GET of a websocket's path opens no websocket, but Nginx limits it in the same way as a handshake.
        handshakes = [client.get("/ws/cashier_q").status_code for _ in range(400)]

    assert presses[:100] == [403] * 100, "Nginx accepts 100 presses at once, and web refuses them without a CSRF token"
    assert 429 in presses
    assert 429 not in handshakes
