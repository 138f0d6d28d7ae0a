"""The files that `make release` makes: the archive, the SBOMs and the checksums."""

import json
import subprocess
import tarfile

import pytest

from tests.release.conftest import make_releasable
from tests.release.versions import RELEASED, archive_of
from tests.support.compose_stack import Failed, Stack, docker

SERVICES = ("web", "ws", "nginx_files", "backup")
BASE_IMAGES = {"web": "python:", "ws": "python:", "nginx_files": "nginx:", "backup": "postgres:"}
PACKAGES = """
import importlib.metadata, re, sys
for package in importlib.metadata.distributions():
    name = re.sub("[-_.]+", "-", package.metadata["Name"]).lower()
    print(f"pkg:pypi/{name}@{package.version}")
"""
BUILD_TOOLS = ("pip", "pip3", "uv", "gcc", "cc", "make", "ld", "git", "npm")


def run_in(image: str, *command: str) -> str:
    """Run a command in a new container of the image, and return its output."""
    return docker("run", "--rm", "--entrypoint", command[0], image, *command[1:])


def image(service: str) -> str:
    return f"cashier_q-{service}:{RELEASED}"


def test_the_checksums_match(release) -> None:
    checked = subprocess.run(
        ["sha256sum", "--check", "SHA256SUMS"], cwd=release, capture_output=True, text=True, check=True
    ).stdout.splitlines()

    assert sorted(checked) == sorted(
        [f"{archive_of(release).name}: OK", *(f"cashier_q-{RELEASED}-{each}.cdx.json: OK" for each in SERVICES)]
    )


@pytest.mark.parametrize("service", ["web", "ws"])
def test_an_sbom_lists_every_python_package_of_its_image(release, service) -> None:
    bom = json.loads((release / f"cashier_q-{RELEASED}-{service}.cdx.json").read_text())
    installed = set(run_in(image(service), "python", "-c", PACKAGES).split())

    assert f"pkg:pypi/cashier-{service}@{RELEASED}" in installed
    assert installed <= {component["purl"] for component in bom["components"]}


@pytest.mark.parametrize("service", SERVICES)
def test_an_sbom_lists_every_debian_package_of_its_image(release, service) -> None:
    bom = json.loads((release / f"cashier_q-{RELEASED}-{service}.cdx.json").read_text())
    listed = {(component["name"], component["version"]) for component in bom["components"]}
    installed = run_in(image(service), "dpkg-query", "--show", "--showformat", "${Package} ${Version}\n")

    assert {tuple(line.split()) for line in installed.splitlines()} <= listed


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.usefixtures("release")
def test_an_image_contains_no_build_tools(service) -> None:
    script = f"for tool in {' '.join(BUILD_TOOLS)}; do command -v $tool; done; true"

    assert run_in(image(service), "sh", "-c", script) == ""
    if service in {"web", "ws"}:
        for module in ("pip", "ensurepip", "setuptools", "flit_core"):
            with pytest.raises(Failed, match="No module named"):
                run_in(image(service), "python", "-c", f"import {module}")
            with pytest.raises(Failed, match="No module named"):
                run_in(image(service), "/usr/bin/env", "python3", "-c", f"import {module}")


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.usefixtures("release")
def test_an_image_has_labels_with_its_version_and_origin(service) -> None:
    labels = json.loads(docker("image", "inspect", "--format", "{{json .Config.Labels}}", image(service)))
    labels = {name.removeprefix("org.opencontainers.image."): value for name, value in labels.items()}

    assert labels["title"] == f"cashier_q {service}"
    assert labels["version"] == RELEASED
    assert labels["revision"]
    assert labels["base.name"].startswith(BASE_IMAGES[service])


def test_the_archive_contains_the_notes_of_its_version_only(release) -> None:
    with tarfile.open(archive_of(release)) as files:
        notes = files.extractfile(f"cashier_q-{RELEASED}/NOTES.md")
        assert notes
        text = notes.read().decode()

    assert "The newest version." in text
    assert "Old." not in text


def test_a_version_in_a_registry_is_not_replaced(release, registry) -> None:
    with pytest.raises(Failed, match=f"already contains cashier_q-web:{RELEASED}"):
        Stack(release.parents[1]).make("release", f"VERSION={RELEASED}", CASHIER_REGISTRY=registry)


def test_a_release_that_is_not_ready_is_refused(tmp_path) -> None:
    clone = Stack(tmp_path)
    clone.clone()
    make_releasable(clone)

    with pytest.raises(Failed, match=f"has the version {RELEASED}"):
        clone.make("release", "VERSION=9.9.9")
    (clone.folder / "README.md").write_text("Not committed.")
    with pytest.raises(Failed, match="not committed"):
        clone.make("release", f"VERSION={RELEASED}")
    (clone.folder / "CHANGELOG.md").write_text("# Changelog\n")
    clone.commit()
    with pytest.raises(Failed, match=r"CHANGELOG\.md has no entry"):
        clone.make("release", f"VERSION={RELEASED}")
    assert not (clone.folder / "dist").exists()
