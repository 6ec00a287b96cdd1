// For tests: the attacks of a hostile script, in the words of each language. Every script returns a map from
// attack to 'open' or how it failed; `$…` is filled in with what the test knows.
// Invariant: harmless where they succeed.

/** What the scripts are aimed at. */
export interface ProbeTarget {
  readonly server: number;
  /** Port on this machine that takes connections. */
  readonly port: number;
  /** A file of the server that everyone may read. */
  readonly file: string;
  readonly secret: string;
  /** A socket file that everyone may connect to. */
  readonly socket: string;
}

const javascript = `
const fs = require('fs'), net = require('net'), cp = require('child_process');
const said = {};
const attempt = (name, work) => {
  try { work(); said[name] = 'open'; } catch (e) { said[name] = String(e.code || e.status || e.message); }
};
const connect = (name, to) => new Promise((resolve) => {
  const end = (how) => { said[name] = how; resolve(); };
  const socket = net.connect(to);
  socket.on('connect', () => { socket.destroy(); end('open'); }).on('error', (e) => end(e.code));
});
attempt('environment', () => fs.readFileSync('/proc/$server/environ'));
attempt('memory', () => fs.openSync('/proc/$server/mem', 'r+'));
attempt('descriptors', () => fs.readdirSync('/proc/$server/fd'));
attempt('command line', () => fs.readFileSync('/proc/$server/cmdline'));
attempt('processes', () => fs.readdirSync('/proc'));
attempt('signal', () => process.kill($server, 0));
attempt('file', () => fs.readFileSync('$file'));
attempt('secret', () => fs.readFileSync('$secret'));
attempt('users', () => fs.readFileSync('/etc/passwd'));
attempt('temporary', () => fs.writeFileSync('/tmp/tenon-attack', ''));
attempt('link', () => { fs.symlinkSync('$file', 'link'); fs.readFileSync('link'); });
attempt('mode', () => fs.chmodSync('$file', 0o644));
attempt('priority', () => require('os').setPriority($server, 0));
attempt('child', () => cp.execFileSync('/bin/cat', ['$file'], { stdio: 'pipe' }));
attempt('group', () => cp.execFileSync('/usr/bin/setsid', ['-w', '/bin/true'], { stdio: 'pipe' }));
attempt('root', () => process.setuid(0));
await new Promise((resolve) => {
  const end = (how) => { said.listen = how; server.close(resolve); };
  const server = net.createServer().on('error', (e) => end(e.code)).listen(0, '127.0.0.1', () => end('open'));
});
await connect('tcp', { host: '127.0.0.1', port: $port });
await connect('socket file', { path: '$socket' });
await connect('abstract socket', { path: '\\0tenon-attack' });
await new Promise((resolve) => {
  const end = (how) => { said.udp = how; try { socket.close(); } catch {} resolve(); };
  const socket = require('dgram').createSocket('udp4').on('error', (e) => end(e.code));
  socket.send('x', $port, '127.0.0.1', (e) => end(e ? e.code : 'open'));
});
return said;`;

