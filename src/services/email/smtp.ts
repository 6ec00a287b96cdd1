// Hands mails over to a mail server. Invariant: one mail takes no longer than its deadline, whatever the
// server does; what is told of a failure names neither the server nor what it said beyond its codes.
import type { Socket } from 'node:net';
import type { Mail, NodemailerError, SMTPPoolOptions } from 'nodemailer';
import { PlatformError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import type { SmtpSettings } from './config.ts';
import { explained } from './fault.ts';
import type { Letter } from './letter.ts';
import { messageOf, noReading } from './message.ts';

/** What a carrier is made with. */
export interface SmtpParts {
  /** For messages. */
  readonly service: string;
  readonly settings: SmtpSettings;
  /** Opens a connection to the server, or refuses to. */
  connect(signal: AbortSignal): Promise<Socket>;
}

/** What became of a mail. */
export interface Sent {
  /** How many addresses it was taken for. */
  readonly count: number;
  /** Addresses that the server refused while it took others. */
  readonly refused: readonly string[];
}

type Transport = Mail<{ accepted: readonly unknown[]; rejected: readonly unknown[] }, SMTPPoolOptions>;
type GetSocket = NonNullable<SMTPPoolOptions['getSocket']>;

/** A mail server in use. */
export class SmtpCarrier {
  readonly #parts: SmtpParts;
  #transport: Promise<Transport> | undefined;
  #isClosed = false;

  constructor(parts: SmtpParts) {
    this.#parts = parts;
  }

  /** Hands over a mail. Throws `service.unavailable`, `mail.refused` and `egress.timeout`. */
  async send(letter: Letter): Promise<Sent> {
    // It counts the wait for a connection, too, and ends this mail alone.
    const deadline = AbortSignal.timeout(this.#parts.settings.timeoutMs);
    try {
      const transport = await this.#open();
      const { accepted, rejected } = await transport.sendMail({ ...messageOf(letter), signal: deadline });
      return { count: accepted.length, refused: rejected.map(String) };
    } catch (error) {
      throw explained(error as NodemailerError, { ...this.#parts, isLate: deadline.aborted });
    }
  }

  /** Connects and logs in; throws why that cannot be. */
  async test(): Promise<void> {
    const deadline = AbortSignal.timeout(this.#parts.settings.timeoutMs);
    // Nothing but that ends a server that trickles its greeting.
    const transport = await this.#make((socket) => {
      deadline.addEventListener('abort', () => socket.destroy(), { once: true });
    });
    try {
      await transport.verify();
    } catch (error) {
      throw explained(error as NodemailerError, { ...this.#parts, isLate: deadline.aborted });
    } finally {
      transport.close({ force: true });
    }
  }

  /** Ends all connections. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const transport = this.#transport;
    this.#transport = undefined;
    (await transport)?.close({ force: true });
  }

  #open(): Promise<Transport> {
    if (this.#isClosed) {
      throw new PlatformError('service.unavailable', `Service '${this.#parts.service}' was closed.`);
    }
    this.#transport ??= this.#make(() => undefined);
    return this.#transport;
  }

  async #make(opened: (socket: Socket) => void): Promise<Transport> {
    // Loaded with the first mail: a server that sends none starts quicker without.
    const { default: nodemailer } = await import('nodemailer');
    const getSocket: GetSocket = (_options, done) => {
      const signal = AbortSignal.timeout(limits.mailConnectMs);
      this.#parts.connect(signal).then(
        (connection) => {
          opened(connection);
          done(null, { connection });
        },
        (error: Error) => done(error),
      );
    };
    return nodemailer.createTransport({ ...optionsOf(this.#parts.settings), pool: true, getSocket });
  }
}

// TLS is taken wherever it is offered, and its certificate is looked at unless somebody chose otherwise.
function optionsOf(settings: SmtpSettings): SMTPPoolOptions {
  const { host, port, encryption, username, password, verifiesCertificate, ca } = settings;
  return {
    host,
    port,
    secure: encryption === 'ssl',
    requireTLS: encryption === 'tls',
    ...(username === '' ? {} : { auth: { user: username, pass: password } }),
    tls: {
      rejectUnauthorized: verifiesCertificate,
      minVersion: 'TLSv1.2',
      ...(ca === undefined ? {} : { ca }),
    },
    connectionTimeout: limits.mailConnectMs,
    greetingTimeout: limits.mailConnectMs,
    socketTimeout: limits.mailMs,
    maxResponseSize: limits.mailReplyBytes,
    maxConnections: limits.mailConnections,
    // Once more over another connection, where the server closed one before it took a byte of the mail.
    maxRequeues: 1,
    ...noReading,
  };
}
