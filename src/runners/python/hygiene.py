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
        for name in ('json', 'json.decoder', 'json.encoder'):
            self.watch(name)

    def watch(self, name):
        """Watches a module as it is now, and all that it brought along by that name."""
        module = sys.modules.get(name)
        if module is not None and name not in self._watched:
            self._watched.add(name)
            self._watch(module)

    def is_whole(self):
        """Whether all is as it was."""
        try:
            return self._is_small_whole() and all(_is_same(record) for record in self._records)
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
        self._records.append((members, dict(members)))
        for value in list(members.values()):
            if type(value) in (dict, list, set) and value is not members:
                self._records.append((value, value.copy()))
            elif isinstance(value, type) and value.__module__ == module.__name__:
                self._records.append((value, dict(vars(value))))


def _is_same(record):
    now, before = record
    if isinstance(now, type):
        now = vars(now)
    if len(now) != len(before):
        return False
    if isinstance(before, dict):
        return all(now.get(key, before) is value for key, value in before.items())
    return now == before


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
