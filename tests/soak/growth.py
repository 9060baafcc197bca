"""Has something grown from its first quarter to its last?"""

from __future__ import annotations

import statistics
from collections.abc import Sequence


def quarters(values: Sequence[float]) -> tuple[float, float]:
    """The medians of the first and of the last quarter."""
    quarter = max(1, len(values) // 4)
    return statistics.median(values[:quarter]), statistics.median(values[-quarter:])
