"""`.env.example`, the compose files and env.py agree about the environment variables.

A service or Docker Compose reads each variable in the example. The example contains each variable that is read.
"""

import re
from dataclasses import fields
from pathlib import Path

import yaml

from cashier_core import env

COMPOSE = Path(__file__).parents[2] / "deploy" / "compose"
EXAMPLE = (COMPOSE / ".env.example").read_text()
EXAMPLE_VALUES = dict(re.findall(r"^#?([A-Z0-9_]+)=(.*)$", EXAMPLE, re.MULTILINE))
FILES = {name: (COMPOSE / name).read_text() for name in ("compose.yaml", "tls.yaml")}
ENTRYPOINT = (COMPOSE.parent / "nginx" / "entrypoint").read_text()
SERVICES: dict[str, type[env.CoreEnvironment]] = {"web": env.WebEnvironment, "ws": env.WsEnvironment}
READ_BY_DOCKER = {"COMPOSE_PROFILES", "COMPOSE_PROJECT_NAME"}
ONLY_FOR_SEVERAL_HOSTS = {"CASHIER_MEDIA_URL", "CASHIER_MEDIA_CACHE_MB"}
"""One host keeps its media in a folder, and so it needs no settings of an object store."""


def environment(service: str) -> dict:
    """Return the environment variables that compose.yaml gives to a service.

    If the value of a variable is None, Compose takes the value from .env.
    """
    return yaml.safe_load(FILES["compose.yaml"])["services"][service]["environment"]


def test_every_variable_in_the_example_is_read_by_something() -> None:
    read = {each.name.upper() for kind in SERVICES.values() for each in fields(kind)}
    read |= set(re.findall(r"\$\{([A-Z][A-Z0-9_]+)", "".join(FILES.values()) + ENTRYPOINT)) | READ_BY_DOCKER

    assert set(EXAMPLE_VALUES) - read == set()


def test_every_variable_that_is_read_is_in_the_example() -> None:
    read = {each.name.upper() for kind in SERVICES.values() for each in fields(kind)}
    read |= set(re.findall(r"\$\{([A-Z][A-Z0-9_]+)", "".join(FILES.values()) + ENTRYPOINT)) - READ_BY_DOCKER

    assert [name for name in sorted(read - ONLY_FOR_SEVERAL_HOSTS) if not re.search(rf"\b{name}\b", EXAMPLE)] == []


def test_each_service_is_passed_every_variable_that_it_reads() -> None:
    for service, kind in SERVICES.items():
        # tasks runs the code of web. It alone gets the settings for messages to other hosts.
        names = {**environment(service), **(environment("tasks") if service == "web" else {})}
        given = {name.removesuffix("_FILE") for name in names}
        # web's image sets these variables, so compose.yaml need not contain them.
        own = {"CASHIER_STATIC_ROOT", "CASHIER_MEDIA_ROOT"}

        assert {each.name.upper() for each in fields(kind)} - own - ONLY_FOR_SEVERAL_HOSTS == given


def test_nginx_is_passed_every_variable_that_its_entrypoint_reads() -> None:
    with_tls = yaml.safe_load(FILES["tls.yaml"])["services"]["nginx"]["environment"]

    read = set(re.findall(r"\$\{([A-Z][A-Z0-9_]+)", ENTRYPOINT)) - ONLY_FOR_SEVERAL_HOSTS

    assert read == set(environment("nginx")) | set(with_tls)


def test_the_defaults_in_the_example_equal_those_in_env_py() -> None:
    values = {name: value for name, value in EXAMPLE_VALUES.items() if name != "CASHIER_LOG_FORMAT"}
    for kind in SERVICES.values():
        for each in fields(kind):
            if each.name.upper() in values:
                default = ",".join(each.default) if isinstance(each.default, tuple) else str(each.default)
                assert values[each.name.upper()] in {default, default.lower(), default.removesuffix(".0")}, each.name


def test_only_compose_yaml_names_base_images() -> None:
    images = yaml.safe_load(FILES["compose.yaml"])["x-images"]
    # An image looks like ${CASHIER_NGINX_IMAGE:-${CASHIER_REGISTRY:+...}nginx:1.30}. The default is at the end.
    tags = [re.findall(r"[a-z/]+:([\w.-]+)\}$", image) for image in images.values()]
    assert all(tag and tag != ["latest"] for tag in tags)

    root = COMPOSE.parents[1]
    for dockerfile in (*root.glob("services/*/Dockerfile"), root / "deploy/nginx/Dockerfile"):
        origins = re.findall(r"^FROM (\S+)", dockerfile.read_text(), re.MULTILINE)
        assert origins
        assert all(origin.startswith("${") for origin in origins)


def test_ci_runs_the_make_targets_that_people_run() -> None:
    job = yaml.safe_load((COMPOSE.parents[1] / ".github/workflows/ci.yml").read_text())["jobs"]["make"]

    assert job["strategy"]["matrix"]["target"] == ["check", "test", "test-compose", "test-release"]
    assert job["steps"][-1]["run"] == "make ${{ matrix.target }}"
