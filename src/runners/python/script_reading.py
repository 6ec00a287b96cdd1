"""What a text can do, read from its tree without running it.

Invariant: in doubt it could leave something behind. Only modules and names listed here are known to leave nothing;
whoever uses others runs in a fork of the process.
"""
import _ast

# Modules whose functions change nothing but what they are given.
_SAFE = frozenset(
    'json math cmath datetime time re string decimal fractions statistics random secrets hashlib hmac base64 binascii '
    'uuid collections collections.abc itertools functools operator textwrap html html.entities html.parser '
    'urllib urllib.parse copy bisect heapq enum dataclasses typing abc numbers zlib gzip bz2 lzma struct unicodedata '
    'calendar csv io pprint difflib zoneinfo ipaddress keyword reprlib graphlib array colorsys types '
    'http http.client munch bunch xml.etree.ElementTree xml.sax.saxutils xml.dom.minidom xml.etree xml '
    '__future__ email.utils quopri'.split()
)
# Modules of which only these members leave nothing.
_PARTLY = {
    'sys': frozenset('exit version version_info maxsize stdout stderr platform getsizeof byteorder float_info '
                     'hexversion implementation exc_info maxunicode'.split()),
    'os': frozenset('environ getenv path getcwd sep linesep urandom name pathsep extsep curdir'.split()),
    'os.path': frozenset('join basename dirname splitext split exists isfile isdir normpath abspath sep isabs'.split()),
}
# Builtin functions that lead to names that the text does not show.
_FORBIDDEN = frozenset(
    'exec eval compile open __import__ globals locals vars setattr delattr breakpoint help __builtins__ __loader__ '
    '__spec__ __build_class__'.split()
)
# Members that lead into the interpreter, whatever they are members of.
_FRAMES = frozenset(
    'gi_frame cr_frame ag_frame tb_frame tb_next f_globals f_locals f_back f_builtins gi_code cr_code f_code'.split()
)
# Members that change a module's state, or lead to other modules.
_LEADING = frozenset(
    'mro seed setstate getcontext setcontext localcontext DefaultContext BasicContext ExtendedContext register '
    'register_dialect unregister_dialect field_size_limit register_namespace setfirstweekday setlocale tzset add_type '
    'FunctionType CodeType ModuleType open open_code TextIOWrapper FileIO purge reset_tzpath codecs sys os builtins '
    'modules __self__ debuglevel'.split()
)
_KNOWN_DUNDERS = frozenset(
    '__init__ __name__ __class__ __dict__ __doc__ __qualname__ __module__ __str__ __repr__ __len__ __eq__ __hash__ '
    '__iter__ __next__ __call__ __getitem__ __contains__ __enter__ __exit__ __version__ __main__ __file__'.split()
)
_MAKERS = frozenset(
    'dict list str int float len sorted reversed enumerate zip range min max sum set frozenset tuple bool abs round '
    'iter next map filter repr bytes bytearray divmod pow chr ord hex any all isinstance '
    'munchify unmunchify Munch bunchify unbunchify Bunch'.split()
)
# Methods that change what they are called on.
_CHANGING = frozenset(
    'update pop popitem append extend insert remove clear setdefault sort reverse add discard'.split()
)
_LOOKING = frozenset('print hasattr getattr type issubclass hash id callable format ascii exit quit dir'.split())
_LOOKING_MODULES = frozenset('json math datetime re string time decimal statistics hashlib base64 uuid sys os'.split())
_EVENT = frozenset(('event', '_event', 'platform', '_platform'))
_QUIET = frozenset(('session', 'config', 'store'))
_FUNCTIONS = (_ast.FunctionDef, _ast.AsyncFunctionDef)
_CLASSES = (_ast.ClassDef,)
_TARGETS = (_ast.Attribute, _ast.Subscript)
_AWAITING = (_ast.Await, _ast.AsyncFor, _ast.AsyncWith)


def children(node):
    for name in node._fields:
        yield name, getattr(node, name, None)


def walk(node):
    """The node and all below it."""
    nodes = [node]
    while nodes:
        node = nodes.pop()
        yield node
        for _, value in children(node):
            if isinstance(value, list):
                nodes.extend(part for part in value if isinstance(part, _ast.AST))
            elif isinstance(value, _ast.AST):
                nodes.append(value)


