"""A zip file from elsewhere → its files, without trusting anything that it says about itself."""

from __future__ import annotations

import io
import zipfile
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .report import Skipped, UnreadableError

if TYPE_CHECKING:
    from collections.abc import Iterator

MEGABYTE = 2**20
CHUNK = 64 * 1024
ENCRYPTED = 0x1
READABLE = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of an artifact is read; what goes over is skipped with a reason."""

    archive_bytes: int = 64 * MEGABYTE
    members: int = 2_000
    member_bytes: int = 64 * MEGABYTE
    total_bytes: int = 256 * MEGABYTE
    ratio: int = 200
    """Unpacked to packed size of one file; text packs to a twentieth, a bomb to a thousandth."""
    ratio_floor: int = MEGABYTE
    """Below this size the ratio does not matter."""


def unpack(content: bytes, limits: Limits) -> Iterator[tuple[str, bytes] | Skipped]:
    """Yield the name and bytes of each file; what is too big or broken is skipped.

    Sizes are counted while unpacking: the sizes in a zip's directory can lie. Names are only for
    telling reports apart; nothing is written anywhere.

    Args:
        content: The zip file.
        limits: How much to read.

    Raises:
        UnreadableError: It is not a zip file, or it holds more files than any report has.
    """
    if len(content) > limits.archive_bytes:
        raise UnreadableError(
            f"it has {len(content):,} bytes, more than the {limits.archive_bytes:,} that are read"
        )
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except (zipfile.BadZipFile, zipfile.LargeZipFile, ValueError, OSError, NotImplementedError):
        raise UnreadableError("it is not a zip file, or it is damaged") from None
    with archive:
        # Not `is_dir`, which fails for a name that is empty.
        members = [member for member in archive.infolist() if not member.filename.endswith("/")]
        if len(members) > limits.members:
            raise UnreadableError(
                f"it holds {len(members):,} files, more than the {limits.members:,} that are read"
            )
        left = limits.total_bytes
        for member in members:
            try:
                data = _read(archive, member, limits, left)
            except UnreadableError as error:
                yield Skipped(member.filename, str(error))
            else:
                left -= len(data)
                yield member.filename, data


def _read(archive: zipfile.ZipFile, member: zipfile.ZipInfo, limits: Limits, left: int) -> bytes:
    if member.flag_bits & ENCRYPTED:
        raise UnreadableError("it is encrypted")
    if member.compress_type not in READABLE:
        raise UnreadableError("it is packed in a way that artifacts are not")
    most = min(limits.member_bytes, left)
    packed = max(member.compress_size, 1)
    data = bytearray()
    try:
        with archive.open(member) as stream:
            while chunk := stream.read(CHUNK):
                data += chunk
                if len(data) > most:
                    raise UnreadableError(f"it unpacks to more than {most:,} bytes")
                if len(data) > limits.ratio_floor and len(data) > limits.ratio * packed:
                    raise UnreadableError(
                        f"it unpacks to more than {limits.ratio} times its packed size"
                    )
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, OSError, NotImplementedError):
        raise UnreadableError("it is damaged") from None
    return bytes(data)
