"""The stack's Docker networks use only the addresses of CASHIER_SUBNET, which must overlap with no other network."""

import ipaddress
import json

import httpx
import pytest

from tests.support.compose_stack import Failed, Stack, docker, fake_docker, free_subnet


def subnets(stack: Stack) -> dict[str, list[str]]:
    """Return the ranges of each of the stack's networks."""
    names = docker("network", "ls", "--quiet", "--filter", f"label=com.docker.compose.project={stack.project}").split()
    return {
        network["Labels"]["com.docker.compose.network"]: [each["Subnet"] for each in network["IPAM"]["Config"]]
        for network in (json.loads(docker("network", "inspect", *names)) if names else [])
    }


def test_all_networks_are_in_the_configured_range(stack) -> None:
    whole = ipaddress.ip_network(f"{stack.environment['CASHIER_SUBNET']}.0/24")
    parts = [ipaddress.ip_network(each) for ranges in subnets(stack).values() for each in ranges if ":" not in each]

    assert set(subnets(stack)) >= {"front", "app", "data"}
    assert all(part.subnet_of(whole) for part in parts)


@pytest.fixture
def other_network():
    """Create a Docker network that does not belong to the stack, and return its name and its range."""
    subnet = f"{free_subnet()}.192/28"
    name = docker("network", "create", "--subnet", subnet, f"other-{free_subnet()}").strip()
    yield name, subnet
    docker("network", "rm", name)


@pytest.fixture
def clone(tmp_path):
    """A clone that has not been started, so that it has no networks."""
    clone = Stack(tmp_path)
    clone.clone()
    yield clone
    clone.clear()


def test_a_range_that_overlaps_with_another_network_is_refused_before_anything_starts(clone, other_network) -> None:
    _name, subnet = other_network
    range_ = subnet.rpartition(".")[0]

    with pytest.raises(Failed, match=f"CASHIER_SUBNET: {range_}.0/24 overlaps with {subnet}, .*set CASHIER_SUBNET"):
        clone.make("up", CASHIER_SUBNET=range_)
    assert subnets(clone) == {}
    assert clone.states() == set()


def test_a_range_to_which_the_host_has_a_route_is_refused(clone) -> None:
    """The range of the host's default network, through which the host reaches everything else."""
    routes = docker("run", "--rm", "--network=host", "--entrypoint=cat", "redis:8", "/proc/net/route").splitlines()[1:]
    targets = [int.from_bytes(bytes.fromhex(each.split()[1]), "little") for each in routes]
    target = str(ipaddress.ip_address(next(each for each in targets if each)))

    with pytest.raises(Failed, match=r"CASHIER_SUBNET: .* overlaps with .* in use"):
        clone.make("up", CASHIER_SUBNET=target.rpartition(".")[0])
    assert subnets(clone) == {}


@pytest.mark.parametrize("value", ["192.168", "192.168.199.0", "192.168.256", "127.0.0", "224.0.0", "a.b.c", "01.2.3"])
def test_a_bad_range_changes_nothing(value, stack) -> None:
    before = stack.compose("ps", "--quiet")

    with pytest.raises(Failed, match="cashier_q: CASHIER_SUBNET: "):
        stack.make("up", CASHIER_SUBNET=value)
    assert stack.compose("ps", "--quiet") == before


def test_a_new_range_is_announced_and_used_after_make_down(stack) -> None:
    """Docker cannot change the range of a network that is in use."""
    before = subnets(stack)
    assert "make down, and then make up" in stack.make("up", CASHIER_SUBNET=free_subnet())
    assert subnets(stack) == before
    stack.reconcile()


def test_if_the_routes_cannot_be_read_the_check_of_the_range_only_warns(stack, tmp_path) -> None:
    """Without `--userns host`, an engine that uses userns-remap refuses a container that uses the host's network."""
    path = fake_docker(tmp_path, 'if [ "$1 $2 $3" = "run --rm --userns" ]; then exit 125; fi')
    assert "The routes of this host are not known" in stack.run("./check-networks", PATH=path)


@pytest.mark.parametrize(
    ("version", "replaces"),
    [
        ("2.26.1-4", False),
        ("2.4.1", False),
        ("v2.30.3", False),
        ("2.31.0", True),
        ("v2.40.1-desktop.1", True),
        ("5.0.1", True),
    ],
)
def test_since_version_2_31_compose_replaces_networks(version, replaces, stack) -> None:
    script = f"here=.; source ./common; if recreates_networks {version}; then echo replaces; else echo keeps; fi"
    assert stack.run("bash", "-c", script).strip() == ("replaces" if replaces else "keeps")


@pytest.fixture
def labelled_network(stack):
    """A network that Compose 2.31 or newer would replace, because it has a label with a hash."""
    subnet = f"{free_subnet()}.0/28"
    labels = {"project": stack.project, "network": "front", "config-hash": "of an earlier configuration"}
    arguments = [each for key, value in labels.items() for each in ("--label", f"com.docker.compose.{key}={value}")]
    name = docker("network", "create", "--subnet", subnet, *arguments, f"other-{free_subnet()}").strip()
    yield subnet
    docker("network", "rm", name)


def test_no_command_starts_a_container_if_compose_would_replace_networks(stack, labelled_network, tmp_path) -> None:
    path = fake_docker(tmp_path, 'if [ "$*" = "compose version --short" ]; then echo 2.31.0; exit; fi')
    before = stack.started()

    for command, advice in {"up": "up", "update": "update", "backup": "up"}.items():
        wanted = (
            f"The networks still use {labelled_network}. .*`make down` and `make {advice}` while the stores are closed"
        )
        with pytest.raises(Failed, match=wanted):
            stack.make(command, PATH=path)
    assert stack.started() == before
    stack.run("./check-same-networks", "up")


def test_networks_that_compose_keeps_do_not_stop_a_command(stack, tmp_path) -> None:
    """Compose before 2.31 has created these networks, and newer versions of Compose keep them."""
    path = fake_docker(tmp_path, 'if [ "$*" = "compose version --short" ]; then echo 2.31.0; exit; fi')
    stack.run("./check-same-networks", "up", PATH=path, CASHIER_SUBNET=free_subnet())


def test_with_ipv6_nginx_has_an_ipv6_address_and_answers_there(stack) -> None:
    range_ = "fd8e:5a1c:70b3:2::/64"
    stack.make("down")
    try:
        stack.make("up", CASHIER_IPV6="true", CASHIER_IPV6_SUBNET=range_)
        (nginx,) = stack.containers("nginx")
        address = stack.inspect(nginx)["NetworkSettings"]["Networks"][f"{stack.project}_front"]["GlobalIPv6Address"]
        assert ipaddress.ip_address(address) in ipaddress.ip_network(range_)
        assert httpx.get(f"http://[{address}]:8000/", headers={"Host": "localhost"}).status_code == 200
        logged = stack.compose("logs", "--no-log-prefix", "nginx").splitlines()[-1]
        assert json.loads(logged[logged.index("{") :])["address"].startswith("fd8e:5a1c:70b3:2:")
    finally:
        stack.make("down")
        stack.make("up")
