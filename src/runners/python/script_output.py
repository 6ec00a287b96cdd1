"""What scripts print: lines with a level that travel with the result, never data.

Invariant: at most `limit` characters of a run are kept; the rest is dropped and said to be.
"""
from io import TextIOBase


class RunLog:
    """Lines of one run; a line counts when it has ended, the last one when the run has."""

    __slots__ = ('lines', '_left', '_open')

    def __init__(self, limit):
        self.lines = []
        self._left = limit
        self._open = {}

    def write(self, level, text):
        text = self._open.pop(level, '') + text
        if '\n' not in text:
            self._keep(level, text)
            return
        lines = text.split('\n')
        last = lines.pop()
        for line in lines:
            if self._left <= 0:
                return
            self.add(level, line)
        if last:
            self._keep(level, last)

    def add(self, level, text):
        if self._left <= 0:
            return
        self.lines.append((level, text[: self._left]))
        # The marks around each line count too, or endless empty lines would cost nothing.
        self._left -= len(text) + 16
        if self._left <= 0:
            self.lines.append(('warn', 'Further output of this run was dropped.'))

    def finished(self):
        for level, text in self._open.items():
            self.add(level, text)
        self._open = {}
        return self.lines

    # Text without an end of line may come for ever, too.
    def _keep(self, level, text):
        if len(text) < 8192:
            self._open[level] = text
        else:
            self.add(level, text)


class _Bytes:
    """`sys.stdout.buffer`."""

    def __init__(self, output):
        self._output = output

    def write(self, data):
        self._output.write(bytes(data).decode('utf-8', 'replace'))
        return len(data)

    def flush(self):
        pass


class ScriptOutput(TextIOBase):
    """`sys.stdout` or `sys.stderr` of scripts: writes to the log of the current run, if there is one."""

    encoding = 'utf-8'
    errors = 'replace'

    def __init__(self, level, current):
        self._level = level
        self._current = current
        self.buffer = _Bytes(self)

    def write(self, text):
        if not isinstance(text, str):
            raise TypeError('write() argument must be str, not %s' % type(text).__name__)
        log = self._current()
        if log is not None and text:
            log.write(self._level, text)
        return len(text)

    def writable(self):
        return True

    def flush(self):
        pass

    def close(self):
        pass

    def reconfigure(self, **_options):
        pass
