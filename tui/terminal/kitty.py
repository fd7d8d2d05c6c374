"""Pictures that are sent whole, and placed by characters: kitty's graphics protocol.

<https://sw.kovidgoyal.net/kitty/graphics-protocol/#unicode-placeholders>
"""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

_PLACE = "\U0010eeee"
_CHUNK = 4096
_DIACRITICS = (
    "305 30d-30e 310 312 33d-33f 346 34a-34c 350-352 357 35b 363-36f 483-487 592-595 597-599 "
    "59c-5a1 5a8-5a9 5ab-5ac 5af 5c4 610-617 657-65b 65d-65e 6d6-6dc 6df-6e2 6e4 6e7-6e8 6eb-6ec "
    "730 732-733 735-736 73a 73d 73f-741 743 745 747 749-74a 7eb-7f1 7f3 816-819 81b-823 825-827 "
    "829-82d 951 953-954 f82-f83 f86-f87 135d-135f 17dd 193a 1a17 1a75-1a7c 1b6b 1b6d-1b73 "
    "1cd0-1cd2 1cda-1cdb 1ce0 1dc0-1dc1 1dc3-1dc9 1dcb-1dcc 1dd1-1de6 1dfe 20d0-20d1 20d4-20d7 "
    "20db-20dc 20e1 20e7 20e9 20f0 2cef-2cf1 2de0-2dff a66f a67c-a67d a6f0-a6f1 a8e0-a8f1 aab0 "
    "aab2-aab3 aab7-aab8 aabe-aabf aac1 fe20-fe26 10a0f 10a38 1d185-1d189 1d1aa-1d1ad 1d242-1d244"
)
"""The signs with which kitty writes a number over a character, first to last, in hexadecimals."""


def _spelled_out(ranges: str) -> list[str]:
    ends = [(part.split("-")[0], part.split("-")[-1]) for part in ranges.split()]
    return [chr(code) for low, high in ends for code in range(int(low, 16), int(high, 16) + 1)]


_NUMBER_SIGNS = _spelled_out(_DIACRITICS)


class KittyPicture:
    """A picture in a terminal such as kitty.

    Parameters
    ----------
    image
        With as many pixels as are worth sending; the terminal fits it into its cells.
    number
        By which it is known, from 16 to 255: the number of a colour, which tells it in each cell.
    columns, rows
        The cells.
    """

    def __init__(self, image: Image, number: int, columns: int, rows: int) -> None:
        from PIL.Image import Dither

        self.number, self.columns, self.rows = number, columns, rows
        file = io.BytesIO()
        image.quantize(256, dither=Dither.NONE).save(file, "PNG")  # a third of the bytes
        self._png = base64.b64encode(file.getvalue()).decode()

    @property
    def begin(self) -> str:
        """The picture, in pieces that are not too long."""
        starts = range(0, len(self._png), _CHUNK)
        head = f"a=T,U=1,i={self.number},f=100,c={self.columns},r={self.rows},q=2,"
        return "".join(
            f"\x1b_G{'' if start else head}m={int(start + _CHUNK < len(self._png))};"
            f"{self._png[start : start + _CHUNK]}\x1b\\"
            for start in starts
        )

    @property
    def end(self) -> str:
        """Forget it."""
        return f"\x1b_Ga=d,d=I,i={self.number},q=2\x1b\\"

    def cells(self, row: int, first: int, n: int) -> str:
        """Its row and column on the first one; the others follow that."""
        place = _PLACE + _NUMBER_SIGNS[row] + _NUMBER_SIGNS[first]
        return f"\x1b[38;5;{self.number}m{place}{_PLACE * (n - 1)}"
