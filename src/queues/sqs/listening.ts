// Messages of a queue of SQS. Invariant: SQS gives those to others that are not deleted before long; all
// others are deleted once their worker has looked.
import { setTimeout as pause } from 'node:timers/promises';
import type { Message } from '@aws-sdk/client-sqs';
import type { Consumer } from 'sqs-consumer';
import { limits } from '../../core/limits.ts';
import type { LinkHealth, Listening, Taker } from '../message-link.ts';
import type { SqsQueues } from './queues.ts';

/** What listening to a queue takes. */
export interface SqsListeningParts {
  readonly queue: string;
  readonly queues: SqsQueues;
  readonly taker: Taker;
  readonly health: LinkHealth;
}

/** Takes the messages of a queue until it is ended. */
export class SqsListening implements Listening {
  readonly #parts: SqsListeningParts;
  readonly #ended = new AbortController();
  readonly #begun: Promise<Consumer | undefined>;
  /** Of messages that came. */
  #taken: Promise<unknown> = Promise.resolve();
  #hasFailed = false;

  constructor(parts: SqsListeningParts) {
    this.#parts = parts;
    this.#begun = this.#begin();
  }

  async end(): Promise<void> {
    this.#ended.abort();
    const consumer = await this.#begun;
    await this.#taken;
    consumer?.stop({ abort: true });
  }

  async #begin(): Promise<Consumer | undefined> {
    const { signal } = this.#ended;
    while (!signal.aborted) {
      try {
        return await this.#open();
      } catch (error) {
        this.#failed(error);
        await this.#rest();
      }
    }
    return undefined;
  }

  async #open(): Promise<Consumer> {
    const { queue, queues } = this.#parts;
    const { Consumer } = await import('sqs-consumer');
    const { client } = await queues.open();
    const queueUrl = await queues.ensure(queue);
    const consumer = Consumer.create({
      ...{ queueUrl, sqs: client, batchSize: Math.min(limits.brokerHeard, limits.sqsBatch) },
      ...{ waitTimeSeconds: this.#waitSeconds(), visibilityTimeout: limits.brokerHoldMs / 1_000 },
      preReceiveMessageCallback: () => this.#prepare(),
      handleMessageBatch: (messages) => this.#handle(queueUrl, messages),
    });
    const noteWait = () => consumer.updateOption('waitTimeSeconds', this.#waitSeconds());
    const fail = (error: Error) => {
      this.#failed(error);
      noteWait();
    };
    consumer.on('error', fail);
    consumer.on('processing_error', fail);
    for (const event of ['empty', 'response_processed'] as const) {
      consumer.on(event, () => {
        this.#succeeded();
        noteWait();
      });
    }
    if (!this.#ended.signal.aborted) consumer.start();
    return consumer;
  }

  async #handle(queueUrl: string, messages: Message[]): Promise<Message[]> {
    const taken = this.#parts.taker.take(messages.map(({ Body = '' }) => Body));
    this.#taken = taken;
    if (await taken) return messages;
    await this.#giveBack(queueUrl, messages);
    return [];
  }

  // Others need not wait until SQS notices that nobody looked.
  async #giveBack(QueueUrl: string, messages: readonly Message[]): Promise<void> {
    const { sqs, client } = await this.#parts.queues.open();
    const Entries = messages.map(({ ReceiptHandle }, at) => {
      return { Id: String(at), ReceiptHandle, VisibilityTimeout: 0 };
    });
    await client
      .send(new sqs.ChangeMessageVisibilityBatchCommand({ QueueUrl, Entries }))
      .catch(() => undefined);
  }

  #failed(error: unknown): void {
    // What was cut off by its end is no failure.
    if (this.#ended.signal.aborted) return;
    this.#hasFailed = true;
    this.#parts.health.failed(error);
  }

  #succeeded(): void {
    this.#hasFailed = false;
    this.#parts.health.succeeded();
  }

  // Whether SQS is back shows when it has answered.
  #waitSeconds(): number {
    return (this.#hasFailed ? limits.brokerRetryMs : limits.sqsWaitMs) / 1_000;
  }

  // The library asks again at once, whatever happened, and also for a queue that is gone.
  async #prepare(): Promise<void> {
    await this.#parts.taker.ready();
    if (!this.#hasFailed) return;
    await this.#rest();
    await this.#parts.queues.ensure(this.#parts.queue);
  }

  async #rest(): Promise<void> {
    const { signal } = this.#ended;
    await pause(limits.brokerRetryMs, undefined, { signal, ref: false }).catch(() => undefined);
  }
}
