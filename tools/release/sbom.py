"""Writes the software bill of materials (SBOM) of an image: the Python and Debian packages that the image contains.

The format is CycloneDX 1.6 (https://cyclonedx.org). The packages are read from the files of the image, so the SBOM
contains what is installed, and not what was requested.
"""

import re
import subprocess
import tarfile
from collections.abc import Iterator
from email.parser import BytesHeaderParser

from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

PYTHON_METADATA = re.compile(r".*(\.dist-info/METADATA|\.egg-info/PKG-INFO)$")
DEBIAN_METADATA = "var/lib/dpkg/status"


def files_of(image: str) -> Iterator[tuple[str, bytes]]:
    """Yield the path and the content of each file in the image that describes packages."""
    container = _docker("create", image).strip()
    try:
        with subprocess.Popen(["docker", "export", container], stdout=subprocess.PIPE) as export:
            with tarfile.open(fileobj=export.stdout, mode="r|") as files:
                for file in files:
                    if file.isfile() and (file.name == DEBIAN_METADATA or PYTHON_METADATA.match(file.name)):
                        content = files.extractfile(file)
                        assert content
                        yield file.name, content.read()
            export.communicate()
        if export.returncode:
            raise subprocess.CalledProcessError(export.returncode, export.args)
    finally:
        _docker("rm", container)


def python_package(metadata: bytes) -> PackageURL:
    """Return the package that a METADATA file describes. Its name is normalised as in PEP 503."""
    headers = BytesHeaderParser().parsebytes(metadata)
    return PackageURL("pypi", None, re.sub(r"[-_.]+", "-", headers["Name"]).lower(), headers["Version"])


def debian_packages(status: bytes) -> Iterator[PackageURL]:
    """Yield the installed packages that the file /var/lib/dpkg/status describes."""
    for paragraph in status.strip().split(b"\n\n"):
        headers = BytesHeaderParser().parsebytes(paragraph)
        if headers["Status"] == "install ok installed":
            qualifiers = {"arch": headers["Architecture"]}
            yield PackageURL("deb", "debian", headers["Package"], headers["Version"], qualifiers)


def sbom(image: str, version: str) -> str:
    """Return the SBOM of an image as JSON. Raises ValueError if it is not valid."""
    packages: set[PackageURL] = set()
    for name, content in files_of(image):
        packages.update(debian_packages(content) if name == DEBIAN_METADATA else [python_package(content)])
    bom = Bom()
    bom.metadata.component = Component(type=ComponentType.CONTAINER, name=image, version=version, bom_ref=image)
    for package in packages:
        component = Component(name=package.name, version=package.version, purl=package, bom_ref=str(package))
        bom.components.add(component)
    bom.register_dependency(bom.metadata.component, bom.components)
    text = JsonV1Dot6(bom).output_as_string(indent=2)
    if error := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
        raise ValueError(f"The SBOM of {image} is not valid: {error}")
    return text


def _docker(*arguments: str) -> str:
    return subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True).stdout
