// Kills what runs scripts when the server was killed: a runner in an endless loop never sees its channel
// close.
// Invariant: outlives the server by the time of one signal, and knows only processes that are still ours.
import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';

// Lives as long as its input is open, that is, as long as the server; then it kills the groups that are left.
const program = `
all=' '
while read -r change pid; do
  case $change in
    +) all="$all$pid " ;;
    -) case $all in *" $pid "*) all="\${all%% $pid *} \${all#* $pid }" ;; esac ;;
  esac
done
for pid in $all; do kill -9 "-$pid"; done
`;

/** One small shell beside a pool. Where there is no shell, runners that wait still end by themselves. */
export class OrphanGuard {
  #shell: ChildProcess;

  constructor() {
    // A session of its own, so that the signal that ends the server's group spares it; and nothing of the
    // server's environment, of which it needs nothing.
    const stdio: StdioOptions = ['pipe', 'ignore', 'ignore'];
    this.#shell = spawn('/bin/sh', ['-c', program], { stdio, detached: true, env: {} });
    this.#shell.on('error', () => {});
    this.#shell.stdin?.on('error', () => {});
    this.#shell.unref();
  }

  add(pid: number): void {
    this.#write(`+ ${pid}\n`);
  }

  remove(pid: number): void {
    this.#write(`- ${pid}\n`);
  }

  /** Resolves when the shell is gone. */
  async stop(): Promise<void> {
    const { stdin, exitCode, signalCode, pid } = this.#shell;
    if (pid === undefined || exitCode !== null || signalCode !== null) return;
    const ended = new Promise((resolve) => this.#shell.once('exit', resolve));
    this.#shell.ref();
    stdin?.end();
    await ended;
  }

  #write(line: string): void {
    const { stdin } = this.#shell;
    if (stdin?.writable) stdin.write(line);
  }
}
