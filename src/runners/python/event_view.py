"""What a script sees as `event`: sections of a frame, parsed when touched; and what it changed, as texts.

Invariant: a section that the script did not touch is neither parsed nor sent back.
"""
from _struct import Struct

from .json_text import EMPTY, json_of, json_of_python2, normal, reader
from .munch import Bunch, EmptyMap, LazyMunch, Missing, Munch, members, set_pending

# Places of the texts in a frame, and the order in which changes travel.
META, PARAMETERS, HEADERS, CONTENT, PAYLOAD, SESSION, RESPONSE, BODY = range(8)
# A changed text that is gone; None stands for one that did not change.
DELETED = object()
UNCHANGED = (None,) * 7
_UNSENT = (None,) * 4
_PARTS = ('parameters', 'headers', 'payload')

has = dict.__contains__

_length = Struct('<I').unpack_from
_ABSENT = 0xFFFFFFFE
_NO_RESPONSE = bytes(8)

read_plain = reader()
_readers = {Munch: reader(Munch), Bunch: reader(Bunch)}

_EVENT = ('resource', 'request', '__tag__')
_EVENT_AFTER = ('resource', 'request', 'response', '__tag__')
# Of queued runs, behind the others.
_ATTEMPT = ('id', 'attempt', 'certainty')
_SERVICE = ('request', 'response', 'resource', '__tag__')
_REQUEST = ('api_version', 'method', 'parameters', 'headers', 'payload', 'content', 'content_type', 'uri',
            'service', 'resource')
_RESPONSE = ('status_code', 'content_type', 'content', 'format', 'headers')
_SERVICE_RESPONSE = ('content', 'content_type', 'status_code')


def _none(_key):
    return None


class _Lazy(LazyMunch):
    __slots__ = ()

    def _plain(self):
        return self._view.munch

    def _label(self):
        return self._view.munch.__name__


class Event(_Lazy):
    __slots__ = ()
    locals().update(members('request', 'response', 'resource', *_ATTEMPT))

    def __missing__(self, key):
        if key not in self._pending:
            if key in _ATTEMPT and self._is_told(key):
                return self[key]
            raise Missing(key)
        value = self._made(key)
        dict.__setitem__(self, key, value)
        return value

    def __contains__(self, key):
        return LazyMunch.__contains__(self, key) or (key in _ATTEMPT and self._is_told(key))

    # Whether a run is a queued one is only asked when it matters.
    def _is_told(self, key=None):
        view = self._view
        if not view.has_told:
            view.has_told = True
            names = tuple(name for name in _ATTEMPT if name in view.meta() and not has(self, name))
            set_pending(self, self._pending + names)
        return key in self._pending

    def _made(self, key):
        view = self._view
        if key == 'request':
            view.request = made = Request(view, _REQUEST)
            return made
        if key == 'response':
            # Whether the stage is that of a service is only asked when it matters.
            view.response = made = Response(view, _RESPONSE)
            return made
        if key == '__tag__':
            return 'exposed_event'
        if key in _ATTEMPT:
            return view.meta()[key]
        resource = view.meta().get('resource')
        return '' if resource is None else view.munched(resource)

    def _complete(self):
        if self._pending == _EVENT_AFTER and self._view.is_service():
            set_pending(self, _SERVICE)
        self._is_told()
        LazyMunch._complete(self)


class Request(_Lazy):
    __slots__ = ()
    locals().update(members(*_REQUEST))

    def _made(self, key):
        view = self._view
        if key == 'parameters':
            return view.map(PARAMETERS, key)
        if key == 'headers':
            return view.map(HEADERS, key)
        if key == 'content':
            return view.text(CONTENT)
        if key == 'payload':
            return view.payload()
        meta = view.meta()
        if key == 'api_version':
            return meta.get('apiVersion') or '2.0'
        if key == 'content_type':
            return meta.get('contentType') or 'application/json'
        return meta.get('requestResource' if key == 'resource' else key)


