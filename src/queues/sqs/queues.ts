// The queues of an account of SQS. Invariants: a queue that does not exist is made when it is first needed;
// a name is asked for once.
import type { SQSClient, SQSClientConfig } from '@aws-sdk/client-sqs';
import { limits } from '../../core/limits.ts';
import { messageQueueName } from '../message-queue-name.ts';

/** What finding queues takes. */
export interface SqsQueuesParts {
  readonly client: SQSClientConfig;
  /** URL of the account; '': queues are asked for by their names. */
  readonly prefix: string;
  readonly suffix: string;
}

/** The library. */
export type Sqs = typeof import('@aws-sdk/client-sqs');

/** What SQS takes for the name of a queue. */
const nameChars = 80;
const missing = ['QueueDoesNotExist', 'AWS.SimpleQueueService.NonExistentQueue'];
const denied = ['AccessDenied', 'AccessDeniedException'];

/** Finds queues. */
export class SqsQueues {
  readonly #parts: SqsQueuesParts;
  #opened: Promise<{ readonly sqs: Sqs; readonly client: SQSClient }> | undefined;
  /** URLs by name. */
  readonly #urls = new Map<string, string>();

  constructor(parts: SqsQueuesParts) {
    this.#parts = parts;
  }

  /** The client, made when it is needed. */
  open(): Promise<{ readonly sqs: Sqs; readonly client: SQSClient }> {
    this.#opened ??= loadSqs().then((sqs) => ({ sqs, client: new sqs.SQSClient(this.#parts.client) }));
    return this.#opened;
  }

  /** Does something with a queue, which is made if it does not exist. */
  async use<T>(queue: string, work: (url: string) => Promise<T>): Promise<T> {
    const name = messageQueueName(queue, { after: this.#parts.suffix, most: nameChars });
    try {
      return await work(await this.#url(name));
    } catch (error) {
      if (!isNamed(error, missing)) throw error;
      return await work(await this.#make(name));
    }
  }

  /** The URL of a queue that exists, as far as we may know. */
  ensure(queue: string): Promise<string> {
    return this.use(queue, async (QueueUrl) => {
      const { sqs, client } = await this.open();
      const look = new sqs.GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['VisibilityTimeout'] });
      await client.send(look).catch((error: unknown) => {
        if (!isNamed(error, denied)) throw error;
      });
      return QueueUrl;
    });
  }

  /** Rejects when SQS cannot be reached, or does not know us. */
  async check(): Promise<void> {
    const { sqs, client } = await this.open();
    const QueueName = messageQueueName('default', { after: this.#parts.suffix, most: nameChars });
    try {
      await client.send(new sqs.GetQueueUrlCommand({ QueueName }));
    } catch (error) {
      // It is there, and need not have this queue, nor tell us of it.
      if (!isNamed(error, [...missing, ...denied])) throw error;
    }
  }

  async close(): Promise<void> {
    const opened = await this.#opened?.catch(() => undefined);
    opened?.client.destroy();
  }

  async #url(name: string): Promise<string> {
    const known = this.#urls.get(name);
    if (known !== undefined) return known;
    const { prefix } = this.#parts;
    if (prefix !== '') return `${prefix.replace(/\/+$/, '')}/${name}`;
    const { sqs, client } = await this.open();
    const { QueueUrl } = await client.send(new sqs.GetQueueUrlCommand({ QueueName: name }));
    return this.#keep(name, QueueUrl);
  }

  async #make(name: string): Promise<string> {
    const { sqs, client } = await this.open();
    const VisibilityTimeout = String(limits.brokerHoldMs / 1_000);
    const { QueueUrl } = await client.send(
      new sqs.CreateQueueCommand({ QueueName: name, Attributes: { VisibilityTimeout } }),
    );
    return this.#keep(name, QueueUrl);
  }

  #keep(name: string, url: string | undefined): string {
    if (url === undefined) throw new Error(`SQS told no URL of the queue '${name}'`);
    if (this.#urls.size >= limits.brokerQueues) this.#urls.clear();
    this.#urls.set(name, url);
    return url;
  }
}

// It is a CommonJS package, of which a bundle has the default export alone.
async function loadSqs(): Promise<Sqs> {
  return ((await import('@aws-sdk/client-sqs')) as unknown as { readonly default: Sqs }).default;
}

function isNamed(error: unknown, names: readonly string[]): boolean {
  return error instanceof Error && names.includes(error.name);
}
