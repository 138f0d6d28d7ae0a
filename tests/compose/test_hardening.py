"""What a container may do, whom it can reach, and what answers from outside."""

import socket

import httpx
import pytest

from tests.support.compose_stack import Failed, docker

SERVICES = ["nginx", "web", "ws", "redis", "db"]


def of_each_process(container: str, field: str) -> set[str]:
    """A line of /proc/<pid>/status, of every process in a container."""
    script = f"for each in /proc/[0-9]*; do sed -n 's/^{field}:[[:space:]]*//p' $each/status 2>/dev/null; done"
    return set(docker("exec", container, "sh", "-c", script).splitlines())


@pytest.mark.parametrize("service", SERVICES)
def test_a_container_is_nobody_may_nothing_and_writes_nowhere(service, stack) -> None:
    (container, *_) = stack.containers(service)
    settings = stack.inspect(container)["HostConfig"]

    assert all(uid.split()[0] != "0" for uid in of_each_process(container, "Uid"))
    assert of_each_process(container, "CapEff") == {"0" * 16}
    assert of_each_process(container, "CapBnd") == {"0" * 16}
    assert of_each_process(container, "NoNewPrivs") == {"1"}
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


@pytest.mark.parametrize("service", ["web", "ws", "nginx"])
def test_an_image_has_no_build_tools_and_says_what_it_is(service, stack) -> None:
    (container, *_) = stack.containers(service)
    config = stack.inspect(container)["Config"]

    assert config["User"] == "10001:10001"
    assert config["Labels"]["org.opencontainers.image.licenses"] == "MIT"
    assert config["Labels"]["org.opencontainers.image.version"]
    with pytest.raises(Failed):
        docker("exec", container, "sh", "-c", "command -v gcc cc make git || command -v /venv/bin/pip")


@pytest.mark.parametrize(
    ("service", "others"), [("web", "daphne channels autobahn twisted"), ("ws", "gunicorn psycopg cashier_web csp")]
)
def test_a_service_has_nothing_of_the_other(service, others, stack) -> None:
    code = f"import importlib.util as u; print([n for n in {others.split()} if u.find_spec(n)])"

    assert stack.compose("exec", "-T", service, "python", "-c", code).strip() == "[]"


def test_nginx_reaches_web_and_ws_but_neither_redis_nor_the_database(stack) -> None:
    (nginx,) = stack.containers("nginx")
    (redis,), (db,) = stack.containers("redis"), stack.containers("db")

    def reaches(host: str, port: int) -> bool:
        try:
            docker("exec", nginx, "timeout", "2", "bash", "-c", f"exec 3<>/dev/tcp/{host}/{port}")
        except Failed:
            return False
        return True

    assert reaches("web", 8000)
    assert reaches("ws", 9000)
    for container, name, port in ((redis, "redis", 6379), (db, "db", 5432)):
        assert not reaches(name, port)
        assert not reaches(stack.address(container, "data"), port)
    assert set(stack.inspect(nginx)["NetworkSettings"]["Networks"]) == {
        f"{stack.project}_front",
        f"{stack.project}_app",
    }


def test_redis_asks_for_its_password(stack) -> None:
    (redis,) = stack.containers("redis")

    assert "NOAUTH" in docker("exec", redis, "redis-cli", "get", "anything")
    assert "NOPERM" in docker("exec", redis, "redis-cli", "--user", "health", "--pass", "none", "get", "anything")


def test_web_owns_its_database_and_is_nobody_in_others(stack) -> None:
    code = (
        "from django.db import connection as c; k = c.cursor(); "
        "k.execute('SELECT usename, usesuper, usecreatedb FROM pg_user WHERE usename = current_user'); "
        "print(k.fetchone())"
    )

    assert stack.manage(code).strip().splitlines()[-1] == "('cashier', False, False)"


def test_from_outside_only_nginx_answers(stack) -> None:
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
def test_figures_and_probes_are_not_for_the_world(path, stack) -> None:
    # By hand: a client would tidy the path first.
    with socket.create_connection(("127.0.0.1", stack.port), timeout=5) as connection:
        connection.sendall(f"GET {path} HTTP/1.0\r\nHost: 127.0.0.1:{stack.port}\r\n\r\n".encode())
        answer = connection.makefile("rb").read().decode()

    assert answer.split()[1] in {"400", "404"}
    assert "cashier_" not in answer


def test_no_version_is_shown_and_every_answer_has_its_headers(stack) -> None:
    page = httpx.get(f"{stack.url}/")
    static = page.text.split('src="')[1].split('"')[0]
    script = httpx.get(stack.url + static, headers={"Accept-Encoding": "gzip"})

    assert page.headers["Server"] == "nginx"
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert script.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert script.headers["Content-Encoding"] == "gzip"
    assert script.headers["X-Content-Type-Options"] == "nosniff"


def test_a_flood_of_presses_from_one_address_is_refused_and_a_storm_of_screens_is_not(stack) -> None:
    with httpx.Client(base_url=stack.url) as client:
        flood = [client.post("/cashier_action").status_code for _ in range(400)]
        # Without an upgrade it is no screen, but it passes the same limits.
        storm = [client.get("/ws/cashier_q").status_code for _ in range(400)]

    assert flood[:100] == [403] * 100, "a store's tills pass: it is web that asks for the CSRF token"
    assert 429 in flood
    assert 429 not in storm
