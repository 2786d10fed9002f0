"""The packages to install: what lies in dicentlib/, and the folder models/ as dicentlib.ready."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["dicentlib*"]), "dicentlib.ready"],
    package_dir={"dicentlib.ready": "models"},
)