class Response(_Lazy):
    __slots__ = ()
    locals().update(members(*_RESPONSE))

    def __getattr__(self, name):
        if name in ('format', 'headers') and self._view.is_service():
            self._trim()
        return LazyMunch.__getattr__(self, name)

    def __missing__(self, key):
        if key == 'content' and key in self._pending:
            text = self._view.text(BODY)
            self['content'] = made = None if text == '' else self._view.read(text)
            return made
        if key in ('format', 'headers') and self._view.is_service():
            self._trim()
        return LazyMunch.__missing__(self, key)

    def __contains__(self, key):
        if key in ('format', 'headers') and self._view.is_service():
            self._trim()
        return LazyMunch.__contains__(self, key)

    def _complete(self):
        if self._pending and self._view.is_service():
            self._trim()
        LazyMunch._complete(self)

    def own_names(self):
        """Names of the members; none is made for it."""
        if self._view.is_service():
            self._trim()
        others = [key for key in dict.keys(self) if isinstance(key, str) and key not in self._pending]
        return list(self._pending) + others

    # Responses of services have no format and no headers of their own.
    def _trim(self):
        pending = tuple(key for key in _SERVICE_RESPONSE if key in self._pending)
        set_pending(self, pending)

    def _made(self, key):
        view = self._view
        if key == 'format':
            return 201
        value = view.response_meta().get(key)
        if key == 'headers':
            return view.munched(value) if value else view.empty('response', key)
        return value


class Info(LazyMunch):
    """`_event`: DreamFactory's name for the same exchange, with the script's name and stage."""

    __slots__ = ()

    def _made(self, key):
        if key in ('request', 'response'):
            return self._view.event[key]
        return self._view.meta().get('stage' if key == 'stage' else 'event')


