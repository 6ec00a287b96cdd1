"""What Python 2 means by the same words, for texts that were translated: whole divisions, and text where Python 3 has
bytes.

Invariant: bytes and text are one kind in such a script, text; nothing of this is seen by other scripts.
"""
import _ast

from .python2 import DIVIDING
from .script_program import called, placed, replace
from .script_reading import walk

_MODULES = ('base64', 'hashlib', 'hmac')
_CODECS = ('encode', 'decode')


def mean(tree, text):
    """Puts calls of `NAMES` where the words mean something else."""
    divides = text.rstrip().endswith(DIVIDING)

    def meant(node):
        if isinstance(node, _ast.BinOp) and isinstance(node.op, _ast.Div) and not divides:
            return called('_tenon_divide', [node.left, node.right], node)
        if isinstance(node, _ast.AugAssign) and isinstance(node.op, _ast.Div) and not divides:
            return _divided_in_place(node)
        if isinstance(node, _ast.Call) and isinstance(node.func, _ast.Attribute) and node.func.attr in _CODECS:
            made = called('_tenon_' + node.func.attr, [node.func.value] + node.args, node)
            made.keywords = node.keywords
            return made
        # Only `unicode` took an encoding; the translation calls it str.
        if isinstance(node, _ast.Call) and isinstance(node.func, _ast.Name) and node.func.id == 'str' and (
                len(node.args) > 1 or node.keywords):
            made = called('_tenon_decode', node.args, node)
            made.keywords = node.keywords
            return made
        return node

    replace(tree, meant, lambda node: False)
    for node in walk(tree):
        if isinstance(node, _ast.Import):
            for alias in node.names:
                if alias.name in _MODULES:
                    alias.name, alias.asname = '_tenon_' + alias.name, alias.asname or alias.name
        elif isinstance(node, _ast.ImportFrom) and node.module in _MODULES:
            node.module = '_tenon_' + node.module


def _divided_in_place(node):
    target = node.target
    value = type(target)(**{name: getattr(target, name) for name in target._fields})
    value.ctx = _ast.Load()
    divided = called('_tenon_divide', [placed(value, target), node.value], node)
    return placed(_ast.Assign(targets=[target], value=divided, type_comment=None), node)


def _divide(left, right):
    return left // right if isinstance(left, int) and isinstance(right, int) else left / right


def _encode(value, encoding='utf-8', errors='strict'):
    if not isinstance(value, str):
        return value.encode(encoding, errors)
    name = encoding.lower().replace('_', '-')
    if name == 'hex':
        return to_bytes(value).hex()
    if name == 'base64':
        return to_text(_base64().encodebytes(to_bytes(value)))
    # Only to find out whether it can be written so.
    value.encode(encoding, errors)
    return value


def _decode(value, encoding='utf-8', errors='strict'):
    if not isinstance(value, (str, bytes)):
        return value.decode(encoding, errors)
    name = encoding.lower().replace('_', '-')
    if name == 'hex':
        return to_text(bytes.fromhex(to_text(value)))
    if name == 'base64':
        return to_text(_base64().decodebytes(to_bytes(value)))
    return value if isinstance(value, str) else value.decode(encoding, errors)


NAMES = {'_tenon_divide': _divide, '_tenon_encode': _encode, '_tenon_decode': _decode}


def to_bytes(value):
    return value.encode('utf-8', 'surrogateescape') if isinstance(value, str) else value


def to_text(value):
    if not isinstance(value, (bytes, bytearray)):
        return value
    try:
        return value.decode('utf-8')
    except UnicodeDecodeError:
        return value.decode('latin-1')


def _base64():
    import base64
    return base64


# Modules that want bytes in Python 3.


def _with_text(function):
    def call(*given, **named):
        given = [to_bytes(value) for value in given]
        return to_text(function(*given, **{name: to_bytes(value) for name, value in named.items()}))

    return call


def base64_members():
    module = _base64()
    members = {name: _with_text(getattr(module, name)) for name in module.__all__ if name[-4:] == 'code'}
    members['encodestring'] = _with_text(module.encodebytes)
    members['decodestring'] = _with_text(module.decodebytes)
    return members


class _Hash:
    """A hash that takes and gives text."""

    def __init__(self, real):
        self._real = real

    def update(self, value):
        self._real.update(to_bytes(value))

    def digest(self):
        return self._real.digest().decode('latin-1')

    def hexdigest(self):
        return self._real.hexdigest()

    def copy(self):
        return _Hash(self._real.copy())

    def __getattr__(self, name):
        return getattr(self._real, name)


def hashlib_members():
    import hashlib

    def maker(name):
        return lambda value='': _Hash(hashlib.new(name, to_bytes(value)))

    members = {name: maker(name) for name in hashlib.algorithms_guaranteed if not name.startswith('shake')}
    members['new'] = lambda name, value='': _Hash(hashlib.new(name, to_bytes(value)))
    members['pbkdf2_hmac'] = lambda *given: to_text(hashlib.pbkdf2_hmac(given[0], *map(to_bytes, given[1:])))
    return members


def hmac_members():
    import hashlib
    import hmac

    def new(key, msg=None, digestmod=None):
        # One of the makers above is known by what it makes.
        name = digestmod().name if callable(digestmod) else digestmod or 'md5'
        return _Hash(hmac.new(to_bytes(key), None if msg is None else to_bytes(msg), getattr(hashlib, name, name)))

    return {'new': new, 'compare_digest': lambda a, b: hmac.compare_digest(to_bytes(a), to_bytes(b))}
