"""What do bytes look like to somebody who compares them with a manual?"""

from __future__ import annotations

from collections.abc import Iterator

from dash import html

PER_LINE = 16
NO_LETTER = "·"


def lines(data: bytes) -> Iterator[str]:
    """``0010  1b 56 50  |.VP|``: place, hex and text, 16 bytes a line."""
    for start in range(0, len(data), PER_LINE):
        piece = data[start : start + PER_LINE]
        first, second = piece[: PER_LINE // 2].hex(" "), piece[PER_LINE // 2 :].hex(" ")
        text = "".join(chr(byte) if 0x20 <= byte < 0x7F else NO_LETTER for byte in piece)
        yield f"{start:04x}  {first:<23}  {second:<23}  |{text}|"


def dump(data: bytes, label: str) -> html.Div:
    """One text, never markup; it can be scrolled with the keyboard."""
    return html.Div(
        html.Pre("\n".join(lines(data)) or "Nothing yet."),
        className="raw-bytes",
        tabIndex=0,
        role="region",
        **{"aria-label": label},
    )
