"""The stack for several hosts has the same services, settings, limits and hardening as compose.yaml."""

import re
from pathlib import Path

import pytest
import yaml

DEPLOY = Path(__file__).parents[2] / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose/compose.yaml").read_text())["services"]
STACK = yaml.safe_load((DEPLOY / "swarm/stack.yaml").read_text())["services"]
EXAMPLE = dict(re.findall(r"^#?([A-Z0-9_]+)=(.*)$", (DEPLOY / "compose/.env.example").read_text(), re.MULTILINE))
DEFAULTS = {
    **EXAMPLE,
    "CASHIER_LOG_FORMAT": "json",
    "CASHIER_WS_REPLICAS": "3",
    "CASHIER_SCREENS": "0",
    "CASHIER_SILENCE_SECONDS": "7",
    "CASHIER_MEDIA_CACHE_MB": "2000",
}
BOTH = sorted(set(COMPOSE) & set(STACK))
"""The services that both have. In a Swarm, Nginx runs from the image nginx_files."""


OBJECT_STORE = {"CASHIER_MEDIA_URL_FILE", "CASHIER_MEDIA_CACHE_MB"}
"""The settings of the object store, which only several hosts need."""


def test_the_stack_has_all_services_that_compose_starts_by_default() -> None:
    assert {name for name, service in COMPOSE.items() if "profiles" not in service} - set(STACK) == {"nginx_files"}


@pytest.mark.parametrize("name", [name for name in BOTH if name != "redis"])
def test_a_service_has_the_same_environment_and_secrets(name) -> None:
    environment, secrets = STACK[name].get("environment", {}), STACK[name].get("secrets", [])

    assert set(environment) - OBJECT_STORE == set(COMPOSE[name].get("environment", {}))
    assert [secret for secret in secrets if secret != "media_url"] == COMPOSE[name].get("secrets", [])


@pytest.mark.parametrize("name", BOTH)
def test_a_service_has_the_same_limits_and_hardening(name) -> None:
    stack, compose = STACK[name], COMPOSE[name]
    limits = stack["deploy"]["resources"]["limits"]

    assert (limits["memory"], limits["pids"]) == (compose["mem_limit"], compose["pids_limit"])
    assert stack["ulimits"] == compose["ulimits"]
    assert stack["read_only"]
    assert stack["cap_drop"] == ["ALL"]
    assert stack["logging"] == compose["logging"]
    # web reads the media from an object store outside of the stack.
    assert set(stack["networks"]) - {"outgoing" if name == "web" else ""} == set(compose.get("networks", ["data"]))


def test_the_defaults_of_settings_are_those_in_the_example() -> None:
    text = (DEPLOY / "swarm/stack.yaml").read_text()
    for name, default in re.findall(r"\$\{([A-Z_]+):-([^}]*)\}", text):
        assert DEFAULTS[name] == default, name


def test_every_setting_in_the_example_of_the_swarm_is_read() -> None:
    names = re.findall(r"^#([A-Z0-9_]+)=", (DEPLOY / "swarm/.env.example").read_text(), re.MULTILINE)
    read = "".join(path.read_text() for path in (DEPLOY / "swarm/stack.yaml", DEPLOY / "swarm/up"))

    assert [name for name in names if f"${{{name}" not in read] == []
