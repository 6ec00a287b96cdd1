"""JSON between a script's values and the texts that travel.

Invariant: what is written is JSON that any reader takes: no NaN, no lone halves of characters. The accelerators of
the json module are used directly, because the module itself loads two dozen others that most scripts never need.
"""
from _json import encode_basestring, encode_basestring_ascii, make_encoder, make_scanner

# What PHP takes as false counts as no result (spec of results: README.md).
FALSY = frozenset(('null', 'false', '0', '-0', '0.0', '-0.0', '""', '"0"', '[]', '{}'))
EMPTY = ('', '[]', '{}')

_BLANKS = ' \t\r\n'


class _Reading:
    """What the scanner wants to know; `hook` makes the maps."""

    def __init__(self, hook):
        self.strict = True
        self.object_hook = hook
        self.object_pairs_hook = None
        self.parse_float = float
        self.parse_int = int
        self.parse_constant = _refuse_constant


def _refuse_constant(name):
    raise ValueError(name + ' is no JSON')


def reader(hook=None):
    """A function that reads a text into values, its maps made by `hook`. It raises ValueError for what is no JSON."""
    scan = make_scanner(_Reading(hook))

    def read(text):
        try:
            value, end = scan(text, 0)
        except StopIteration:
            end = -1
        if end == len(text):
            return value
        return _read_padded(scan, text)

    return read


def _read_padded(scan, text):
    text = text.strip(_BLANKS)
    try:
        value, end = scan(text, 0)
    except StopIteration:
        raise ValueError('no JSON') from None
    if end != len(text):
        raise ValueError('no JSON')
    return value


def _refuse(value):
    raise TypeError('Object of type %s is not JSON serializable' % type(value).__name__)


def _bytes_are_text(value):
    if isinstance(value, bytes):
        return value.decode('utf-8', 'replace')
    return _refuse(value)


def writer(default=_refuse):
    """A function that writes a value as compact JSON. It raises TypeError or ValueError for what JSON cannot hold."""
    marks = {}
    encode = make_encoder(marks, default, encode_basestring, None, ':', ',', False, False, False)

    def write(value):
        try:
            return ''.join(encode(value, 0))
        except BaseException:
            # Left over, its marks would make the next value look like one that contains itself.
            marks.clear()
            raise

    return write


json_of = writer()
json_of_python2 = writer(_bytes_are_text)
_escaped = make_encoder({}, _refuse, encode_basestring_ascii, None, ':', ',', False, False, False)
_plain = reader()


def utf8(text):
    """The bytes of a JSON text; halves of characters, which UTF-8 cannot hold, leave as escapes."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return ''.join(_escaped(_plain(text), 0)).encode()


def normal(text):
    """The text as `json_of` would have written it."""
    return json_of(_plain(text))
