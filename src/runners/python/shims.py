"""Modules that scripts import and that need not be installed, and the folder with those that are.

Invariant: what is installed comes first; ours only stand in for what is missing.
"""
import posix
import sys
from _frozen_importlib import ModuleSpec

from . import munch

_MEMBERS = {
    'munch': ('Munch', 'DefaultMunch', 'munchify', 'unmunchify'),
    'bunch': ('Bunch', 'bunchify', 'unbunchify'),
}
# What translated scripts get instead of modules that want bytes.
_FOR_PYTHON2 = {'_tenon_%s' % name: '%s_members' % name for name in ('base64', 'hashlib', 'hmac')}
# Modules that talk or wait when they are imported.
_NEVER = ('antigravity', 'this', 'idlelib', 'turtle', 'tkinter', 'site')


class _Shims:
    """Finds what nobody else has found."""

    @staticmethod
    def find_spec(name, _path=None, _target=None):
        return ModuleSpec(name, _Shims) if name in _MEMBERS or name in _FOR_PYTHON2 else None

    @staticmethod
    def create_module(_spec):
        return None

    @staticmethod
    def exec_module(module):
        if module.__name__ in _FOR_PYTHON2:
            from . import python2_meaning
            vars(module).update(getattr(python2_meaning, _FOR_PYTHON2[module.__name__])())
            return
        for name in _MEMBERS[module.__name__]:
            setattr(module, name, getattr(munch, name))


def install():
    sys.meta_path.append(_Shims)


def add_packages(folder):
    """Packages of the project: those of its virtual environment."""
    if not folder:
        return
    library = folder + '/venv/lib'
    try:
        names = sorted(posix.listdir(library))
    except OSError:
        return
    for name in names:
        path = '%s/%s/site-packages' % (library, name)
        if name.startswith('python3') and path not in sys.path:
            sys.path.append(path)


def import_quietly(name):
    """Imports a module; whether it is there now. What is wrong with it is for the script to find."""
    if name.split('.')[0] in _NEVER:
        return False
    try:
        __import__(name)
        return True
    except BaseException:
        return False