const python = `
import ctypes, os, socket, subprocess
said = {}
def attempt(name, work):
    try:
        work()
        said[name] = 'open'
    except BaseException as e:
        said[name] = str(getattr(e, 'errno', None) or e)
def read(path):
    with open(path, 'rb') as f: f.read(1)
def connect(family, kind, to):
    with socket.socket(family, kind) as s: s.connect(to)
def call(*given):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(*given) < 0: raise OSError(ctypes.get_errno(), 'refused')
def link():
    os.symlink('$file', 'link')
    read('link')
attempt('environment', lambda: read('/proc/$server/environ'))
attempt('memory', lambda: os.open('/proc/$server/mem', os.O_RDWR))
attempt('descriptors', lambda: os.listdir('/proc/$server/fd'))
attempt('command line', lambda: read('/proc/$server/cmdline'))
attempt('processes', lambda: os.listdir('/proc'))
attempt('signal', lambda: os.kill($server, 0))
attempt('file', lambda: read('$file'))
attempt('secret', lambda: read('$secret'))
attempt('users', lambda: read('/etc/passwd'))
attempt('temporary', lambda: open('/tmp/tenon-attack', 'w'))
attempt('link', link)
attempt('mode', lambda: os.chmod('$file', 0o644))
attempt('priority', lambda: os.setpriority(os.PRIO_PROCESS, $server, 0))
attempt('child', lambda: subprocess.run(['/bin/cat', '$file'], check=True, capture_output=True))
attempt('group', lambda: os.setsid())
attempt('root', lambda: os.setuid(0))
attempt('tcp', lambda: connect(socket.AF_INET, socket.SOCK_STREAM, ('127.0.0.1', $port)))
attempt('udp', lambda: connect(socket.AF_INET, socket.SOCK_DGRAM, ('127.0.0.1', $port)))
attempt('socket file', lambda: connect(socket.AF_UNIX, socket.SOCK_STREAM, '$socket'))
attempt('abstract socket', lambda: connect(socket.AF_UNIX, socket.SOCK_STREAM, '\\0tenon-attack'))
attempt('pair', lambda: socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)[0].connect('$socket'))
attempt('trace', lambda: call($ptrace, 0x4206, $server, 0, 0))
attempt('foreign memory', lambda: call($process_vm_readv, $server, 0, 0, 0, 0, 0))
attempt('namespace', lambda: call($unshare, 0x10000000))
attempt('io_uring', lambda: call($io_uring_setup, 1, ctypes.create_string_buffer(120)))
return said`;

const php = `
$said = [];
$attempt = function ($name, $work) use (&$said) {
    try {
        set_error_handler(function ($n, $text) { throw new ErrorException($text); });
        $got = $work();
        $said[$name] = $got === false || $got === null ? 'failed' : 'open';
    } catch (Throwable $e) { $said[$name] = $e->getMessage(); }
    finally { restore_error_handler(); }
};
$attempt('environment', fn() => file_get_contents('/proc/$server/environ'));
$attempt('memory', fn() => fopen('/proc/$server/mem', 'r+'));
$attempt('descriptors', fn() => scandir('/proc/$server/fd'));
$attempt('command line', fn() => file_get_contents('/proc/$server/cmdline'));
$attempt('processes', fn() => scandir('/proc'));
$attempt('signal', fn() => function_exists('posix_kill') ? posix_kill($server, 0) : false);
$attempt('file', fn() => file_get_contents('$file'));
$attempt('secret', fn() => file_get_contents('$secret'));
$attempt('users', fn() => file_get_contents('/etc/passwd'));
$attempt('temporary', fn() => file_put_contents('/tmp/tenon-attack', ''));
$attempt('link', function () { symlink('$file', 'link'); return file_get_contents('link'); });
$attempt('mode', fn() => chmod('$file', 0644));
$attempt('child', fn() => shell_exec('cat $file 2>/dev/null'));
$attempt('group', fn() => function_exists('posix_setsid') && posix_setsid() > 0);
$attempt('root', fn() => function_exists('posix_setuid') && posix_setuid(0));
$attempt('tcp', fn() => stream_socket_client('tcp://127.0.0.1:$port'));
$attempt('udp', fn() => stream_socket_client('udp://127.0.0.1:$port'));
$attempt('listen', fn() => stream_socket_server('tcp://127.0.0.1:0'));
$attempt('socket file', fn() => stream_socket_client('unix://$socket'));
$attempt('abstract socket', fn() => stream_socket_client("unix://\\0tenon-attack"));
$attempt('include', fn() => include '$file');
return $said;`;

const scripts: Readonly<Record<string, string>> = { nodejs: javascript, python3: python, php };

/** The script of a language, aimed. */
export function probeScript(
  language: string,
  target: ProbeTarget,
  numbers: ReadonlyMap<string, number>,
): string {
  // The target's own names go before those of system calls, of which `socket` is one.
  const values = new Map<string, unknown>([...numbers, ...Object.entries(target)]);
  return (scripts[language] ?? '').replace(/\$([a-z_]+)/g, (text, name: string) =>
    String(values.get(name) ?? text),
  );
}
