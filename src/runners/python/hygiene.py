"""Nothing of one run may be visible to the next: finds what a script left in the process.

Invariant: what cannot be put back with certainty makes the process unusable instead. Scripts that are known to be
able to leave something never come here: they run in forks.
"""
import builtins
import posix
import sys
from _thread import _count as open_threads


class Baseline:
    """The state of a process before any script ran in it, and of each module before a script got it."""

    def __init__(self):
        self._records = []
        self._watched = set()
        self._folder = posix.getcwd()
        self._recursion = sys.getrecursionlimit()
        self._stdout = sys.stdout
        self._stderr = sys.stderr
        self._descriptor = _lowest_descriptor()
        self._environment = dict(posix.environ)
        self._watch(builtins)
        self.watch(__package__)

    def watch(self, name):
        """Watches a module as it is now, and those below it."""
        below = name + '.'
        for known, module in list(sys.modules.items()):
            if (known == name or known.startswith(below)) and known not in self._watched and module is not None:
                self._watched.add(known)
                self._watch(module)

    def is_whole(self):
        """Whether all is as it was."""
        try:
            return self._is_small_whole() and all(map(_is_same, self._records))
        except BaseException:
            return False

    def _is_small_whole(self):
        return (
            open_threads() == 0
            and posix.getcwd() == self._folder
            and sys.getrecursionlimit() == self._recursion
            and sys.stdout is self._stdout
            and sys.stderr is self._stderr
            and _lowest_descriptor() == self._descriptor
            and self._is_same_environment()
        )

    def _is_same_environment(self):
        os = sys.modules.get('os')
        return os is None or os.environ._data == self._environment

    def _watch(self, module):
        members = vars(module)
        is_ours = module.__name__.startswith(__package__)
        self._records.append((members, dict(members)))
        for value in list(members.values()):
            if type(value) in (dict, list, set) and value is not members:
                self._records.append((value, value.copy()))
            elif isinstance(value, type) and (is_ours or value.__module__ == module.__name__):
                self._records.append((value, dict(vars(value))))


def _is_same(record):
    now, before = record
    # Compared by what is behind it: a copy of a class's members for each look would cost more than all else.
    return (now.__dict__ if isinstance(now, type) else now) == before


def _lowest_descriptor():
    lowest = posix.dup(2)
    posix.close(lowest)
    return lowest


def clear_folder(path):
    """Removes what lies in a folder, as far as that is possible; whether it is empty now."""
    try:
        with posix.scandir(path) as entries:
            found = list(entries)
        for entry in found:
            if entry.is_dir(follow_symlinks=False):
                clear_folder(entry.path)
                posix.rmdir(entry.path)
            else:
                posix.unlink(entry.path)
        return True
    except OSError:
        return False
