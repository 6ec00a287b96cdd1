"""One execution of a program: what its script gets, the calls that it makes, and how it ended as texts.

Invariant: ends in exactly one way; after that nothing of it reaches the server any more.
"""
import _thread
from types import CoroutineType as Coroutine

from . import attempts, frames
from .event_view import UNCHANGED, EventView, EventViewOfPython2, read_plain
from .json_text import FALSY, json_of
from .platform_api import MEMBERS, Platform
from .script_program import with_lookups
from .thrown_value import describe
from .transactions import Transactions


class ScriptRun:
    _lock = _session = _transactions = None
    _calls = 0
    _is_over = False

    def __init__(self, run_id, program, data, at, end, host):
        self.id = run_id
        self.program = program
        self.is_python2 = program.is_python2
        self.view = (EventViewOfPython2 if program.is_python2 else EventView)(data, at + 1, end)
        self._host = host
        self._wants = data[at] & frames.WANTS_CHANGES

    def result(self, last=None):
        """Runs the script; ending, code and the texts of the result, `stops` among them. `last` is done before the
        run is over: threads that the script has started may still call the platform."""
        try:
            ending, code, error, returned, changes, stops = self._ended()
            if last is not None:
                last()
        finally:
            self._is_over = True
            self.view.close()
        if error is None and returned is None and changes is UNCHANGED and not self._host.has_output():
            return ending, code, None, stops
        return ending, code, self._texts(error, returned, changes), stops

    def _ended(self):
        try:
            return self._finished(self._value())
        except SystemExit as leaving:
            return frames.EXITED, self._exit_code(leaving.code), None, None, UNCHANGED, False
        except BaseException as thrown:
            return frames.THREW, 0, json_of(describe(thrown, self.program.file)), None, UNCHANGED, False

    def thrown(self, thrown):
        """The texts of a result that is an error."""
        return self._texts(json_of(describe(thrown, self.program.file)), None, UNCHANGED)

    # What the script sees.

    def _value(self):
        program = self.program
        event = self.view.event if program.has_event else None
        if program.has_event_only:
            value = program.function()(event, None)
        else:
            more = {}
            platform = None
            if program.has_platform:
                platform = more['_platform'] = Platform(self, MEMBERS)
            if program.has_info:
                more['_event'] = self.view.info()
            if program.binds_lookups:
                more['_tenon_lookup'] = self._with_lookups
            value = program.function(more)(event, platform)
        return _awaited(value) if type(value) is Coroutine else value

    def _with_lookups(self, text):
        if self._session is None:
            session = read_plain(self.view.text(5) or '{}')
            self._session = session if isinstance(session, dict) else {}
        return with_lookups(text, self._session)

    def config(self):
        return self.view.read(self._host.config)

    def call(self, method, path, options, payload):
        """Status, headers and body of the server's answer. Threads of a script take turns."""
        transaction = 0 if self._transactions is None else self._transactions.current()
        return self._asked(lambda number: frames.call_frame(
            self.id, number, transaction, method, path, options, payload, attempts.inside(self)))

    def transaction(self, given):
        if self._transactions is None:
            self._transactions = Transactions(self._step)
        return self._transactions.of(given)

    def once(self, key, work):
        return attempts.once(self, key, work)

    retry = staticmethod(attempts.retry)
    fail = staticmethod(attempts.fail)

    def _step(self, step, transaction, outer, service):
        return self._asked(lambda number: frames.step_frame(self.id, number, step, transaction, outer, service))

    def _asked(self, frame):
        if self._lock is None:
            self._lock = _thread.allocate_lock()
        with self._lock:
            if self._is_over:
                raise RuntimeError('The run that this call belongs to is over.')
            self._calls += 1
            self._host.send(frame(self._calls))
            data, at = self._host.reply_to(self.id, self._calls)
        status = data[at] | data[at + 1] << 8
        headers, at = frames.read_text(data, at + 2)
        body, _ = frames.read_bytes(data, at)
        return status, read_plain(headers), body

    # How it ended.

    def _finished(self, value):
        view = self.view
        returned = None if value is None else view.write(value)
        if returned in FALSY:
            returned = None
        if self._wants and not self.program.reads_only:
            return frames.FINISHED, 0, None, returned, view.changes(self.program.mutates), view.stops()
        return frames.FINISHED, 0, None, returned, UNCHANGED, False

    def _texts(self, error, returned, changes):
        lines = self._host.output_lines()
        return (error, json_of(lines) if lines else None, returned) + changes

    def _exit_code(self, code):
        if code is None or isinstance(code, int):
            return (code or 0) & 0xFF
        self._host.print_error(str(code))
        return 1


def _awaited(coroutine):
    import asyncio
    return asyncio.run(coroutine)
