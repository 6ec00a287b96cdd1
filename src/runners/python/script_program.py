"""A script compiled inside the runner: the body of a function `(event, platform)`, as DreamFactory runs it.

Invariant: the text is parsed as it is, so lines are those of the script and texts over several lines stay whole;
compiled once per process; what the text does not mention is not made for a run.
"""
import _ast
import builtins
import sys
from types import CodeType, FunctionType

from . import munch
from .script_reading import Reading, children

ONLY_TREE = 0x400
_CODE_FLAGS = 0

_BODY = '<script>'
_PARAMETERS = ('event', 'platform')
_LOOKUP = '_tenon_lookup'


def _leave(code=None):
    raise SystemExit(code)


def _given(is_python2):
    """Names that scripts find without importing them, each with how it is made."""
    given = {name: lambda name=name: getattr(munch, name) for name in ('munchify', 'unmunchify', 'Munch')}
    given['json'] = lambda: _module('json')
    given['http'] = lambda: _module('http.client', 'http')
    given['exit'] = given['quit'] = lambda: _leave
    if is_python2:
        for name in ('bunchify', 'unbunchify', 'Bunch'):
            given[name] = lambda name=name: getattr(munch, name)
        given['httplib'] = lambda: _module('http.client')
    return given


def _module(name, top=None):
    __import__(name)
    return sys.modules[top or name]


class ScriptProgram:
    """One program of this process, as its load frame told."""

    def __init__(self, index, name, code, is_python2=False, binds_lookups=False):
        self.name = name
        # The server finds this name in stacks and puts the script's own in its place.
        self.file = 'tenon-script-%d' % index
        self.text = code
        self.is_python2 = is_python2
        self.binds_lookups = binds_lookups
        self.reading = None
        self.index = index
        self.is_check = self.is_quick = self.is_pristine = self.is_ready = False
        self._code = None
        self._globals = None

    def prepare(self):
        """Reads and compiles the text. Raises SyntaxError and its kin for what is no program."""
        if self._code is not None:
            return
        tree = parse(self.text, self.file)
        reading = Reading(tree)
        names = {'__name__': '__main__', '__builtins__': builtins}
        for name, made in _given(self.is_python2).items():
            if reading.mentions(name):
                names[name] = made()
        if self.is_python2:
            from .python2_meaning import NAMES, mean
            mean(tree, self.text)
            names.update(NAMES)
        if self.binds_lookups:
            bind_lookups(tree)
        self._globals = names
        # Modules among these names.
        self.given = [name for name in ('json', 'http') if name in names or name + 'lib' in names]
        self.reading = reading
        self.mutates = reading.mutates
        self.reads_only = reading.reads_only
        self.has_event = reading.mentions('event')
        self.has_info = reading.mentions('_event')
        self.has_platform = reading.mentions('platform') or reading.mentions('_platform')
        self.has_event_only = not (self.has_info or self.has_platform or self.binds_lookups)
        self._code = _compiled(tree, self.file, reading.is_async)

    def read(self):
        """What the text can do. Raises SyntaxError for what is no program; nothing is kept."""
        tree = parse(self.text, self.file)
        reading = Reading(tree)
        _compiled(tree, self.file, reading.is_async)
        return reading

    def function(self, more=None):
        """The body as a function whose global names are new."""
        names = self._globals.copy()
        if more is not None:
            names.update(more)
        return FunctionType(self._code, names, _BODY)


def parse(text, file):
    """The tree of a text. A first line that is indented by mistake is read as if it were not."""
    text = text.lstrip('\ufeff')
    try:
        return _tree(text, file)
    except IndentationError as error:
        trimmed = _without_first_indent(text)
        if trimmed == text:
            raise
        try:
            return _tree(trimmed, file)
        except SyntaxError:
            raise error from None


def _tree(text, file):
    try:
        return compile(text, file, 'exec', ONLY_TREE, True)
    except SyntaxError as error:
        if error.lineno is None:
            raise SyntaxError(error.msg, (file, 1, 1, None)) from None
        raise
    except (ValueError, MemoryError, RecursionError, OverflowError) as error:
        message = 'the text nests too deeply' if isinstance(error, (MemoryError, RecursionError)) else str(error)
        raise SyntaxError(message, (file, 1, 1, None)) from None


