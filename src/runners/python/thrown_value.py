"""Anything that a script can raise, told as plain data.

Invariant: describing never raises, whatever methods the exception has; no path of this machine is told.
"""

_MOST = 8192


def describe(thrown, file):
    """`file`: the name under which the script was compiled; the server puts the script's own name there."""
    try:
        return _described(thrown, file)
    except BaseException:
        return {'message': 'Script raised an exception that cannot be shown.'}


def _described(thrown, file):
    if isinstance(thrown, SyntaxError) and thrown.filename == file:
        return flaw(thrown, file)
    name = type(thrown).__name__
    message = str(thrown)
    told = {'message': message or name}
    code = getattr(thrown, 'code', None)
    if isinstance(code, (int, str)) and not isinstance(code, bool):
        told['code'] = code
    for member in ('status_code', 'statusCode', 'status'):
        status = getattr(thrown, member, None)
        if isinstance(status, str) and status.isdigit():
            status = int(status)
        if isinstance(status, int) and not isinstance(status, bool):
            told['status'] = status
            break
    retry = _retry_of(thrown)
    if retry is not None:
        told['retry'] = retry
    places = _places(thrown.__traceback__, file)
    if places:
        _, told['line'], column = places[0]
        if column is not None:
            told['column'] = column
        lines = ['%s: %s' % (name, message) if message else name]
        told['stack'] = '\n'.join(lines + [_shown(place, file) for place in places[:50]])[:_MOST]
    return told


def _retry_of(thrown):
    """Whether there may be another try, and in how many seconds."""
    if getattr(thrown, 'retry', None) is False:
        return False
    after = getattr(thrown, 'retry_after', None)
    is_number = isinstance(after, (int, float)) and not isinstance(after, bool)
    return after if is_number and 0 <= after < float('inf') else None


def flaw(error, file):
    """What is wrong with a text that is no program."""
    message = error.msg if isinstance(error, SyntaxError) else str(error) or type(error).__name__
    line = getattr(error, 'lineno', None) or 1
    column = max(getattr(error, 'offset', None) or 1, 1)
    stack = '%s: %s\n%s' % (type(error).__name__, message, _shown(('<script>', line, column), file))
    return {'message': message, 'line': line, 'column': column, 'stack': stack}


def _places(traceback, file):
    """Name, line and column of the script's own frames, innermost first."""
    places = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if code.co_filename == file:
            places.append((code.co_name, traceback.tb_lineno, _column(code, traceback.tb_lasti)))
        traceback = traceback.tb_next
    return places[::-1]


def _column(code, instruction):
    # Known from Python 3.11 on.
    if not hasattr(code, 'co_positions'):
        return None
    for at, position in enumerate(code.co_positions()):
        if at == instruction // 2:
            return None if position[2] is None else position[2] + 1
    return None


def _shown(place, file):
    name, line, column = place
    where = '%s:%d' % (file, line) if column is None else '%s:%d:%d' % (file, line, column)
    return '    at %s' % where if name == '<script>' else '    at %s (%s)' % (name, where)
