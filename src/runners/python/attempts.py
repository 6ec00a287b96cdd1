"""`platform.once`, `retry` and `fail`: what the script of a queued run says to the attempts after this one.

Invariant: what `once` gives back was remembered before, unless the run is no queued one.
"""
from _contextvars import ContextVar

from .transactions import error_of, is_asynchronous

# As in ../protocol.ts.
METHOD = 'once'
KNOWN, FORGETFUL = 200, 205


# The run and the key in whose function a call is made. Made with the process: one that came with a run would be a
# trace of it.
_inside = ContextVar('once', default=None)


def inside(run):
    """The key in whose function a call is made now, behind those of the ones around; None: in none."""
    place = _inside.get()
    return place[1] if place is not None and place[0] is run.id else None


class _Inside:
    def __init__(self, run, key):
        outer = inside(run)
        self._place = run.id, key if outer is None else '%s\n%s' % (outer, key)
        self._before = None

    def __enter__(self):
        self._before = _inside.set(self._place)

    def __exit__(self, *_raised):
        _inside.reset(self._before)


class MemoError(Exception):
    """The platform refused to remember something."""

    def __init__(self, status, body):
        error = error_of(body)
        Exception.__init__(self, error.get('message') or 'Nothing can be remembered.')
        self.status_code = status
        self.code = error.get('code', status)


class RetryError(Exception):
    """Asks for another try of the run, in so many seconds."""

    status_code = 503

    def __init__(self, reason, seconds):
        Exception.__init__(self, reason)
        self.retry_after = seconds


class GiveUpError(Exception):
    """Forbids another try of the run."""

    status_code = 500
    retry = False


def once(run, key, work):
    """`run` asks the platform; gives the value, or for an `async` function something to await."""
    is_key = isinstance(key, (str, int)) and not isinstance(key, bool)
    if not is_key or not callable(work):
        raise TypeError('platform.once takes a key and a function.')
    key = str(key)
    if is_asynchronous(work):
        return _later(run, key, work)
    is_done, value = _asked(run, key)
    if is_done:
        return value
    with _Inside(run, key):
        value = work()
    return _kept(run, key, is_done, value)


async def _later(run, key, work):
    is_done, value = _asked(run, key)
    if is_done:
        return value
    with _Inside(run, key):
        value = await work()
    return _kept(run, key, is_done, value)


def _asked(run, key):
    """Whether it was done, and with what result; None instead: nothing is remembered of this run."""
    status, body = _sent(run, key, None)
    if status == KNOWN:
        return True, run.view.read(body.decode('utf-8', 'replace'))
    return (None if status == FORGETFUL else False), None


def _kept(run, key, is_done, value):
    if is_done is None:
        return value
    text = run.view.write(value)
    _sent(run, key, text)
    # As later attempts get it, so that they do the same.
    return run.view.read(text)


def _sent(run, key, text):
    status, _, body = run.call(METHOD, key, '', text)
    if status >= 400:
        raise MemoError(status, body)
    return status, body


def retry(seconds, reason=None):
    is_number = isinstance(seconds, (int, float)) and not isinstance(seconds, bool)
    if not is_number or not 0 <= seconds < float('inf'):
        raise TypeError('platform.retry takes the number of seconds until the next try, and a reason.')
    raise RetryError(_words(reason) or 'The script asked to be tried again later.', seconds)


def fail(reason=None):
    raise GiveUpError(_words(reason) or 'The script gave up.')


def _words(reason):
    return '' if reason is None else str(reason)
