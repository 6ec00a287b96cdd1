"""Maps whose members are attributes too, as scripts know them from the packages munch and bunch.

Invariant: a Munch is a dict; nothing of it lives beside its items.
"""
from _operator import itemgetter


class Munch(dict):
    """A dict with attribute access."""

    __slots__ = ()

    def __getattr__(self, name):
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None

    __setattr__ = dict.__setitem__

    def __delattr__(self, name):
        try:
            del self[name]
        except KeyError:
            raise AttributeError(name) from None

    def __repr__(self):
        return '%s(%s)' % (self._label(), dict.__repr__(self))

    def __dir__(self):
        return list(self.keys())

    def __reduce_ex__(self, _protocol):
        return (type(self), (dict(self),))

    def copy(self):
        return type(self)(self)

    def toDict(self):
        return unmunchify(self)

    def toJSON(self, **options):
        import json
        return json.dumps(self, **options)

    @classmethod
    def fromDict(cls, value):
        return _converted(value, cls)

    @classmethod
    def _label(cls):
        return cls.__name__


class Bunch(Munch):
    """The same for scripts that were written for Python 2."""

    __slots__ = ()


class DefaultMunch(Munch):
    """A Munch whose missing attributes are None."""

    __slots__ = ()

    def __getattr__(self, name):
        return self.get(name)


# As those of the packages call themselves.
Munch.__module__ = DefaultMunch.__module__ = 'munch'
Bunch.__module__ = 'bunch'


def munchify(value):
    """The value with all its maps, in lists and tuples too, as Munch."""
    return _converted(value, Munch)


def bunchify(value):
    return _converted(value, Bunch)


def unmunchify(value):
    """The value with all its maps as plain dicts."""
    return _converted(value, dict)


unbunchify = unmunchify


def _converted(value, made):
    if isinstance(value, dict):
        return made((key, _converted(part, made)) for key, part in value.items())
    if isinstance(value, (list, tuple)):
        parts = [_converted(part, made) for part in value]
        return parts if isinstance(value, list) else tuple(parts)
    return value


# An entry that stands for those that were not made yet: C code takes a dict without entries for empty.
_HELD = object()


_has = dict.__contains__
_set = dict.__setitem__


class Missing(KeyError, AttributeError):
    """No such member, asked for as an item or as an attribute."""


class LazyMunch(Munch):
    """A Munch whose first members are made when they are looked at: `_pending` in their order, by `_made(key)`."""

    __slots__ = ('_view', '_pending')

    def __init__(self, view, pending):
        _set_view(self, view)
        set_pending(self, pending)
        _set(self, _HELD, None)

    def __getattr__(self, name):
        if _has(self, name):
            return self[name]
        if name not in self._pending:
            raise AttributeError(name)
        value = self._made(name)
        _set(self, name, value)
        return value

    def __missing__(self, key):
        if key not in self._pending:
            raise Missing(key)
        value = self._made(key)
        _set(self, key, value)
        return value

    def _complete(self):
        """Makes all members and puts them into their order."""
        pending = self._pending
        if dict.__contains__(self, _HELD):
            dict.__delitem__(self, _HELD)
        if not pending:
            return
        members = {key: self[key] for key in pending}
        for key, value in dict.items(self):
            members.setdefault(key, value)
        set_pending(self, ())
        dict.clear(self)
        dict.update(self, members)

    def __contains__(self, key):
        return dict.__contains__(self, key) or key in self._pending

    def __delitem__(self, key):
        if key not in self:
            raise KeyError(key)
        set_pending(self, tuple(name for name in self._pending if name != key))
        if dict.__contains__(self, key):
            dict.__delitem__(self, key)

    def get(self, key, default=None):
        try:
            return self[key]
        except KeyError:
            return default

    def pop(self, key, *default):
        if key in self:
            value = self[key]
            del self[key]
            return value
        return dict.pop(self, key, *default)

    def setdefault(self, key, default=None):
        if key not in self:
            self[key] = default
        return self[key]

    def copy(self):
        self._complete()
        return self._plain()(dict.items(self))

    def __reduce_ex__(self, _protocol):
        self._complete()
        return (self._plain(), (dict(dict.items(self)),))

    @classmethod
    def _plain(cls):
        return Munch

    @classmethod
    def _label(cls):
        return cls._plain().__name__


# Attributes set items, so what is no item is set past that.
_set_view = LazyMunch._view.__set__
set_pending = LazyMunch._pending.__set__


def members(*names):
    """A class's attributes for its usual items: found at once, where others are looked for in vain first."""
    return {name: property(itemgetter(name)) for name in names}


def _completing(name):
    whole = getattr(dict, name)

    def method(self, *given):
        self._complete()
        return whole(self, *given)

    method.__name__ = name
    return method


for _name in ('__iter__ __len__ __eq__ __ne__ __reversed__ keys values items popitem clear __or__ __ror__ '
              '__ior__').split():
    setattr(LazyMunch, _name, _completing(_name))


def _shown(self):
    self._complete()
    return Munch.__repr__(self)


LazyMunch.__repr__ = _shown
LazyMunch.__hash__ = None


class EmptyMap(list):
    """A map without names, which DreamFactory shows as an empty list. Names put into it are kept all the same:
    its holder then gets a map in its place (`keep`), and this object stands for that."""

    __slots__ = ('_keep', '_map')

    def __init__(self, keep, made):
        _set_keep(self, keep)
        _set_map(self, made)

    def _named(self):
        if not self._map:
            self._keep(self._map)
        return self._map

    def __getattr__(self, name):
        return getattr(self._map, name)

    def __setattr__(self, name, value):
        self._named()[name] = value

    def __delattr__(self, name):
        delattr(self._map, name)

    def __getitem__(self, key):
        return self._map[key] if isinstance(key, str) else list.__getitem__(self, key)

    def __setitem__(self, key, value):
        if isinstance(key, str):
            self._named()[key] = value
        else:
            list.__setitem__(self, key, value)

    def __delitem__(self, key):
        if isinstance(key, str):
            del self._map[key]
        else:
            list.__delitem__(self, key)

    def __contains__(self, key):
        return key in self._map or list.__contains__(self, key)

    def __iter__(self):
        return iter(self._map) if self._map else list.__iter__(self)

    def __len__(self):
        return len(self._map) or list.__len__(self)

    def __eq__(self, other):
        return self._map == other if self._map else list.__eq__(self, other)

    def __ne__(self, other):
        return not self == other

    __hash__ = None

    def __repr__(self):
        return repr(self._map) if self._map else list.__repr__(self)

    def __reduce_ex__(self, _protocol):
        return (type(self._map), (dict(self._map),)) if self._map else (list, (list(self),))

    def pop(self, *given):
        return self._map.pop(*given) if given and isinstance(given[0], str) else list.pop(self, *given)

    def update(self, *given, **named):
        made = dict(*given, **named)
        if made:
            self._named().update(made)

    def setdefault(self, key, default=None):
        if key not in self._map:
            self[key] = default
        return self._map[key]


_set_keep = EmptyMap._keep.__set__
_set_map = EmptyMap._map.__set__
