"""Our program in a Python runner: takes frames on descriptor 3, runs scripts one after the other, answers each.

Invariant: an answer leaves before the next run starts, except those of quick runs that came in one read: some of
these leave together. When descriptor 3 closes, the server is gone and this process ends.
"""
import sys


def _package(folder):
    """The files beside this one, under a name that no script imports by chance."""
    package = type(sys)('_tenon')
    package.__path__ = [folder]
    sys.modules['_tenon'] = package


if __name__ == '__main__':
    _package(__file__.rpartition('/')[0] or '.')
    from _tenon.run_loop import Host

    Host(sys.argv[1:]).serve()
