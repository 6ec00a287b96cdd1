"""The loop of a Python runner: frames in, results out; and which runs get a fork of the process.

Invariant: one run at a time; a run that may leave something behind never touches this process, only a copy of it.
"""
import gc
import posix
import sys
from _collections import deque
from _warnings import filters as warning_filters
from time import perf_counter

from . import frames, shims
from .event_view import UNCHANGED, read_plain
from .fork import Fork, finish_threads, told
from .hygiene import Baseline, clear_folder
from .json_text import json_of
from .script_output import RunLog, ScriptOutput
from .script_program import ScriptProgram
from .script_run import ScriptRun
from .thrown_value import flaw

# A quick run that took longer lets the loop look first whether the server has recalled those behind it.
_SLOW = 0.001
# Answers held back leave at this size at the latest, and at this number: held longer, server and runner take turns
# instead of working at the same time.
_HELD_BYTES = 65536
_HELD_ANSWERS = 8
# Every such run is followed by a look at everything, whatever its text says.
_THOROUGH = 4095


class Host:
    """The process. `argv`: the memory that it may take, in MB."""

    def __init__(self, argv):
        self.config = '{}'
        self._log_bytes = 1048576
        self._result_bytes = 10485760
        self._channel = frames.Channel()
        self._programs = {}
        self._queue = deque()
        self._held = []
        self._held_bytes = 0
        self._log = None
        self._is_running = False
        self._runs = 0
        self._folder = posix.getcwd()
        self._arrange(argv)
        self._baseline = Baseline()

    def serve(self):
        try:
            self._channel.write(frames.frame_of(frames.READY, b''))
            while True:
                for frame in self._channel.frames():
                    self._take(*frame)
                self._work()
                self._flush()
        except frames.Closed:
            self._leave()
        except BaseException as problem:
            # Of our own making, or of a script that got at us: the server keeps the last words of a process.
            posix.write(2, ('%s: %s\n' % (type(problem).__name__, problem)).encode('utf-8', 'replace'))
            posix._exit(70)

    # What runs need.

    def send(self, data):
        self._flush()
        self._channel.write(data)

    def reply_to(self, run_id, number):
        """Where the fields of the answer to a call begin. Other frames wait for their turn."""
        wanted = run_id + number.to_bytes(4, 'little')
        while True:
            answer = None
            for kind, data, at, end in self._channel.frames():
                if kind != frames.REPLY:
                    self._take(kind, data, at, end)
                elif data[at : at + 20] == wanted:
                    answer = data, at + 20
            if answer is not None:
                return answer

    def has_output(self):
        return self._log is not None

    def output_lines(self):
        return [] if self._log is None else self._log.finished()

    def print_error(self, text):
        self._output().write('error', text)

    # The process as scripts find it.

    def _arrange(self, argv):
        sys.stdout = sys.__stdout__ = ScriptOutput('log', self._output)
        sys.stderr = sys.__stderr__ = ScriptOutput('error', self._output)
        sys.argv = ['']
        sys.path = [path for path in sys.path if path and not path.endswith('.zip')]
        sys.dont_write_bytecode = True
        # What the compiler remarks would only be in the log of the first run.
        warning_filters.insert(0, ('ignore', None, SyntaxWarning, None, 0))
        posix.set_inheritable(frames.CHANNEL, False)
        shims.install()
        if argv:
            _limit_memory(int(argv[0]) * 1048576)
        # What is there now stays: it need not be looked through again and again.
        gc.collect()
        gc.freeze()
        gc.set_threshold(2000, 20, 50)

    def _output(self):
        if self._log is None and self._is_running:
            self._log = RunLog(self._log_bytes)
        return self._log

    def _leave(self):
        try:
            # The server is gone and cannot tidy up after us. Only ever an empty folder.
            posix.rmdir(self._folder)
        except OSError:
            pass
        posix._exit(0)

    # Frames.

    def _take(self, kind, data, at, end):
        if kind == frames.RUN:
            program = self._programs[frames.number(data, at + 16)[0]]
            self._queue.append((data[at : at + 16], program, data, at + 20, end))
        elif kind == frames.LOAD:
            self._load(data, at)
        elif kind == frames.RECALL:
            self._recall(data[at : at + 16])
        elif kind == frames.START:
            self._start(frames.read_text(data, at)[0])

    def _start(self, text):
        settings = read_plain(text)
        self.config = settings['config']
        self._log_bytes = settings['logBytes']
        self._result_bytes = settings['resultBytes']
        shims.add_packages(settings.get('packages'))

    def _load(self, data, at):
        index = int.from_bytes(data[at : at + 4], 'little')
        flags = data[at + 4]
        name, at = frames.read_text(data, at + 5)
        code, _ = frames.read_text(data, at)
        program = ScriptProgram(
            index, name, code, bool(flags & frames.IS_DIALECT), bool(flags & frames.BINDS_LOOKUPS)
        )
        program.is_check = bool(flags & frames.IS_CHECK)
        program.is_quick = bool(flags & frames.IS_QUICK)
        program.is_pristine = bool(flags & frames.IS_PRISTINE)
        self._programs[index] = program

    def _recall(self, run_id):
        for waiting in self._queue:
            if waiting[0] == run_id:
                self._queue.remove(waiting)
                self.send(frames.frame_of(frames.DROPPED, run_id))
                return

    # Runs.

    def _work(self):
        queue = self._queue
        while queue:
            run_id, program, data, at, end = queue.popleft()
            if not program.is_quick:
                self._flush()
            started = perf_counter()
            if program.is_check:
                self._programs.pop(program.index, None)
                self._check(run_id, program)
            else:
                self._run(ScriptRun(run_id, program, data, at, end, self))
            if not program.is_quick:
                self._flush()
            elif queue and perf_counter() - started > _SLOW:
                self._flush()
                for frame in self._channel.frames_at_hand():
                    self._take(*frame)

    def _run(self, run):
        program = run.program
        self._log = None
        self._is_running = True
        if not program.is_ready:
            problem = self._make_ready(program)
            if problem is not None:
                self._hold(self._frame(run, frames.THREW, 0, run.thrown(problem), False, 0))
                self._is_running = False
                return
        if program.is_pristine:
            self._run_in_fork(run)
            return
        ending, code, texts, stops = run.result()
        self._is_running = False
        self._runs += 1
        is_whole = self._is_whole(program)
        self._hold(self._frame(run, ending, code, texts, stops, 0 if is_whole else frames.RETIRE))
        if not is_whole:
            self._flush()
            self._queue.clear()

    def _make_ready(self, program):
        """Compiles and imports what the text asks for, so that its modules are seen before it touches them."""
        try:
            if program.is_python2:
                self._translate(program)
            program.prepare()
        except BaseException as problem:
            return problem
        reading = program.reading
        program.is_pristine = program.is_pristine or reading.is_pristine
        known = len(sys.modules)
        for name in reading.imports:
            # The process keeps the module as it came; forks start with it.
            if shims.import_quietly(name):
                self._baseline.watch(name)
        for name in program.given:
            self._baseline.watch(name)
        if len(sys.modules) != known:
            gc.collect()
            gc.freeze()
        program.is_ready = True
        return None

    def _translate(self, program):
        from .python2 import translated
        with_text = Fork(told(lambda: translated(program.text, program.file).encode()))
        program.text = with_text.text_or_raise(program.file)

    def _is_whole(self, program):
        is_thorough = program.reading.is_doubtful or not self._runs & _THOROUGH
        return not is_thorough or self._baseline.is_whole()

    def _frame(self, run, ending, code, texts, stops, flags):
        flags |= frames.STOPS if stops else 0
        frame = frames.result_frame(run.id, ending, flags, code, texts)
        if len(frame) <= self._result_bytes or len(frame) - _log_bytes(texts) <= self._result_bytes:
            return frame
        message = 'The result of the script is larger than %d bytes.' % self._result_bytes
        error = json_of({'message': message, 'code': 'script.output_too_large'})
        return frames.result_frame(run.id, frames.THREW, flags, 0, (error, texts[1], None) + UNCHANGED)

    def _hold(self, frame):
        self._held.append(frame)
        self._held_bytes += len(frame)
        if len(self._held) >= _HELD_ANSWERS or self._held_bytes >= _HELD_BYTES:
            self._flush()

    def _flush(self):
        if self._held:
            data = self._held[0] if len(self._held) == 1 else b''.join(self._held)
            self._held = []
            self._held_bytes = 0
            self._channel.write(data)

    # Runs that might leave something behind.

    def _run_in_fork(self, run):
        self._flush()

        def ended():
            ending, code, texts, stops = run.result(finish_threads)
            return self._frame(run, ending, code, texts, stops, 0)

        fork = Fork(ended, keeps_channel=True)
        self._is_running = False
        frame = fork.data
        if frame is None:
            if fork.signal:
                # As if it had been this process: the server is to know that a run killed it.
                posix.kill(posix.getpid(), fork.signal)
                posix._exit(70)
            frame = frames.result_frame(run.id, frames.EXITED, 0, fork.code, None)
        elif frame[5:21] != run.id:
            posix._exit(70)
        if fork.left_others or not clear_folder(self._folder):
            frame = frame[:22] + bytes((frame[22] | frames.RETIRE,)) + frame[23:]
        self._hold(frame)
        self._flush()

    # Reading a text without running it.

    def _check(self, run_id, program):
        try:
            found = {}
            if program.is_python2:
                given = program.text
                self._translate(program)
                if program.text != given:
                    found['code'] = program.text
            reading = program.read()
            found['isPristine'] = reading.is_pristine
            found['isQuick'] = reading.is_quick
            texts = (None, None, json_of(found)) + UNCHANGED
            self._hold(frames.result_frame(run_id, frames.FINISHED, 0, 0, texts))
        except BaseException as error:
            texts = (json_of(flaw(error, program.file)), None, None) + UNCHANGED
            self._hold(frames.result_frame(run_id, frames.THREW, 0, 0, texts))


def _log_bytes(texts):
    return len((texts[1] or '').encode('utf-8', 'replace'))


# Memory that is shared with nobody counts as data; what else is mapped (memory to share, files) gets a wider bound,
# because libraries map more than they use.
_MAPPED = 4


def _limit_memory(most):
    try:
        import resource
    except ImportError:
        # The server watches the memory of its processes as well.
        return
    for kind, bytes_ in ((resource.RLIMIT_DATA, most), (resource.RLIMIT_AS, most * _MAPPED)):
        try:
            _, hard = resource.getrlimit(kind)
            bytes_ = bytes_ if hard == resource.RLIM_INFINITY else min(bytes_, hard)
            resource.setrlimit(kind, (bytes_, bytes_))
        except (OSError, ValueError):
            pass
