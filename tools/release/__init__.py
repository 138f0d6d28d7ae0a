"""Makes a release: `make release VERSION=0.1.0`.

The modules are: `__main__`, which checks the version and makes all files; `sbom`, which lists the packages of an image;
`archive`, which packs everything that an operator needs into one file.
"""
