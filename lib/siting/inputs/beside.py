"""Files that somebody else may have put where we read: scenarios' attachments, notebooks, reports.

They are data. Links, devices and pipes are not followed, what is too large is not read, and JSON
that is nested too deeply is refused.
"""

from __future__ import annotations

import io
import json
import os
import re
import stat
from pathlib import Path
from typing import Any

from siting.inputs.document import members

MIB = 1 << 20
DEEPEST = 100
"""Levels of JSON that are read; no file of the kit has more than a dozen."""


def content(path: Path, most: int) -> bytes:
    """The bytes of a plain file of at most `most` bytes.

    Raises FileNotFoundError, or ValueError with what is wrong and what to do instead.
    """
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    if path.is_symlink():
        raise ValueError("is a link; put the file itself there")
    try:
        descriptor = os.open(path, flags)
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(path) from None
    except OSError as error:
        raise ValueError(f"cannot be read ({error.strerror})") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ValueError("is no plain file; put the file itself there")
    with open(descriptor, "rb") as file:
        read = file.read(most + 1)
    if len(read) > most:
        raise ValueError(f"is larger than {most / MIB:g} MiB; write a smaller one")
    return read


def parsed(text: bytes | str, deepest: int = DEEPEST) -> Any:
    """JSON as plain data. Raises ValueError where it is nested too deeply, or JSONDecodeError."""
    try:
        found = json.loads(text)
    except RecursionError:
        raise ValueError("is nested too deeply") from None
    except ValueError as error:
        if isinstance(error, json.JSONDecodeError):
            raise
        raise ValueError("holds a number of thousands of digits") from None
    level: list[Any] = [found]
    for _ in range(deepest):
        level = [inner for outer in level for _, inner in members(outer)]
        if not level:
            return found
    raise ValueError("is nested too deeply")


def picture(data: bytes) -> str:
    """The kind of a picture, `png` or `svg`, which was decoded to see that it is one.

    Raises ValueError with what is wrong and what to do instead.
    """
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        _decode_png(data)
        return "png"
    if re.match(rb"\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*<(\w+:)?svg\b", data, re.DOTALL):
        _parse_svg(data)
        return "svg"
    raise ValueError("is neither PNG nor SVG; convert it")


def _decode_png(data: bytes) -> None:
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
            if max(image.size) > 4000:
                raise ValueError("is larger than 4000 pixels; write a smaller one")
            image.load()
    except (OSError, SyntaxError, Image.DecompressionBombError):
        raise ValueError("is a damaged PNG; export it again") from None


def _parse_svg(data: bytes) -> None:
    from xml.etree import ElementTree

    if re.search(rb"<!DOCTYPE|<!ENTITY", data, re.IGNORECASE):
        raise ValueError("declares a document type; export it as plain SVG")
    try:
        root = ElementTree.fromstring(data)
    except (ElementTree.ParseError, ValueError, LookupError):
        raise ValueError("is a damaged SVG; export it again") from None
    for element in root.iter():
        name = str(element.tag).rpartition("}")[2]
        if name in ("script", "foreignObject"):
            raise ValueError(f"holds a {name}; export it as plain SVG")
        for attribute, value in element.attrib.items():
            link = attribute.rpartition("}")[2] == "href"
            outside = link and not value.startswith(("#", "data:"))
            if outside or re.search(r"url\(\s*['\"]?(?!#)", value):
                raise ValueError("refers to another file; export it as plain SVG")
