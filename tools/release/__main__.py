"""`python -m tools.release VERSION` builds the images of a version, and writes its files to dist/.

The script stops with an error if the repository contains another version, if files are not committed, or if the
changelog has no dated entry for the version. If CASHIER_REGISTRY is set, the images are pushed to this registry, unless
the registry already contains this version.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from cashier_core import __version__
from tools.release.archive import MAKEFILE, checksums, pack, save_images
from tools.release.sbom import sbom

ROOT = Path(__file__).parents[2]
DIST = ROOT / "dist"
PROJECT = "cashier_q_release"
SERVICES = ("web", "ws", "nginx_files", "backup")
"""The services whose images are built. nginx_files comes after web, because it contains a copy of web's files."""
BASE_IMAGES = ("nginx", "redis", "db")
"""The services whose base images are part of the archive, because cashier_q does not start without them."""
COPIED = (
    *("deploy/compose", "deploy/swarm", "deploy/kiosk"),
    *("docs/releases.md", "docs/runbook.md", "docs/settings.md", "LICENSE"),
)
"""The files and folders of the repository that are part of the archive."""


class NotReleasable(Exception):
    """Raised if the repository is not ready for a release. The message says what is missing."""


def run(*argv: str, **environment: str) -> str:
    """Run a command in the repository, and return its output."""
    done = subprocess.run(
        argv, cwd=ROOT, env={**os.environ, **environment}, stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout.strip()


def exists(image: str) -> bool:
    """Return whether a registry contains the image."""
    return not subprocess.run(["docker", "pull", "--quiet", image], capture_output=True, check=False).returncode


def notes_of(version: str, changelog: str) -> str:
    """Return the changelog's text about the version. Raises NotReleasable if there is no entry with a date."""
    heading = rf"## {re.escape(version)} \(\d{{4}}-\d{{2}}-\d{{2}}\)\n"
    if not (found := re.search(heading + r".*?(?=^## |\Z)", changelog, re.DOTALL | re.MULTILINE)):
        raise NotReleasable(f"CHANGELOG.md has no entry `## {version} (YYYY-MM-DD)`.")
    return found.group()


def verify(version: str, registry: str) -> str:
    """Return the notes of the version. Raises NotReleasable if this release cannot be made."""
    if version != __version__:
        raise NotReleasable(f"cashier_core/__init__.py has the version {__version__}: use VERSION={__version__}.")
    if changed := run("git", "status", "--porcelain"):
        raise NotReleasable(f"These files are not committed:\n{changed}")
    if registry and exists(f"{registry}/cashier_q-web:{version}"):
        raise NotReleasable(f"{registry} already contains cashier_q-web:{version}. A version cannot be replaced.")
    return notes_of(version, (ROOT / "CHANGELOG.md").read_text())


def build(source: Path, version: str, revision: str) -> list[str]:
    """Build the images from the folder `source`, and return the names of all images that a release needs."""
    environment = {
        "COMPOSE_FILE": str(source / "deploy/compose/compose.yaml"),
        "COMPOSE_PROJECT_NAME": PROJECT,
        "CASHIER_REGISTRY": "",
        "CASHIER_VERSION": version,
        "CASHIER_REVISION": revision,
        # Attestations contain the time of the build, so two builds of the same version would differ.
        "BUILDX_NO_DEFAULT_ATTESTATIONS": "1",
    }
    images = []
    for service in SERVICES:
        run("docker", "compose", "build", "--quiet", service, **environment)
        images.append(f"cashier_q-{service}:{version}")
        run("docker", "tag", f"{PROJECT}-{service}", images[-1])
    for service in SERVICES:
        run("docker", "rmi", f"{PROJECT}-{service}")
    # digests.env and variables such as CASHIER_NGINX_IMAGE may replace a base image by the same image in another
    # registry. In the archive, the image has the name in compose.yaml, because an operator has no such variables.
    used = services_of(environment)
    named = services_of(
        {**environment, **{name: "" for name in os.environ if re.fullmatch(r"CASHIER_\w+_IMAGE", name)}}
    )
    for service in BASE_IMAGES:
        image, name = used[service]["image"], named[service]["image"]
        if subprocess.run(["docker", "image", "inspect", image], capture_output=True, check=False).returncode:
            run("docker", "pull", "--quiet", image)
        run("docker", "tag", image, name)
        images.append(name)
    return images


def services_of(environment: dict[str, str]) -> dict[str, Any]:
    """Return the services of compose.yaml as Docker Compose sees them with these environment variables."""
    return dict(json.loads(run("docker", "compose", "config", "--format", "json", **environment))["services"])


def copy_committed_files(folder: Path, *paths: str) -> None:
    """Copy the committed state of the repository, or only these paths of it, into the folder."""
    with tempfile.TemporaryFile() as file:
        subprocess.run(["git", "archive", "HEAD", *paths], cwd=ROOT, stdout=file, check=True)
        file.seek(0)
        with tarfile.open(fileobj=file) as files:
            files.extractall(folder, filter="tar")


def push(images: list[str], registry: str) -> None:
    for image in images:
        run("docker", "tag", image, f"{registry}/{image}")
        run("docker", "push", "--quiet", f"{registry}/{image}")
        print(f"pushed {registry}/{image}")


def release(version: str) -> None:
    """Build the images, and write the archive, the SBOMs and the checksums to dist/."""
    registry = os.environ.get("CASHIER_REGISTRY", "")
    notes = verify(version, registry)
    revision = run("git", "describe", "--tags", "--always")
    name = f"cashier_q-{version}"
    # The images run on the architecture of the machine that has built them, for example amd64 or arm64.
    archive = f"{name}-{run('docker', 'version', '--format', '{{.Server.Arch}}')}.tar"
    DIST.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=DIST) as temporary:
        source, folder = Path(temporary, "source"), Path(temporary, name)
        copy_committed_files(source)
        print("building the images")
        images = build(source, version, revision)
        print("writing the SBOMs")
        (folder / "sbom").mkdir(parents=True)
        for service in SERVICES:
            text = sbom(f"cashier_q-{service}:{version}", version)
            (folder / "sbom" / f"{name}-{service}.cdx.json").write_text(text)
        print("writing the archive")
        copy_committed_files(folder, *COPIED)
        (folder / "Makefile").write_text(MAKEFILE)
        (folder / "NOTES.md").write_text(notes)
        (folder / "deploy/compose/VERSION").write_text(f"{version} {revision}\n")
        save_images(images, folder / "images.tar.gz")
        sums = checksums([folder / "images.tar.gz", *(folder / "sbom").iterdir()], folder)
        (folder / "SHA256SUMS").write_text(sums)
        pack(folder, Path(temporary, archive))
        for path in [*(folder / "sbom").iterdir(), Path(temporary, archive)]:
            shutil.move(path, DIST / path.name)
    files = [DIST / archive, *DIST.glob(f"{name}-*.cdx.json")]
    (DIST / "SHA256SUMS").write_text(checksums(files, DIST))
    for file in files:
        print(f"{file.relative_to(ROOT)}  {file.stat().st_size / 1e6:.1f} MB")
    if registry:
        push(images, registry)


def main(version: str) -> int:
    try:
        release(version)
    except NotReleasable as error:
        print(f"make release: {error}", file=sys.stderr)
        return 2
    except subprocess.CalledProcessError as error:
        print(f"make release: {' '.join(error.cmd)} failed with exit code {error.returncode}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
