"""`platform` for scripts: the session, the configuration, and calls that the server makes for them.

Invariant: an answer of any status is an answer; nothing here raises because of what the platform said.
"""
from .json_text import json_of
from .munch import LazyMunch

MEMBERS = ('api', 'config', 'session', 'store')
_HIDDEN = ('transaction', 'once', 'retry', 'fail')


class Platform(LazyMunch):
    """`platform`; `_view` is the run that it belongs to."""

    __slots__ = ()

    # Not among the members, which scripts may list as they did before there were these.
    def transaction(self, *given):
        return self._view.transaction(given)

    def once(self, key, work):
        return self._view.once(key, work)

    def retry(self, seconds, reason=None):
        self._view.retry(seconds, reason)

    def fail(self, reason=None):
        self._view.fail(reason)

    def __missing__(self, key):
        if key in _HIDDEN and key not in self._pending:
            return getattr(self, key)
        return LazyMunch.__missing__(self, key)

    def _made(self, key):
        run = self._view
        if key == 'api':
            return PlatformApi(run)
        if key == 'config':
            return run.config()
        if key == 'session':
            return run.view.session()
        return run.view.munch(id=None)


class PlatformApi:
    """The functions of `platform.api`; each waits for its answer."""

    def __init__(self, run):
        self._run = run

    def get(self, path, options=''):
        return self.call('GET', path, '', options)

    def post(self, path, payload='', options=''):
        return self.call('POST', path, payload, options)

    def put(self, path, payload='', options=''):
        return self.call('PUT', path, payload, options)

    def patch(self, path, payload='', options=''):
        return self.call('PATCH', path, payload, options)

    def delete(self, path, payload='', options=''):
        return self.call('DELETE', path, payload, options)

    def call(self, verb, path, payload='', options=''):
        made = self._run.call(str(verb).upper(), str(path), _options(options), _payload(payload))
        return HTTPResponse(*made, as_text=self._run.is_python2)

    def __getitem__(self, name):
        if name in ('get', 'post', 'put', 'patch', 'delete', 'call'):
            return getattr(self, name)
        raise KeyError(name)


def _payload(payload):
    if payload is None or payload == '':
        return None
    if isinstance(payload, (bytes, bytearray)):
        return bytes(payload).decode('utf-8', 'replace')
    return payload if isinstance(payload, str) else json_of(payload)


def _options(options):
    return json_of(options) if isinstance(options, dict) and options else ''


class HTTPMessage:
    """Headers of an answer: names in any case."""

    def __init__(self, headers):
        self._items = [(str(name), str(value)) for name, value in headers.items()]
        self._lower = {name.lower(): value for name, value in self._items}

    def get(self, name, default=None):
        return self._lower.get(name.lower(), default)

    def get_all(self, name, default=None):
        value = self.get(name)
        return default if value is None else [value]

    def __getitem__(self, name):
        return self.get(name)

    def __contains__(self, name):
        return name.lower() in self._lower

    def __iter__(self):
        return iter(self.keys())

    def __len__(self):
        return len(self._items)

    def keys(self):
        return [name for name, _ in self._items]

    def values(self):
        return [value for _, value in self._items]

    def items(self):
        return list(self._items)

    getheader = get


class HTTPResponse:
    """What `http.client` would have given, as far as scripts use it."""

    version = 11

    def __init__(self, status, headers, body, as_text=False):
        self.status = self.code = status
        self.headers = self.msg = HTTPMessage(headers)
        self._body = body.decode('utf-8', 'replace') if as_text else body
        self._at = 0

    @property
    def reason(self):
        from http import HTTPStatus
        try:
            return HTTPStatus(self.status).phrase
        except ValueError:
            return ''

    @property
    def length(self):
        return len(self._body) - self._at

    @property
    def closed(self):
        return self._at >= len(self._body)

    def read(self, amount=None):
        start = self._at
        whole = len(self._body)
        self._at = whole if amount is None or amount < 0 else min(start + amount, whole)
        return self._body[start : self._at]

    def readline(self, _limit=-1):
        end = self._body.find('\n' if isinstance(self._body, str) else b'\n', self._at)
        return self.read(None if end < 0 else end + 1 - self._at)

    def readlines(self, _hint=-1):
        return list(self)

    def readinto(self, buffer):
        part = self.read(len(buffer))
        buffer[: len(part)] = part
        return len(part)

    def json(self):
        import json
        return json.loads(self._body)

    def getheader(self, name, default=None):
        return self.headers.get(name, default)

    def getheaders(self):
        return self.headers.items()

    def info(self):
        return self.headers

    def getcode(self):
        return self.status

    def geturl(self):
        return ''

    def isclosed(self):
        return self.closed

    def readable(self):
        return True

    def close(self):
        pass

    def flush(self):
        pass

    def __iter__(self):
        return self

    def __next__(self):
        line = self.readline()
        if not line:
            raise StopIteration
        return line

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        pass


HTTPResponse.__module__ = HTTPMessage.__module__ = 'http.client'