def _without_first_indent(text):
    lines = text.split('\n')
    for at, line in enumerate(lines):
        if line.strip() and not line.strip().startswith('#'):
            lines[at] = line.lstrip()
            return '\n'.join(lines)
    return text


def _compiled(tree, file, is_async):
    body = [node for node in tree.body if not _is_future(node)]
    kind = _ast.AsyncFunctionDef if is_async else _ast.FunctionDef
    function = kind(name=_BODY, args=_arguments(), body=body or [placed(_ast.Pass())], decorator_list=[])
    function.returns = function.type_comment = None
    if 'type_params' in kind._fields:
        function.type_params = []
    tree.body = [node for node in tree.body if _is_future(node)] + [placed(function)]
    try:
        module = compile(tree, file, 'exec', _CODE_FLAGS, True)
    except (RecursionError, ValueError, MemoryError) as error:
        raise SyntaxError(str(error), (file, 1, 1, None)) from None
    return next(part for part in module.co_consts if isinstance(part, CodeType))


def _is_future(node):
    return isinstance(node, _ast.ImportFrom) and node.module == '__future__'


def _arguments():
    names = [placed(_ast.arg(arg=name, annotation=None, type_comment=None)) for name in _PARAMETERS]
    return _ast.arguments(posonlyargs=[], args=names, vararg=None, kwonlyargs=[], kw_defaults=[], kwarg=None,
                          defaults=[])


def placed(node, at=None):
    node.lineno = node.end_lineno = 1 if at is None else at.lineno
    node.col_offset = node.end_col_offset = 0 if at is None else at.col_offset
    if at is not None:
        node.end_lineno, node.end_col_offset = at.end_lineno, at.end_col_offset
    return node


def called(name, values, at):
    function = placed(_ast.Name(id=name, ctx=_ast.Load()), at)
    return placed(_ast.Call(func=function, args=values, keywords=[]), at)


# Lookups in literals (rulings: values never become code).


def bind_lookups(tree):
    """Each literal that may name lookups is handed to a function that puts their values in when it runs."""
    import re
    named = re.compile(r'\{[A-Za-z_][\w.]*\}')

    def bound(node):
        is_text = isinstance(node, _ast.Constant) and isinstance(node.value, str)
        return called(_LOOKUP, [node], node) if is_text and named.search(node.value) else node

    replace(tree, bound, _keeps_literals)


def _keeps_literals(node):
    """Places where a literal is no expression: texts of documentation, parts of f-strings, patterns."""
    if isinstance(node, _ast.Expr):
        return isinstance(node.value, _ast.Constant)
    return isinstance(node, (_ast.JoinedStr,)) or type(node).__name__.startswith('Match')


def with_lookups(text, session):
    """The text with each `{name}` and `{user.email}` replaced that the session has a value for."""
    import re

    def value(match):
        name = match.group(1)
        found = _member(session.get('lookup'), name)
        found = _member(session.get('lookup_secret'), name) if found is None else found
        found = _own(session, name) if found is None else found
        if found is None or isinstance(found, (dict, list)):
            return match.group()
        return ('true' if found else 'false') if isinstance(found, bool) else str(found)

    return re.sub(r'\{([A-Za-z_][\w.]*)\}', value, text)


def _own(session, name):
    # The token is the one that the script sees as its session's, good for this run.
    if name == 'session.token':
        return session.get('session_token')
    owner, _dot, part = name.partition('.')
    return _member(session.get(owner), part) if owner in ('user', 'role', 'app') else None


def _member(members, name):
    return members.get(name) if isinstance(members, dict) else None


def replace(node, change, keeps):
    """Changes the expressions below a node, innermost first."""
    for name, value in children(node):
        if isinstance(value, list):
            for at, part in enumerate(value):
                if isinstance(part, _ast.AST):
                    replace(part, change, keeps)
                    if not keeps(node):
                        value[at] = change(part)
        elif isinstance(value, _ast.AST):
            replace(value, change, keeps)
            if not keeps(node):
                setattr(node, name, change(value))
