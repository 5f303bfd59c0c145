"""The JSON of a result from MySQL, as far as no server is needed to see it."""

import tracemalloc

import pytest

from executor.mysql.packets import Column
from executor.mysql.results import ResultText
from executor.rows import ResultTooLargeError

BINARY = 63
LONG = 3


def test_what_a_row_s_names_take_is_counted_before_many_rows_are_written() -> None:
    text = ResultText(BINARY, rows_max=10_000, max_bytes=1 << 20)
    text.begin([Column(f"{'x' * 200}{number}", LONG, 0, BINARY, 11) for number in range(1000)])
    rows: list[list[bytes | None]] = [[None] * 1000] * 400

    tracemalloc.start()
    try:
        with pytest.raises(ResultTooLargeError):
            text.add(rows)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    # All the rows together would be 85 MB.
    assert peak_bytes < 16 << 20
