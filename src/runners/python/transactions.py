"""`platform.transaction`: what a function or a block does is kept when it ends, and undone when it raises.

Invariant: calls join the transaction in whose function or block they are made; other threads of a script are outside.
"""
from _contextvars import ContextVar
from types import CoroutineType as Coroutine

from . import frames
from .event_view import read_plain

# Made with the process: one that came with a run would be a trace of it.
_current = ContextVar('transaction', default=None)


class TransactionError(Exception):
    """The platform refused to begin or to keep a transaction; nothing of it was kept."""

    def __init__(self, status, body):
        error = error_of(body)
        Exception.__init__(self, error.get('message') or 'The transaction was refused.')
        self.status_code = status
        self.code = error.get('code', status)


class Transactions:
    """Those of one run; `step` sends a step and waits for its answer."""

    def __init__(self, step):
        self._step = step
        self._last = 0

    def current(self):
        """The number of the transaction that a call made now joins; 0: none."""
        inside = _current.get()
        return inside.number if inside is not None and inside.owner is self else 0

    def of(self, given):
        service, work = _read(given)
        block = Block(self, service)
        return block if work is None else block.run(work)

    def begin(self, service):
        self._last += 1
        outer = self.current()
        self.take(frames.BEGIN, self._last, outer, service)
        return self._last, outer

    def take(self, *step):
        status, _, body = self._step(*step)
        if status >= 400:
            raise TransactionError(status, body)


class Block:
    """One transaction, as a block of `with`."""

    def __init__(self, owner, service):
        self.owner = owner
        self.number = 0
        self._outer = 0
        self._service = service
        self._before = None

    def __enter__(self):
        if self.number:
            raise RuntimeError('A transaction can not be begun twice.')
        self.number, self._outer = self.owner.begin(self._service)
        self._before = _current.set(self)
        return self

    def __exit__(self, kind, raised, _traceback):
        _current.reset(self._before)
        if raised is not None:
            self._end(frames.ROLLBACK)
            return False
        try:
            self._end(frames.COMMIT)
        except TransactionError as refused:
            # The line that the script reads is its own.
            raise refused.with_traceback(None) from None
        return False

    async def __aenter__(self):
        return self.__enter__()

    async def __aexit__(self, *raised):
        return self.__exit__(*raised)

    def run(self, work):
        if is_asynchronous(work):
            return self._run_later(work)
        with self:
            value = work()
            if type(value) is Coroutine:
                value.close()
                raise TypeError('platform.transaction: give it the async function itself, and await what it returns.')
            return value

    async def _run_later(self, work):
        with self:
            return await work()

    def _end(self, step):
        try:
            self.owner.take(step, self.number, self._outer, self._service)
        except TransactionError:
            # Whatever was raised says more than that the transaction was over by then.
            if step != frames.ROLLBACK:
                raise


def _read(given):
    service, work = (given + (None, None))[:2]
    if callable(service) and work is None:
        service, work = '', service
    is_known = (service is None or isinstance(service, str)) and (work is None or callable(work))
    if len(given) > 2 or not is_known:
        raise TypeError('platform.transaction takes a function, the name of a service, or both.')
    return service or '', work


def is_asynchronous(work):
    """Whether calling it gives something to await."""
    code = getattr(getattr(work, '__func__', work), '__code__', None)
    return code is not None and bool(code.co_flags & 0x80)


def error_of(body):
    """The error in an answer that is one; empty where it cannot be read."""
    error = read_plain(body.decode('utf-8', 'replace') or '{}')
    error = error.get('error') if isinstance(error, dict) else None
    return error if isinstance(error, dict) else {}
