"""Files of lines, a block at a time."""

import gzip
import os
import threading

import pytest

from labelmetrics.formats.blocks import Block, read_blocks

LINES = [f'{{"line": {number}}}\n'.encode() for number in range(9)]


def found(path, size=40):
    blocks = list(read_blocks(path, size))
    numbers = [number for block in blocks for number, _ in block.lines()]
    return numbers, b"".join(block.text for block in blocks)


@pytest.mark.parametrize("size", [1, 16, 40, 1 << 20])
@pytest.mark.parametrize("end", [b"", b"\n"])
def test_blocks_end_with_lines(tmp_path, size, end):
    file = tmp_path / "lines.ndjson"
    whole = b"".join(LINES).removesuffix(b"\n") + end
    file.write_bytes(whole)
    assert found(file, size) == (list(range(1, 10)), whole)
    assert all(block.text.endswith(b"\n") for block in list(read_blocks(file, size))[:-1])


def test_packed_files(tmp_path):
    file = tmp_path / "lines.ndjson.gz"
    file.write_bytes(gzip.compress(b"".join(LINES)))
    assert found(file) == (list(range(1, 10)), b"".join(LINES))


def test_what_has_no_size(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=[b"".join(LINES)])
    writer.start()
    assert found(pipe) == (list(range(1, 10)), b"".join(LINES))
    writer.join()


def test_a_file_that_grows(tmp_path):
    file = tmp_path / "lines.ndjson"
    file.write_bytes(b"".join(LINES[:3]))
    blocks = read_blocks(file, 1 << 20)
    assert next(blocks).text == b"".join(LINES[:3])
    with file.open("ab") as stream:
        stream.write(b"".join(LINES[3:]))
    (rest,) = blocks
    assert (rest.first_line, rest.text) == (4, b"".join(LINES[3:]))


@pytest.mark.parametrize("n", [0, 1, 7, 1 << 18, (1 << 18) + 9])
def test_newlines(n):
    text = (b"ab\ncdefghi\n\n" * (n // 12 + 1))[:n]
    block = Block("file", 1, text)
    assert block.newlines.tolist() == [place for place, one in enumerate(text) if one == ord("\n")]
    assert block.n_newlines == len(block.newlines)