class Reading:
    """What was found. `imports`: modules that the text asks for, wherever it does.

    `is_pristine`: it could leave something behind. `is_doubtful`: it sets members of something that is not known to
    be its own, so that traces are looked for after each run. `is_quick`: it ends at once and touches nothing but its
    event. `mutates`: it changes members of anything at all. `reads_only`: it
    calls nothing either that could change what it is given, so that its event need not be compared with what came.
    """

    def __init__(self, tree):
        self.imports = []
        self.is_pristine = False
        self.is_doubtful = False
        self.is_quick = True
        self.mutates = False
        self.reads_only = True
        self._first = {}
        self.is_async = _awaits(tree)
        self._foreign = {}
        self._bound = {}
        self._names = set()
        self._sees_all = False
        self._calls = {}
        self._uses = {}
        self._known = set()
        self._methods = set()
        nodes = list(walk(tree))
        for node in nodes:
            self._count_use(node)
        for node in nodes:
            self._bind(node)
        try:
            self._own = self._own_names()
        except RecursionError:
            self._own = set()
        for node in nodes:
            self._look(node)
        if self.is_async:
            self.imports.append('asyncio')
        if self.is_async or any(isinstance(node, _ast.AsyncFunctionDef) for node in nodes):
            self.is_pristine = True
        self._look_at_platform(nodes)
        self.reads_only = self.reads_only and not self.mutates and not self.is_pristine
        self.is_quick = self.is_quick and not self.is_pristine

    def mentions(self, name):
        return self._sees_all or name in self._names

    # Functions of the text that are called by name and used in no other way: what they are given is known.

    def _count_use(self, node):
        if isinstance(node, _ast.ClassDef):
            self._methods.update(id(part) for part in node.body)
        elif isinstance(node, _ast.Call) and isinstance(node.func, _ast.Name):
            self._calls.setdefault(node.func.id, []).append(node)
        elif isinstance(node, _ast.Name):
            self._uses[node.id] = self._uses.get(node.id, 0) + 1

    def _bind_parameters(self, function):
        calls = self._calls.get(function.name, ())
        given = function.args
        names = [arg.arg for arg in getattr(given, 'posonlyargs', []) + given.args]
        is_plain = len(calls) == self._uses.get(function.name, 0) and not function.decorator_list
        if not calls or not is_plain or id(function) in self._methods:
            return
        self._known.update(id(arg) for arg in getattr(given, 'posonlyargs', []) + given.args + given.kwonlyargs)
        for call in calls:
            for at, value in enumerate(call.args):
                known = at < len(names) and not isinstance(value, _ast.Starred)
                self._add(names[at] if known else None, value)
                if isinstance(value, _ast.Starred):
                    for name in names[at:]:
                        self._add(name, value.value)
            for keyword in call.keywords:
                for name in [keyword.arg] if keyword.arg else names:
                    self._add(name, keyword.value)
        for default in given.defaults + [value for value in given.kw_defaults if value is not None]:
            for name in names:
                self._add(name, default)

    # Who is bound to what, wherever in the text: names are not told apart by where they are seen.

    def _bind(self, node):
        if isinstance(node, _ast.Import):
            for alias in node.names:
                self.imports.append(alias.name)
                whole = alias.name if alias.asname else alias.name.split('.')[0]
                self._foreign[alias.asname or whole] = whole
        elif isinstance(node, _ast.ImportFrom):
            self._bind_members(node)
        elif isinstance(node, _FUNCTIONS):
            self._add(node.name, True)
            self._bind_parameters(node)
        elif isinstance(node, _CLASSES):
            self._add(node.name, True)
        elif isinstance(node, _ast.Assign):
            for target in node.targets:
                self._bind_target(target, node.value)
                if isinstance(target, _ast.Name):
                    self._first.setdefault(target.id, []).append(node.value)
        elif isinstance(node, (_ast.AnnAssign, _ast.NamedExpr, _ast.AugAssign)):
            self._bind_target(node.target, node.value)
        elif isinstance(node, (_ast.For, _ast.AsyncFor, _ast.comprehension)):
            self._bind_target(node.target, node.iter)
        elif isinstance(node, _ast.withitem) and node.optional_vars is not None:
            self._bind_target(node.optional_vars, None)
        elif isinstance(node, _ast.arg):
            if id(node) not in self._known:
                self._add(node.arg, True if node.arg in ('self', 'cls') else None)
        elif isinstance(node, _ast.ExceptHandler) and node.name:
            self._add(node.name, None)
        elif type(node).__name__ in ('MatchAs', 'MatchStar', 'MatchMapping'):
            self._add(getattr(node, 'name', None) or getattr(node, 'rest', None), None)

    def _bind_members(self, node):
        module = node.module or ''
        if node.level:
            self.is_pristine = True
            return
        self.imports.append(module)
        for alias in node.names:
            whole = '%s.%s' % (module, alias.name)
            self._foreign[alias.asname or alias.name] = whole
            if module in _PARTLY:
                if alias.name not in _PARTLY[module]:
                    self.is_pristine = True
            elif module not in _SAFE or alias.name in _LEADING:
                self.is_pristine = True
            if alias.name == 'sleep':
                self.is_quick = False

    def _bind_target(self, target, value):
        if isinstance(target, _ast.Name):
            self._add(target.id, value)
        elif isinstance(target, (_ast.Tuple, _ast.List)):
            for part in target.elts:
                self._bind_target(part, value)
        elif isinstance(target, _ast.Starred):
            self._bind_target(target.value, value)

    def _add(self, name, value):
        if name:
            self._bound.setdefault(name, []).append(value)

    # Names that stand for nothing but data of this run: each is taken for one until something says otherwise.

    def _own_names(self):
        own = {name for name in self._bound if name not in self._foreign} | (_EVENT - set(self._foreign))
        while True:
            lost = {name for name in own for value in self._bound.get(name, ()) if not self._is_own(value, own)}
            if not lost:
                return own
            own -= lost

    def _is_own(self, value, own):
        if value is True or isinstance(value, (_ast.Constant, _ast.JoinedStr, _ast.Compare, _ast.Lambda)):
            return True
        if value is None:
            return False
        if isinstance(value, _ast.Name):
            return value.id in own
        if isinstance(value, (_ast.Attribute, _ast.Subscript, _ast.Starred, _ast.NamedExpr)):
            return self._is_own(value.value, own)
        if isinstance(value, _ast.Call):
            return self._makes_own(value, own)
        parts = [part for _, part in children(value)]
        nodes = [node for part in parts for node in (part if isinstance(part, list) else [part])]
        expressions = [node for node in nodes if isinstance(node, (_ast.expr, _ast.comprehension))]
        if isinstance(value, _ast.comprehension):
            return self._is_own(value.iter, own)
        return all(self._is_own(node, own) for node in expressions)

    def _makes_own(self, call, own):
        function = call.func
        if isinstance(function, _ast.Name):
            is_maker = function.id in _MAKERS and function.id not in self._bound
            given = call.args + [keyword.value for keyword in call.keywords]
            return is_maker and all(self._is_own(value, own) for value in given)
        if isinstance(function, _ast.Attribute):
            return self._is_own(function.value, own) or self._root(function) in self._modules()
        return False

    def _modules(self):
        return {name for name, whole in self._foreign.items() if whole in _SAFE} | {'json', 'http'}

    def _root(self, node):
        while isinstance(node, _TARGETS + (_ast.Call,)):
            node = node.func if isinstance(node, _ast.Call) else node.value
        return node.id if isinstance(node, _ast.Name) else None

    # What each part of the text can do.

    def _look(self, node):
        if isinstance(node, _ast.Name):
            self._look_at_name(node.id)
        elif isinstance(node, _ast.Import):
            for alias in node.names:
                if alias.name not in _SAFE and alias.name not in _PARTLY:
                    self.is_pristine = True
        elif isinstance(node, _ast.Call):
            self._look_at_call(node)
        elif isinstance(node, _ast.AugAssign):
            # A list grows where it is; a number or a text that was written down makes a new one.
            name = node.target.id if isinstance(node.target, _ast.Name) else None
            first = self._first.get(name)
            if not first or not all(isinstance(value, _ast.Constant) for value in first):
                self.reads_only = False
        elif isinstance(node, _FUNCTIONS) and node.name in ('__del__', '__init_subclass__', '__set_name__'):
            self.is_pristine = True
        elif isinstance(node, _ast.ClassDef) and node.keywords:
            self.is_doubtful = True
        if isinstance(node, _ast.Attribute):
            self._look_at_member(node)
        if isinstance(node, _TARGETS) and not isinstance(node.ctx, _ast.Load):
            self._look_at_change(node)

    def _look_at_name(self, name):
        self._names.add(name)
        if name in _FORBIDDEN or (name.startswith('__') and name not in _KNOWN_DUNDERS):
            if name not in self._bound:
                self.is_pristine = True
                self._sees_all = True

    def _look_at_call(self, node):
        if not self._only_looks(node.func):
            self.reads_only = False
        if isinstance(node.func, _ast.Name) and node.func.id == 'getattr':
            name = node.args[1] if len(node.args) > 1 else None
            is_told = isinstance(name, _ast.Constant) and isinstance(name.value, str)
            if not is_told or name.value.startswith('_') or name.value in _LEADING | _FRAMES:
                self.is_pristine = True
        # Whoever hands a partly safe module on could do anything with it.
        given = node.args + [keyword.value for keyword in node.keywords]
        for value in given:
            if isinstance(value, _ast.Name) and self._foreign.get(value.id) in _PARTLY:
                self.is_pristine = True

    def _only_looks(self, function):
        if isinstance(function, _ast.Name):
            name = function.id
            if name in self._bound:
                # Of the text itself, where it is looked at as well; or who knows what.
                return all(value is True for value in self._bound[name]) and name not in self._foreign
            return name in _MAKERS or name in _LOOKING or name.endswith(('Error', 'Exception'))
        if not isinstance(function, _ast.Attribute):
            return False
        root = self._root(function)
        whole = self._foreign.get(root, root if root in ('json', 'http') else '')
        is_text = isinstance(function.value, (_ast.Constant, _ast.JoinedStr))
        return is_text or root in self._own or whole in _LOOKING_MODULES

    def _look_at_member(self, node):
        name = node.attr
        if name in _CHANGING or name == '__init__':
            self.mutates = True
        if name == 'sleep':
            self.is_quick = False
        if name.startswith('__') and name.endswith('__'):
            if name not in _KNOWN_DUNDERS:
                self.is_pristine = True
            elif name in ('__dict__', '__class__'):
                self.is_doubtful = True
        elif name in _FRAMES:
            self.is_pristine = True
        elif name in _LEADING and self._root(node) not in self._own:
            self.is_pristine = True
        module = self._module_of(node.value)
        if module in _PARTLY and name not in _PARTLY[module]:
            self.is_pristine = True

    def _module_of(self, node):
        if isinstance(node, _ast.Name):
            return self._foreign.get(node.id)
        if isinstance(node, _ast.Attribute):
            outer = self._module_of(node.value)
            return None if outer is None else '%s.%s' % (outer, node.attr)
        return None

    def _look_at_change(self, node):
        self.mutates = True
        root = self._root(node)
        if root in self._own:
            return
        if root in self._foreign or root in ('json', 'http', 'Munch', 'munchify', 'Bunch'):
            self.is_pristine = True
        self.is_doubtful = True

    # A partly safe module under a second name, and everything of `platform` but plain data.

    def _look_at_platform(self, nodes):
        seen = {}
        for node in nodes:
            if isinstance(node, _TARGETS) and isinstance(node.value, _ast.Name):
                seen[id(node.value)] = node
        for node in nodes:
            if not isinstance(node, _ast.Name):
                continue
            holder = seen.get(id(node))
            if self._foreign.get(node.id) in _PARTLY and not isinstance(holder, _ast.Attribute):
                self.is_pristine = True
            if node.id in ('platform', '_platform') and _member_name(holder) not in _QUIET:
                self.is_quick = False


def _member_name(node):
    if isinstance(node, _ast.Attribute):
        return node.attr
    part = getattr(node, 'slice', None)
    # Python 3.8 and older wrap it; from 3.9 on it is the expression itself.
    return part.value if isinstance(part, _ast.Constant) else None


def _awaits(tree):
    """Whether the body itself awaits, and not a function in it."""
    nodes = list(tree.body)
    while nodes:
        node = nodes.pop()
        if isinstance(node, _AWAITING) or (isinstance(node, _ast.comprehension) and node.is_async):
            return True
        if isinstance(node, _FUNCTIONS + _CLASSES + (_ast.Lambda,)):
            continue
        for _, value in children(node):
            if isinstance(value, list):
                nodes.extend(part for part in value if isinstance(part, _ast.AST))
            elif isinstance(value, _ast.AST):
                nodes.append(value)
    return False
