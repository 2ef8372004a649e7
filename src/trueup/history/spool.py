"""A bounded queue on disk: frames in segment files, appended and made durable in batches, taken away from the front.

A frame is its length and CRC-32 (each four bytes, big endian) and its payload. A process that dies in the middle of an
append leaves a torn tail: reading stops there, and nothing before it is lost. A new process begins a new segment.
Delivery is at least once: what was taken and not yet dropped comes again.
"""

from __future__ import annotations

import os
import struct
import sys
import threading
import zlib
from collections.abc import Sequence
from io import FileIO
from pathlib import Path

import msgspec

SEGMENT_BYTES = 4 * 1024 * 1024
FRAME_BYTES = 64 * 1024 * 1024
BATCH_BYTES = 8 * 1024 * 1024
_HEADER = struct.Struct(">II")


class Mark(msgspec.Struct, frozen=True):
    """A place in the spool: a segment's number and an offset in it (bytes)."""

    segment: int
    offset: int


def frame(payload: bytes) -> bytes:
    """Put a payload into a frame."""
    return _HEADER.pack(len(payload), zlib.crc32(payload)) + payload


def read_frames(data: bytes, limit: int = 1 << 30) -> tuple[list[bytes], int]:
    """Give the payloads of at most `limit` whole frames at the front of `data`, and how many bytes these take."""
    payloads: list[bytes] = []
    offset = 0
    while len(payloads) < limit and offset + _HEADER.size <= len(data):
        length, crc = _HEADER.unpack_from(data, offset)
        payload = data[offset + _HEADER.size : offset + _HEADER.size + length]
        if length > FRAME_BYTES or len(payload) < length or zlib.crc32(payload) != crc:
            break
        payloads.append(payload)
        offset += _HEADER.size + length
    return payloads, offset


class Spool:
    """One folder of segments. One thread appends, another one takes and drops."""

    def __init__(self, folder: Path, limit: int, segment: int = SEGMENT_BYTES) -> None:
        """Take the folder, which is made if absent, and the most bytes that may lie in it. Raises `OSError`."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._limit = limit
        self._segment = segment
        self._lock = threading.Lock()
        self._appending = threading.Lock()
        self._sizes = {int(path.stem): path.stat().st_size for path in folder.glob("*.spool") if path.stem.isdigit()}
        self._next = max(self._sizes, default=0) + 1
        self._open: tuple[int, FileIO] | None = None
        self._read = Mark(min(self._sizes, default=self._next), 0)

    @property
    def size(self) -> int:
        """The bytes of all segments."""
        with self._lock:
            return sum(self._sizes.values())

    @property
    def folder(self) -> Path:
        """Where it lies."""
        return self._folder

    def append(self, payloads: Sequence[bytes], *, last: bool = False) -> int:
        """Append and make durable as many as there is room for; gives how many. Raises `OSError`: then none were.

        `last`: nothing follows, and all of it is taken whatever the bound says.
        """
        with self._appending:
            return self._append(payloads, sys.maxsize if last else self._limit - self.size)

    def _append(self, payloads: Sequence[bytes], room: int) -> int:
        data, count = bytearray(), 0
        for payload in payloads:
            framed = frame(payload)
            if len(data) + len(framed) > room:
                break
            data += framed
            count += 1
        if not count:
            return 0
        number, file = self._segment_to_write()
        start = self._sizes[number]
        try:
            left = memoryview(data)
            while left:
                left = left[file.write(left) :]
            os.fsync(file.fileno())
        except OSError:
            self._cut(number, file, start)
            raise
        with self._lock:
            self._sizes[number] = start + len(data)
        return count

    def take(self, limit: int = 200) -> tuple[list[bytes], Mark]:
        """Give the payloads at the front, at most `limit`, and the mark to drop them by. Raises `OSError`."""
        while True:
            with self._lock:
                mark = self._read
                known = mark.segment in self._sizes
                end = self._sizes.get(mark.segment, 0)
                writing = self._open is not None and self._open[0] == mark.segment
                after = min((number for number in self._sizes if number > mark.segment), default=None)
            if known and mark.offset < end:
                with self._path(mark.segment).open("rb") as file:
                    file.seek(mark.offset)
                    wanted = end - mark.offset
                    data = file.read(min(BATCH_BYTES, wanted))
                    payloads, used = read_frames(data, limit)
                    if not payloads and len(data) < wanted:
                        payloads, used = read_frames(data + file.read(wanted - len(data)), 1)
                if payloads:
                    return payloads, Mark(mark.segment, mark.offset + used)
            if writing or (not known and after is None):
                return [], mark
            # All of it was taken, or what is left of it is torn.
            self._remove(mark.segment)
            with self._lock:
                self._read = Mark(after if after is not None else self._next, 0)
            if after is None:
                return [], self._read

    def drop(self, mark: Mark) -> None:
        """Let go of all before a mark: it is stored elsewhere. Raises `OSError`."""
        with self._lock:
            self._read = mark
        if not self._appending.acquire(blocking=False):
            # More is just being written behind it; the segment goes when all of that was taken.
            return
        try:
            with self._lock:
                whole = mark.offset >= self._sizes.get(mark.segment, 0)
                if whole and self._open is not None and self._open[0] == mark.segment:
                    self._open[1].close()
                    self._open = None
            if whole:
                self._remove(mark.segment)
        finally:
            self._appending.release()

    def close(self) -> None:
        """Close the file that was written to."""
        with self._lock:
            if self._open is not None:
                self._open[1].close()
                self._open = None

    def _segment_to_write(self) -> tuple[int, FileIO]:
        with self._lock:
            if self._open is not None and self._sizes[self._open[0]] >= self._segment:
                self._open[1].close()
                self._open = None
            if self._open is None:
                number = self._next
                file = self._path(number).open("wb", buffering=0)
                self._next, self._open, self._sizes[number] = number + 1, (number, file), 0
                folder = os.open(self._folder, os.O_RDONLY)
                try:
                    os.fsync(folder)
                finally:
                    os.close(folder)
            return self._open

    def _cut(self, number: int, file: FileIO, size: int) -> None:
        """Take a torn tail away; where even that fails, the segment is not written to again."""
        try:
            file.truncate(size)
            file.seek(size)
        except OSError:
            with self._lock:
                file.close()
                self._open = None

    def _remove(self, number: int) -> None:
        with self._lock:
            self._sizes.pop(number, None)
        self._path(number).unlink(missing_ok=True)

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:08d}.spool"
