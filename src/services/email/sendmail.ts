// Hands mails over to the mail program of this machine, as `local_email` does. Invariant: no shell is between
// us and the program, no address can be read as an option of it, and it ends at its deadline.
import { spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { PlatformError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import type { Letter } from './letter.ts';
import { messageOf, noReading } from './message.ts';

/** What a carrier is made with. */
export interface SendmailParts {
  /** For messages. */
  readonly service: string;
  /** Path of the program. */
  readonly program: string;
  readonly timeoutMs: number;
}

/** The mail program in use. */
export class SendmailCarrier {
  readonly #parts: SendmailParts;

  constructor(parts: SendmailParts) {
    this.#parts = parts;
  }

  /** Hands over a mail. Throws `service.unavailable`, `mail.refused` and `egress.timeout`. */
  async send(letter: Letter): Promise<{ readonly count: number; readonly refused: readonly string[] }> {
    await this.test();
    const { default: nodemailer } = await import('nodemailer');
    const composer = nodemailer.createTransport({
      streamTransport: true,
      buffer: true,
      newline: 'unix',
      ...noReading,
    });
    const { from, to: own, cc, bcc } = letter;
    // Whoever gets a blind copy stands on the envelope alone.
    const all = [...own, ...cc, ...bcc].map(({ email }) => email);
    const { message, envelope } = await composer.sendMail({
      ...messageOf({ ...letter, bcc: [] }),
      envelope: { from: from.email, to: all },
    });
    const to = [envelope.to].flat().map(String);
    await this.#run(['-i', '-f', String(envelope.from), ...to], message as Buffer);
    return { count: to.length, refused: [] };
  }

  /** Throws when there is no such program. */
  async test(): Promise<void> {
    try {
      await access(this.#parts.program, constants.X_OK);
    } catch (cause) {
      throw this.#failed('service.unavailable', 'is not installed; use a service of type smtp_email', cause);
    }
  }

  async close(): Promise<void> {}

  async #run(args: readonly string[], message: Buffer): Promise<void> {
    const { program, timeoutMs } = this.#parts;
    const deadline = AbortSignal.timeout(timeoutMs);
    const { promise, resolve, reject } = Promise.withResolvers<number | null>();
    const child = spawn(program, args, {
      stdio: ['pipe', 'ignore', 'pipe'],
      // Our own environment has secrets in it.
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
      signal: deadline,
      killSignal: 'SIGKILL',
    });
    let said = '';
    child.stderr.on('data', (data: Buffer) => {
      said = (said + String(data)).slice(0, limits.warningChars);
    });
    child.on('error', reject).on('close', resolve);
    // A program that ends early says why by its code.
    child.stdin.on('error', () => undefined).end(message);
    const code = await promise.catch((cause: unknown) => {
      if (deadline.aborted) throw this.#failed('egress.timeout', `did not end within ${timeoutMs} ms`, cause);
      throw this.#failed('service.unavailable', 'cannot be started', cause);
    });
    if (code !== 0) throw this.#failed('mail.refused', `refused the mail (code ${code})`, new Error(said));
  }

  #failed(
    kind: 'service.unavailable' | 'mail.refused' | 'egress.timeout',
    reason: string,
    cause: unknown,
  ): PlatformError {
    return new PlatformError(kind, `The mail program of service '${this.#parts.service}' ${reason}.`, {
      cause,
    });
  }
}
