"""Work done in a copy of this process, which is gone afterwards.

Invariant: whatever the copy does to itself, this process gets its answer, its exit code or its signal.
"""
import gc
import posix
import sys

from . import frames

_DONE = 87


class Fork:
    """`data`: what the work gave, or None; `code` and `signal`: how the copy ended without giving anything;
    `left_others`: processes of it are still there."""

    def __init__(self, work, keeps_channel=False):
        self.data = None
        self.code = self.signal = 0
        # What earlier runs left to be collected is not for this one to find.
        gc.collect()
        reading, writing = posix.pipe()
        child = posix.fork()
        if child == 0:
            posix.close(reading)
            _work(work, writing, keeps_channel)
        posix.close(writing)
        try:
            data = _read_all(reading)
            _, status = posix.waitpid(child, 0)
            # Only whoever came from the copy can still hold the other end.
            self.left_others = not _is_closed(reading)
        finally:
            posix.close(reading)
        if posix.WIFSIGNALED(status):
            self.signal = posix.WTERMSIG(status)
        elif posix.WEXITSTATUS(status) == _DONE and data is not None:
            self.data = data
        else:
            self.code = posix.WEXITSTATUS(status)

    def text_or_raise(self, file):
        """The text that the work gave; the SyntaxError that it raised."""
        if self.data is None:
            raise SyntaxError('the text could not be read', (file, 1, 1, None))
        if self.data[:1] == b'+':
            return self.data[1:].decode()
        line, column, message = self.data[1:].decode().split('\n', 2)
        raise SyntaxError(message, (file, int(line), int(column), None))


def told(work):
    """Work whose SyntaxError is told as well."""
    def telling():
        try:
            return b'+' + work()
        except SyntaxError as error:
            return ('-%d\n%d\n%s' % (error.lineno or 1, error.offset or 1, error.msg)).encode()
    return telling


def _work(work, writing, keeps_channel):
    try:
        channel = posix.fstat(frames.CHANNEL).st_ino
        data = work()
        # Whoever closed the channel, or put something else there, has no answer to give.
        if keeps_channel and posix.fstat(frames.CHANNEL).st_ino != channel:
            posix.kill(posix.getpid(), 9)
        data = len(data).to_bytes(4, 'little') + data
        while data:
            data = data[posix.write(writing, data) :]
        posix._exit(_DONE)
    except frames.Closed:
        posix._exit(0)
    except BaseException:
        posix.kill(posix.getpid(), 9)


def finish_threads():
    """Waits for what a script has left to be done, as the end of a process does."""
    threading = sys.modules.get('threading')
    if threading is not None:
        threading._shutdown()
    atexit = sys.modules.get('atexit')
    if atexit is not None:
        atexit._run_exitfuncs()


def _read_all(reading):
    head = _read(reading, 4)
    return None if len(head) < 4 else _whole(reading, int.from_bytes(head, 'little'))


def _whole(reading, length):
    data = _read(reading, length)
    return data if len(data) == length else None


def _read(reading, length):
    parts = []
    while length > 0:
        part = posix.read(reading, min(length, 1048576))
        if not part:
            break
        parts.append(part)
        length -= len(part)
    return b''.join(parts)


def _is_closed(reading):
    posix.set_blocking(reading, False)
    try:
        return posix.read(reading, 1) == b''
    except BlockingIOError:
        return False
