"""Scripts that were written for Python 2, translated.

Invariant: lines stay where they are; a text that cannot be translated says in which line.
"""
from .script_program import TRANSLATED, parse

MISSING = ('This script is written for Python 2; translating it needs a Python with lib2to3, which is part of '
           'Python until 3.12. Set DF_PYTHON3_PATH to such a one, or store the script as python3.')


def translated(text, file):
    """The text in Python 3. Raises SyntaxError where it cannot be translated."""
    if text.rstrip().endswith(TRANSLATED):
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
        raise SyntaxError('invalid syntax', (file, line, column + 1, None)) from None
    except TokenError as error:
        raise SyntaxError(error.args[0], (file, error.args[1][0], 1, None)) from None
    made = '%s%s\n' % (tree, TRANSLATED)
    parse(made, file)
    return made
