"""Generates Python from the contract; with --check proves that it is current, lints it, compares it with a release."""

from __future__ import annotations

import argparse
import filecmp
import importlib.resources
import subprocess
import sys
import tempfile
from pathlib import Path

from google.rpc import status_pb2

ROOT = Path(__file__).resolve().parent
GENERATED = ROOT / "gen" / "annostream"
_KEPT_SUFFIXES = frozenset({".py", ".pyi", ".typed", ".binpb"})


def includes(source: Path) -> list[str]:
    """Include paths: our own protos, protoc's well-known types, and googleapis from its PyPI package."""
    well_known = importlib.resources.files("grpc_tools") / "_proto"
    googleapis = Path(status_pb2.__file__).parents[2]
    return [f"-I{source}", f"-I{well_known}", f"-I{googleapis}"]


def protos(source: Path) -> list[str]:
    return sorted(str(path.relative_to(source)) for path in (source / "annostream").rglob("*.proto"))


def protoc(source: Path, *arguments: str) -> None:
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    command = [sys.executable, "-m", "grpc_tools.protoc", *includes(source), *arguments, *protos(source)]
    subprocess.run(command, check=True, cwd=source, env={"PATH": path})


def generate(into: Path) -> None:
    """Writes messages, stubs and typed stubs of gRPC under `into`, and makes every folder a typed package.

    Our own descriptors go with them, with their comments, which the generated Python leaves out: the gateway's routes
    and their documents are made from these.
    """
    into.mkdir(parents=True, exist_ok=True)
    protoc(
        ROOT,
        f"--python_out={into}",
        f"--grpc_python_out={into}",
        f"--mypy_out=quiet:{into}",
        f"--mypy_grpc_out=quiet:{into}",
    )
    protoc(ROOT, f"--descriptor_set_out={into / 'annostream' / 'contract.binpb'}", "--include_source_info")
    for folder in [into / "annostream", *(path for path in (into / "annostream").rglob("*") if path.is_dir())]:
        if folder.name != "__pycache__":
            (folder / "__init__.py").touch()
    (into / "annostream" / "py.typed").touch()


def descriptor_image(source: Path, into: Path) -> Path:
    image = into / "image.binpb"
    protoc(source, f"--descriptor_set_out={image}", "--include_imports", "--include_source_info")
    return image


def written(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.suffix in _KEPT_SUFFIXES}


def is_current() -> bool:
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder)
        generate(fresh)
        names, kept = written(fresh / "annostream"), written(GENERATED)
        _, differing, missing = filecmp.cmpfiles(fresh / "annostream", GENERATED, names, shallow=False)
        return names == kept and not differing and not missing


def buf(*arguments: str) -> None:
    command = [str(Path(sys.executable).parent / "buf"), *arguments, "--config", str(ROOT / "buf.yaml")]
    subprocess.run(command, check=True)


def lint_and_compare(against: str) -> None:
    """Lints the contract; refuses a change that breaks users of the git revision `against`, where that has one."""
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        image = descriptor_image(ROOT, here)
        buf("lint", str(image))
        archive = subprocess.run(
            ["git", "archive", against, "proto/annostream"], cwd=ROOT.parent, capture_output=True, check=False
        )
        if archive.returncode != 0:
            print(f"Nothing to compare with: {against} has no contract.")
            return
        old = here / "old"
        old.mkdir()
        subprocess.run(["tar", "-x", "-C", str(old)], input=archive.stdout, check=True)
        before = old / "before"
        before.mkdir()
        buf("breaking", str(image), "--against", str(descriptor_image(old / "proto", before)))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--against", default="main", metavar="REVISION")
    options = parser.parse_args()
    if not options.check:
        generate(GENERATED.parent)
        return 0
    if not is_current():
        print("Generated code is not current: run `make proto` and commit what it wrote.")
        return 1
    lint_and_compare(options.against)
    return 0


if __name__ == "__main__":
    sys.exit(main())
