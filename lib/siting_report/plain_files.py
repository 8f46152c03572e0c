"""Files that somebody else may have put where we read: scenarios' attachments, notebooks, reports.

They are data. Links, devices and pipes are not followed, what is too large is not read, and JSON
that is nested too deeply is refused.
"""

from __future__ import annotations

import errno
import io
import json
import os
import re
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

MIB = 1 << 20
NO_LINK: int = getattr(os, "O_NOFOLLOW", 0)
"""Has the system refuse to open a link, where it can (not on Windows)."""
_READ: int = os.O_RDONLY | NO_LINK | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
DEEPEST = 100
"""Levels of JSON that are read; no file of the kit has more than a dozen."""


class Missing(FileNotFoundError, ValueError):
    """There is no such file."""


def opened(path: Path) -> BinaryIO:
    """A plain file. Raises ValueError with what is wrong and what to do instead; Missing without
    one."""
    try:
        if not NO_LINK and path.is_symlink():
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        descriptor = os.open(path, _READ)
    except (FileNotFoundError, NotADirectoryError):
        raise Missing("does not exist; put the file there, or check its name") from None
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise ValueError("is a link; put the file itself there") from None
        raise ValueError(f"cannot be read ({error.strerror}); check its name and rights") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ValueError("is no plain file; put the file itself there")
    return open(descriptor, "rb")


def content(path: Path, most: int) -> bytes:
    """The bytes of a plain file of at most `most` bytes. Raises as `opened` does."""
    with opened(path) as file:
        read = file.read(most + 1)
    if len(read) > most:
        raise ValueError(f"is larger than {most / MIB:g} MiB; write a smaller one")
    return read


def members(data: Any) -> Iterable[tuple[Any, Any]]:
    """What a mapping or a list holds, by key or by position; nothing where it is neither."""
    if isinstance(data, dict):
        return data.items()
    return enumerate(data) if isinstance(data, list) else ()


def parsed(text: bytes | str, deepest: int = DEEPEST) -> Any:
    """JSON as plain data. Raises ValueError where it is nested too deeply, or JSONDecodeError."""
    try:
        found = json.loads(text)
    except RecursionError:
        raise ValueError("is nested too deeply") from None
    except json.JSONDecodeError:
        raise
    except ValueError:
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


_ACTIVE = {
    "script", "foreignobject", "handler", "iframe", "audio", "video",
    "set", "animate", "animatemotion", "animatetransform", "animatecolor", "discard",
}  # fmt: skip
"""Elements of SVG that run something, bring in another document, or change others in time."""


def _check_attribute(name: str, value: str) -> None:
    """Raises ValueError for an attribute that runs something or refers to another file."""
    if name.startswith("on"):
        raise ValueError(f"holds a script ({name}); export it as plain SVG")
    picture = re.match(r"data:image/(png|jpeg|gif|webp)[;,]", value)
    if name in ("href", "src") and not (value.startswith("#") or picture):
        raise ValueError("refers to another file; export it as plain SVG")
    _check_style(value)


def _check_style(text: str) -> None:
    """Raises ValueError for styles that refer to another file, spelt with escapes or without."""
    if re.search(r"url\((?!\s*['\"]?#)|@import|\\", text, re.IGNORECASE):
        raise ValueError("refers to another file; export it as plain SVG")


def _parse_svg(data: bytes) -> None:
    """Reads it, then sets it as the report will: its size, and how much it draws, are bounded."""
    from xml.etree import ElementTree

    import typst

    if re.search(rb"<!DOCTYPE|<!ENTITY", data, re.IGNORECASE):
        raise ValueError("declares a document type; export it as plain SVG")
    try:
        root = ElementTree.fromstring(data)
    except (ElementTree.ParseError, ValueError, LookupError):
        raise ValueError("is a damaged SVG; export it again") from None
    for element in root.iter():
        name = str(element.tag).rpartition("}")[2]
        if name.lower() in _ACTIVE:
            raise ValueError(f"holds <{name}>; export it as plain SVG, without scripts or motion")
        for attribute, value in element.attrib.items():
            _check_attribute(attribute.rpartition("}")[2].lower(), value)
        if name.lower() == "style":
            _check_style(element.text or "")
    try:
        page: Any = {"main.typ": b'#image("logo.svg")', "logo.svg": data}
        typst.compile(page, ignore_system_fonts=True)
    except RuntimeError as error:
        raise ValueError(f"cannot be set ({error}); export it again, smaller") from None
