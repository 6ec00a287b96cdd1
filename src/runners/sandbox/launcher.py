# What launcher.pl does, where there is no Perl; the steps of a plan are described there.
# Invariant: a step that fails ends the process; nothing is started with less than the plan says.
import ctypes
import os
import struct
import sys

libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
result = {}


def failed(name, error=None):
    os.write(2, f'sandbox: {name}: {os.strerror(error or ctypes.get_errno())}\n'.encode())
    os._exit(126)


def syscall(number, *arguments):
    ctypes.set_errno(0)
    return libc.syscall(ctypes.c_long(int(number)), *arguments)


def argument(text):
    if text.startswith('x'):
        return ctypes.create_string_buffer(bytes.fromhex(text[1:]))
    return ctypes.c_long(result.get(text[1:], -1) if text.startswith('$') else int(text))


def call(name, number, *texts):
    result[name] = syscall(number, *(argument(text) for text in texts))
    return result[name]


def grant(openat, rights, path):
    # -100: the current folder. O_PATH and O_CLOEXEC. What went away since the plan was made is not granted.
    file = syscall(openat, ctypes.c_long(-100), os.fsencode(path), ctypes.c_long(0x280000), ctypes.c_long(0))
    if file < 0:
        return None if ctypes.get_errno() == 2 else failed(f'open {path}')
    rule = struct.pack('=Ql', int(rights), file)
    if syscall(445, ctypes.c_long(result['ruleset']), ctypes.c_long(1), rule, ctypes.c_long(0)) < 0:
        failed(f'grant {path}')
    os.close(file)
    return None


def take(step, rest):
    if step == 'call':
        if call(*rest.split(' ')) < 0:
            failed(rest.split(' ')[0])
    elif step == 'try':
        got = call(*rest.split(' '))
        os.write(1, f'{rest.split(" ")[0]} {got} {ctypes.get_errno()}\n'.encode())
    elif step == 'path':
        grant(*rest.split(' ', 2))
    elif step == 'filter':
        prctl, program = rest.split(' ')
        kept = ctypes.create_string_buffer(bytes.fromhex(program))
        described = struct.pack('HxxxxxxQ', len(program) // 16, ctypes.addressof(kept))
        if syscall(prctl, ctypes.c_long(22), ctypes.c_long(2), described, ctypes.c_long(0), ctypes.c_long(0)) < 0:
            failed('filter')
    elif step == 'fork':
        child = os.fork()
        if child:
            os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


for line in sys.argv[1].split('\n'):
    take(*line.partition(' ')[::2])
if len(sys.argv) > 2:
    try:
        # Python ignores these two; programs start with what the system does by itself.
        import signal

        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        os.execv(sys.argv[2], sys.argv[2:])
    except OSError as error:
        failed(f'start {sys.argv[2]}', error.errno)