class EventView:
    """One event of one run. `data` holds its texts from `at` to `end`, and nobody writes to it."""

    munch = Munch
    read = staticmethod(_readers[Munch])
    write = staticmethod(json_of)
    request = response = _meta = _event = None
    _mutates = True
    # Whether the event has what is told of queued runs alone.
    has_told = False

    def __init__(self, data, at, end):
        self._data = data
        # Start and end of each text up to the last that was asked for, and where the next begins.
        self._places = []
        self._next = at
        # A response that is absent is empty, as is its content: their lengths end the frame.
        self.has_response = not data.endswith(_NO_RESPONSE, at, end)

    @property
    def event(self):
        """The object that the script gets."""
        made = self._event
        if made is None:
            self._event = made = Event(self, _EVENT_AFTER if self.has_response else _EVENT)
        return made

    def info(self):
        """`_event`."""
        keys = ('name', 'stage', 'script_name', 'request')
        return Info(self, keys + ('response',) if 'response' in self.event else keys)

    def session(self):
        """The session; a value of the script's own."""
        return self.munched(read_plain(self.text(SESSION) or '{}'))

    def text(self, section):
        places = self._places
        while len(places) <= section:
            at = self._next + 4
            length = _length(self._data, self._next)[0]
            self._next = end = at if length >= _ABSENT else at + length
            places.append((at, end))
        at, end = places[section]
        return self._data[at:end].decode() if at < end else ''

    def meta(self):
        made = self._meta
        if made is None:
            self._meta = made = read_plain(self.text(META))
        return made

    def is_service(self):
        return self.meta().get('stage') == 'service'

    def response_meta(self):
        return read_plain(self.text(RESPONSE) or '{}')

    def munched(self, value):
        return self.munch.fromDict(value)

    def map(self, section, key):
        """A map of names; DreamFactory shows an empty one as a list."""
        text = self.text(section)
        if text not in EMPTY:
            value = self.read(text)
            if value or not isinstance(value, (dict, list)):
                return value
        return self.empty('request', key)

    def empty(self, holder, key):
        """A map without names in the request or the response."""
        # Not the holder itself: things that hold each other are freed late.
        return EmptyMap(_Keeper(self, holder, key), self.munch())

    def close(self):
        """The run is over: what holds each other lets go, and memory is free at once."""
        self._event = self.request = self.response = None

    def payload(self):
        given = self.text(PAYLOAD)
        if given != '':
            return self.read(given)
        content = self.text(CONTENT)
        if content != '':
            kind = self.meta().get('contentType') or ''
            if kind != '' and 'json' not in kind.lower():
                return content
            try:
                return self.read(content)
            except ValueError:
                pass
        return self.empty('request', 'payload')

    # What the script changed.

    def stops(self):
        event = self._event
        return event is not None and has(event, 'stop_propagation') and bool(event['stop_propagation'])

    def changes(self, mutates=True):
        """Changed texts in their order. Raises TypeError or ValueError for what JSON cannot hold.

        `mutates`: the script changes members of something. Another spelling of the same values then counts as a
        change: to tell them apart costs as much as reading the text again.
        """
        event = self._event
        if event is None:
            return UNCHANGED
        self._mutates = mutates
        request = self._sent(event) if has(event, 'request') else _UNSENT
        had = self.has_response
        if has(event, 'response') or (had and 'response' not in event._pending):
            return request + self._answered(event, had)
        return UNCHANGED if request is _UNSENT else request + (None, None, None)

    # Parts of a request that was replaced by one without them stay as they are; a part deleted from the request
    # itself is gone.
    def _sent(self, event):
        request = event['request']
        if request is self.request:
            gone = _none if request._pending is _REQUEST else self._gone
            return (
                self._part(request, 'parameters') if has(request, 'parameters') else gone('parameters'),
                self._part(request, 'headers') if has(request, 'headers') else gone('headers'),
                self._part(request, 'payload') if has(request, 'payload') else gone('payload'),
                self._content_part(request) if has(request, 'content') else gone('content'),
            )
        if not isinstance(request, dict):
            return _UNSENT
        parts = [self._part(request, key) if key in request else None for key in _PARTS]
        return (*parts, self._content_part(request) if 'content' in request else None)

    # What became of a part that is not there: it was deleted, or nobody looked at it.
    def _gone(self, key):
        return None if key in self.request._pending or self._original(key) == '' else DELETED

    def _part(self, request, key):
        text = self.write(request[key])
        original = self._original(key)
        if text == original or (text in EMPTY and original in EMPTY):
            return None
        # A body comes as its client spelled it.
        if (self._mutates and key != 'payload') or original == '':
            return text
        return None if text == normal(original) else text

    def _content_part(self, request):
        text = self._part(request, 'content')
        return text if text is None or text[0] == '"' else self.write(text)

    def _original(self, key):
        if key == 'parameters':
            return self.text(PARAMETERS)
        if key == 'headers':
            return self.text(HEADERS)
        if key == 'content':
            return self.write(self.text(CONTENT))
        payload = self.payload()
        return '' if payload == [] else self.write(payload)

    def _answered(self, event, had):
        if has(event, 'response'):
            response = event['response']
        elif 'response' in event:
            return (None, None, None)
        else:
            response = None
        if response is None:
            return (DELETED if had else None, None, None)
        if not isinstance(response, dict):
            return (None, None, self.write(response))
        own = response is self.response
        return (self._response_text(response, own, had), self._content_text(response, own), None)

    def _response_text(self, response, own, had):
        if own and not _is_touched(response):
            return None
        text = self._without_content(response)
        if not had:
            return text
        return None if text == self._without_content(Response(self, _RESPONSE)) else text

    def _without_content(self, response):
        names = response.own_names() if isinstance(response, Response) else list(response)
        return self.write({name: response[name] for name in names if name != 'content'})

    def _content_text(self, response, own):
        original = self.text(BODY)
        if has(response, 'content') or (not own and 'content' in response):
            content = response['content']
        elif own and 'content' in response._pending:
            return None
        else:
            return None if original == '' else DELETED
        if own and content is None and original == '':
            return None
        # An empty list and an empty map are different answers, so nothing is equal here but equal JSON.
        text = self.write(content)
        if text == original:
            return None
        if self._mutates or original == '':
            return text
        return None if text == normal(original) else text


class EventViewOfPython2(EventView):
    """The same, in Bunches; text that was made bytes is text."""

    munch = Bunch
    read = staticmethod(_readers[Bunch])
    write = staticmethod(json_of_python2)


class _Keeper:
    """Puts a map in its place."""

    __slots__ = ('_place',)

    def __init__(self, *place):
        self._place = place

    def __call__(self, made):
        view, holder, key = self._place
        holder = getattr(view, holder)
        if holder is not None:
            holder[key] = made


def _is_touched(response):
    count = 1 + has(response, 'content')
    return dict.__len__(response) != count or len(response._pending) < 4
