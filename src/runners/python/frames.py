"""Frames between the server and this process: `u32 length, u8 kind, body`, little-endian, texts as `u32 bytes, UTF-8`.

Invariant: exactly what ../protocol.ts says.
"""
import posix
from _struct import Struct

from .event_view import DELETED
from .json_text import utf8

CHANNEL = 3

START, LOAD, RUN, REPLY, RECALL = 1, 2, 3, 4, 5
READY, RESULT, CALL, DROPPED, TRANSACT = 16, 17, 18, 19, 20
BEGIN, COMMIT, ROLLBACK = 0, 1, 2
FINISHED, THREW, EXITED = 0, 1, 2
IS_QUICK, IS_PRISTINE, IS_DIALECT, BINDS_LOOKUPS, IS_CHECK = 2, 4, 8, 16, 32
WANTS_CHANGES = 1
STOPS, RETIRE = 1, 2

_PART = 65536
_ABSENT = 0xFFFFFFFF
_DELETED = 0xFFFFFFFE
_head = Struct('<IB').unpack_from
_u32 = Struct('<I')
number = _u32.unpack_from
_result = Struct('<IB16sBBi').pack
_call = Struct('<IB16sII').pack
_step = Struct('<IB16sIBII').pack
_no_text = b'\xff\xff\xff\xff'
_deleted_text = b'\xfe\xff\xff\xff'
_nothing = _no_text * 10


class Closed(Exception):
    """The server is gone."""


def read_text(data, at):
    """A text and where the next field is."""
    length = _u32.unpack_from(data, at)[0]
    at += 4
    if length >= _DELETED:
        return None, at
    return data[at : at + length].decode('utf-8', 'replace'), at + length


def read_bytes(data, at):
    length = _u32.unpack_from(data, at)[0]
    at += 4
    return (b'', at) if length >= _DELETED else (data[at : at + length], at + length)


def frame_of(kind, body):
    return _u32.pack(len(body) + 1) + bytes((kind,)) + body


def text_bytes(text):
    if text is None:
        return _no_text
    data = text.encode('utf-8', 'replace')
    return _u32.pack(len(data)) + data


def call_frame(run_id, number, transaction, *texts):
    body = b''.join([text_bytes(text) for text in texts])
    return _call(len(body) + 25, CALL, run_id, number, transaction) + body


def step_frame(run_id, number, step, transaction, outer, service):
    body = text_bytes(service)
    return _step(len(body) + 30, TRANSACT, run_id, number, step, transaction, outer) + body


def result_frame(run_id, ending, flags, code, texts):
    """`texts`: error, log, returned and the seven changes; None for those that are absent."""
    if texts is None:
        return _result(23 + len(_nothing), RESULT, run_id, ending, flags, code) + _nothing
    parts = []
    for text in texts:
        if text is None:
            parts.append(_no_text)
        elif text is DELETED:
            parts.append(_deleted_text)
        else:
            data = utf8(text)
            parts.append(_u32.pack(len(data)))
            parts.append(data)
    body = b''.join(parts)
    return _result(23 + len(body), RESULT, run_id, ending, flags, code) + body


class Channel:
    """Both directions of descriptor 3; reads and writes wait."""

    def __init__(self):
        self._rest = b''

    def frames(self):
        """Kind, data, start and end of each frame of the next read; at least one."""
        found = []
        while not found:
            self._cut(self._rest + self._read(_PART), found)
        return found

    def frames_at_hand(self):
        """The same without waiting; perhaps none."""
        found = []
        posix.set_blocking(CHANNEL, False)
        try:
            data = self._rest + self._read(_PART)
        except BlockingIOError:
            return found
        finally:
            posix.set_blocking(CHANNEL, True)
        self._cut(data, found)
        return found

    def write(self, data):
        try:
            sent = posix.write(CHANNEL, data)
            while sent < len(data):
                data = data[sent:]
                sent = posix.write(CHANNEL, data)
        except (BrokenPipeError, ConnectionResetError):
            raise Closed from None

    def _cut(self, data, found):
        at = 0
        size = len(data)
        while size - at >= 5:
            length, kind = _head(data, at)
            end = at + 4 + length
            if end > size:
                if end - size > _PART:
                    # A large frame is read whole, not by the part: joining parts again and again would cost its
                    # square.
                    data = data[at:] + self._read_all(end - size)
                    at, size, end = 0, length + 4, length + 4
                else:
                    break
            found.append((kind, data, at + 5, end))
            at = end
        self._rest = data[at:] if at < size else b''

    def _read(self, most):
        try:
            data = posix.read(CHANNEL, most)
        except ConnectionResetError:
            data = b''
        if not data:
            raise Closed
        return data

    def _read_all(self, missing):
        parts = []
        while missing > 0:
            part = self._read(min(missing, 1048576))
            parts.append(part)
            missing -= len(part)
        return b''.join(parts)
