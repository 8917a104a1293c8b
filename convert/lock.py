#!/usr/bin/env python3
"""Writes python/requirements.lock: the converters' packages with the hash of every wheel that a managed platform may take.

Run `python3 lock.py` after a change of PACKAGES; it needs a network and pip 22.3 or newer. The packages are downloaded by
name with pip, from whatever index the machine is set up for, and hashed here: pip itself compares them again when it
installs. What each package requires is not resolved: `--check` installs the lock into a new environment without its
dependencies, and has pip look for what is missing.
"""

import hashlib
import pathlib
import subprocess
import sys
import tempfile

# The converters are onnxruntime's own; onnx reads and writes models. The others are what these two import:
# onnx_ir and ml_dtypes for blocks of 4 bits, sympy (with mpmath) for symbolic shapes before static quantisation.
PACKAGES = {
    "flatbuffers": "25.12.19",
    "ml_dtypes": "0.6.0",
    "mpmath": "1.3.0",
    "numpy": "2.4.6",
    "onnx": "1.23.2",
    "onnx_ir": "1.1.0",
    "onnxruntime": "1.32.0",
    "packaging": "26.3",
    "protobuf": "7.36.2",
    "sympy": "1.14.0",
    "typing_extensions": "4.16.0",
}
# Those for which onnxruntime 1.32.0 has wheels.
PYTHONS = ["3.11", "3.12", "3.13", "3.14"]
# One wheel may be tagged for an older system than another: any of these runs on the platform.
PLATFORMS = {
    "Linux x86-64": ["manylinux_2_28_x86_64", "manylinux_2_27_x86_64", "manylinux2014_x86_64"],
    "Linux aarch64": ["manylinux_2_28_aarch64", "manylinux_2_27_aarch64", "manylinux2014_aarch64"],
    "macOS arm64": ["macosx_14_0_arm64"],
}
LOCK = pathlib.Path(__file__).parent / "python" / "requirements.lock"


def wheels(name, version, folder):
    """Downloads the wheels of one package for every Python and platform, most of them the same file."""
    for python in PYTHONS:
        for tags in PLATFORMS.values():
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
            command += ["--implementation", "cp", "--python-version", python, "--dest", folder]
            command += [word for tag in tags for word in ("--platform", tag)]
            subprocess.run([*command, f"{name}=={version}"], check=True)
    return sorted(pathlib.Path(folder).iterdir())


def entry(name, version):
    with tempfile.TemporaryDirectory() as folder:
        hashes = sorted({hashlib.sha256(wheel.read_bytes()).hexdigest() for wheel in wheels(name, version, folder)})
    return " \\\n".join([f"{name}=={version}", *(f"    --hash=sha256:{hash}" for hash in hashes)]) + "\n"


def write():
    head = f"# Written by lock.py; do not edit. CPython {', '.join(PYTHONS)} on {', '.join(PLATFORMS)}.\n"
    LOCK.write_text(head + "".join(entry(name, version) for name, version in sorted(PACKAGES.items())))


def check():
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        pip = [f"{folder}/bin/python", "-m", "pip"]
        subprocess.run([*pip, "install", "--require-hashes", "--no-deps", "--only-binary=:all:", "-r", LOCK], check=True)
        subprocess.run([*pip, "check"], check=True)


if __name__ == "__main__":
    check() if sys.argv[1:] == ["--check"] else write()
