// A link to SQS. Invariant: what SQS did not take is told to whoever sent it.
import { limits } from '../../core/limits.ts';
import type { LinkHealth, Listening, Message, MessageLink, Taker } from '../message-link.ts';
import { SqsListening } from './listening.ts';
import { SqsQueues, type SqsQueuesParts } from './queues.ts';

/** Queues of SQS. */
export class SqsLink implements MessageLink {
  readonly #queues: SqsQueues;

  constructor(parts: SqsQueuesParts) {
    this.#queues = new SqsQueues(parts);
  }

  async send(queue: string, messages: readonly Message[]): Promise<void> {
    for (let at = 0; at < messages.length; at += limits.sqsBatch) {
      await this.#sendSome(queue, messages.slice(at, at + limits.sqsBatch));
    }
  }

  listen(queue: string, taker: Taker, health: LinkHealth): Listening {
    return new SqsListening({ queue, queues: this.#queues, taker, health });
  }

  check(): Promise<void> {
    return this.#queues.check();
  }

  close(): Promise<void> {
    return this.#queues.close();
  }

  async #sendSome(queue: string, messages: readonly Message[]): Promise<void> {
    const { sqs, client } = await this.#queues.open();
    const Entries = messages.map(({ text, delayMs }, at) => {
      return { Id: String(at), MessageBody: text, DelaySeconds: Math.ceil(delayMs / 1_000) };
    });
    const { Failed = [] } = await this.#queues.use(queue, (QueueUrl) =>
      client.send(new sqs.SendMessageBatchCommand({ QueueUrl, Entries })),
    );
    const [first] = Failed;
    if (first !== undefined) throw new Error(`SQS did not take ${Failed.length} messages: ${first.Code}`);
  }
}
