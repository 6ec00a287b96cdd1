"""Scripts that were written for Python 2, translated.

Invariant: lines stay where they are; a text that cannot be translated says in which line.
"""
import re

from .script_program import parse

# The last line of a text that was translated, and of one whose divisions are those of Python 3.
TRANSLATED = '# translated from Python 2'
DIVIDING = ', divided as in Python 3'

MISSING = ('This script is written for Python 2; translating it needs a Python with lib2to3, which is part of '
           'Python until 3.12. Set DF_PYTHON3_PATH to such a one, or store the script as python3.')


def translated(text, file):
    """The text in Python 3. Raises SyntaxError where it cannot be translated."""
    if is_translated(text):
        return text
    try:
        import warnings
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            from lib2to3 import refactor
            from lib2to3.pgen2.parse import ParseError
            from lib2to3.pgen2.tokenize import TokenError
    except ImportError:
        raise SyntaxError(MISSING, (file, 1, 1, None)) from None
    fixers = refactor.get_fixers_from_package('lib2to3.fixes')
    tool = refactor.RefactoringTool(fixers)
    tool.log_message = tool.log_debug = lambda *_: None
    # The last line must end for the tool; what it adds is a line that marks the text.
    source = text.replace('\r\n', '\n').rstrip() + '\n'
    try:
        tree = tool.refactor_string(source, file)
    except ParseError as error:
        line, column = error.context[1] if error.context else (1, 0)
        raise _flaw(file, source, 'invalid syntax', line, column + 1) from None
    except TokenError as error:
        raise _flaw(file, source, error.args[0], error.args[1][0], 1) from None
    mark = TRANSLATED + (DIVIDING if _new_division.search(source) else '')
    made = '%s%s\n' % (tree, mark)
    try:
        parse(made, file)
    except TabError:
        made = _first_tabs.sub(lambda tabs: tabs.group().expandtabs(8), made)
        parse(made, file)
    return made


def _flaw(file, source, message, line, column):
    # What ends too early is told to be wrong behind its end.
    return SyntaxError(message, (file, min(line, source.count('\n')), column, None))


_new_division = re.compile(r'^from\s+__future__\s+import\b.*\bdivision\b', re.M)
_first_tabs = re.compile(r'^[ \t]*\t[ \t]*', re.M)


def is_translated(text):
    last = text.rstrip().rpartition('\n')[2]
    return last in (TRANSLATED, TRANSLATED + DIVIDING)
