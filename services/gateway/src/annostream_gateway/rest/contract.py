"""The contract as the gateway reads it: descriptors of every message and RPC, with the comments of their protos."""

from __future__ import annotations

import importlib
import importlib.resources
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

# The options of an RPC stay unread bytes where this module was not imported before them.
from google.api import annotations_pb2  # noqa: F401
from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.descriptor_pool import DescriptorPool

_FILE = "contract.binpb"


@dataclass(frozen=True)
class Contract:
    """services: in the order of their names.  comments: full name of anything declared -> what its proto says."""

    services: tuple[ServiceDescriptor, ...]
    comments: dict[str, str]


@cache
def load() -> Contract:
    """The contract that annostream-proto ships."""
    data = (importlib.resources.files("annostream") / _FILE).read_bytes()
    files = descriptor_pb2.FileDescriptorSet.FromString(data)
    for file in files.file:
        importlib.import_module(file.name.removesuffix(".proto").replace("/", ".") + "_pb2")
    return read(files, descriptor_pool.Default())


def read(files: descriptor_pb2.FileDescriptorSet, pool: DescriptorPool) -> Contract:
    """A contract out of files whose types `pool` knows already."""
    names = sorted(f"{file.package}.{service.name}" for file in files.file for service in file.service)
    comments = {name: text for file in files.file for name, text in _comments(file)}
    return Contract(tuple(pool.FindServiceByName(name) for name in names), comments)


def _comments(file: descriptor_pb2.FileDescriptorProto) -> Iterator[tuple[str, str]]:
    for location in file.source_code_info.location:
        text = location.leading_comments or location.trailing_comments
        if text.strip() and location.path:
            yield f"{file.package}.{_name(file, list(location.path))}", _joined(text)


def _name(file: descriptor_pb2.FileDescriptorProto, path: list[int]) -> str:
    """The dotted name behind a path of field numbers and indexes, as descriptor.proto explains it."""
    here: object = file
    names = []
    for field_number, index in zip(path[::2], path[1::2], strict=False):
        field = type(here).DESCRIPTOR.fields_by_number[field_number]  # type: ignore[attr-defined]  # all are messages
        here = getattr(here, field.name)[index]
        names.append(here.name)  # type: ignore[attr-defined]  # whatever can be declared has a name
    return ".".join(names)


def _joined(comment: str) -> str:
    """One line: where a comment's lines break is a matter of the proto's width."""
    return " ".join(line.strip() for line in comment.strip().splitlines())
