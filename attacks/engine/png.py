"""What a PNG says of itself beside its picture."""

from __future__ import annotations

import zlib

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def texts(content: bytes) -> dict[str, str]:
    """Return the texts of a PNG by keyword; none of what is no whole PNG, down to its checksums."""
    found, place = dict[str, str](), len(SIGNATURE)
    if not content.startswith(SIGNATURE):
        return {}
    while place + 12 <= len(content):
        length = int.from_bytes(content[place : place + 4], "big")
        kind, data = content[place + 4 : place + 8], content[place + 8 : place + 8 + length]
        end = place + 12 + length
        if content[end - 4 : end] != zlib.crc32(kind + data).to_bytes(4, "big"):
            return {}
        if kind == b"tEXt":
            keyword, _, text = data.decode("latin-1").partition("\0")
            found[keyword] = text
        if kind == b"IEND":
            return found
        place = end
    return {}
