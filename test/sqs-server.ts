// A stand-in for Amazon SQS: its JSON protocol with what matters of its behaviour, for tests of whoever talks
// to it. Invariant: a message that was received is invisible for a while and then comes back, unless somebody
// deletes it with the receipt of that time.
import { createHash, randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';

/** A running stand-in. */
export interface SqsServer {
  readonly url: string;
  readonly port: number;
  /** Queues by name. */
  readonly queues: Map<string, SqsQueue>;
  /** Names of the actions that were asked for, in order. */
  readonly asked: string[];
  /** Refuses actions as SQS does those who are not allowed to. */
  readonly denied: Set<string>;
  stop(): Promise<void>;
}

/** A queue, as the stand-in holds it. */
export interface SqsQueue {
  readonly messages: SqsMessage[];
  visibilityMs: number;
}

interface SqsMessage {
  readonly id: string;
  readonly body: string;
  /** Not given to anybody before. */
  visibleAt: number;
  /** Of the last time that it was received. */
  receipt: string | undefined;
  received: number;
}

type Input = Readonly<Record<string, unknown>>;

const account = '000000000000';
const idRule = /^[\w-]{1,80}$/;
const mostBytes = 1_048_576;

/** Starts a stand-in, which loses everything when it is stopped. */
export async function startSqs(givenPort = 0): Promise<SqsServer> {
  const broker = new Broker();
  const server = createServer((request, response) => void answer(broker, request, response));
  await new Promise<void>((resolve) => server.listen(givenPort, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  broker.url = url;
  const { queues, asked, denied } = broker;
  return { url, port, queues, asked, denied, stop: () => stopped(server, broker) };
}

/** An error as SQS has them. */
class Refusal extends Error {
  readonly type: string;
  readonly code: string;
  readonly status: number;

  constructor(type: string, message: string, { code = type, status = 400 } = {}) {
    super(message);
    this.type = type;
    this.code = code;
    this.status = status;
  }
}

class Broker {
  url = '';
  readonly queues = new Map<string, SqsQueue>();
  readonly asked: string[] = [];
  readonly denied = new Set<string>();
  isStopped = false;

  /** By the name of the action. */
  readonly actions: Readonly<Record<string, (input: Input) => unknown>> = {
    CreateQueue: (input) => this.#create(input),
    GetQueueUrl: ({ QueueName }) => ({ QueueUrl: this.#urlOf(this.#named(String(QueueName)).name) }),
    GetQueueAttributes: (input) => {
      const { visibilityMs } = this.#of(input);
      return { Attributes: { VisibilityTimeout: String(visibilityMs / 1_000) } };
    },
    PurgeQueue: (input) => void this.#of(input).messages.splice(0),
    SendMessage: (input) => this.#send(this.#of(input), input),
    SendMessageBatch: (input) => this.#each(input, (entry) => this.#send(this.#of(input), entry)),
    ReceiveMessage: (input) => this.#receive(this.#of(input), input),
    DeleteMessage: (input) => this.#delete(this.#of(input), input),
    DeleteMessageBatch: (input) => this.#each(input, (entry) => this.#delete(this.#of(input), entry)),
    ChangeMessageVisibility: (input) => this.#change(this.#of(input), input),
    ChangeMessageVisibilityBatch: (input) => {
      return this.#each(input, (entry) => this.#change(this.#of(input), entry));
    },
  };

  #create({ QueueName, Attributes = {} }: Input): unknown {
    const name = String(QueueName);
    if (!idRule.test(name)) {
      const rule = 'Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length';
      throw new Refusal('InvalidParameterValue', rule, { code: 'InvalidParameterValue' });
    }
    const { VisibilityTimeout = '30' } = Attributes as { readonly VisibilityTimeout?: string };
    const visibilityMs = Number(VisibilityTimeout) * 1_000;
    if (!this.queues.has(name)) this.queues.set(name, { messages: [], visibilityMs });
    return { QueueUrl: this.#urlOf(name) };
  }

  #urlOf(name: string): string {
    return `${this.url}/${account}/${name}`;
  }

  #of({ QueueUrl }: Input): SqsQueue {
    return this.#named(String(QueueUrl).split('/').at(-1) ?? '').queue;
  }

  #named(name: string): { readonly name: string; readonly queue: SqsQueue } {
    const queue = this.queues.get(name);
    if (queue !== undefined) return { name, queue };
    const code = 'AWS.SimpleQueueService.NonExistentQueue';
    throw new Refusal('QueueDoesNotExist', 'The specified queue does not exist.', { code });
  }

  #send(queue: SqsQueue, { MessageBody, DelaySeconds = 0 }: Input): unknown {
    const body = String(MessageBody ?? '');
    const delay = Number(DelaySeconds);
    if (body === '') throw new Refusal('MissingParameter', 'The request must contain MessageBody.');
    if (!(delay >= 0 && delay <= 900)) {
      throw new Refusal('InvalidParameterValue', 'DelaySeconds must be >= 0 and <= 900.');
    }
    const id = randomUUID();
    const visibleAt = Date.now() + delay * 1_000;
    queue.messages.push({ id, body, visibleAt, receipt: undefined, received: 0 });
    return { MessageId: id, MD5OfMessageBody: md5(body) };
  }

  async #receive(queue: SqsQueue, input: Input): Promise<unknown> {
    const { MaxNumberOfMessages: most = 1, WaitTimeSeconds: wait = 0, VisibilityTimeout } = input;
    if (!(Number(most) >= 1 && Number(most) <= 10) || !(Number(wait) >= 0 && Number(wait) <= 20)) {
      throw new Refusal('InvalidParameterValue', 'MaxNumberOfMessages is 1 to 10, WaitTimeSeconds 0 to 20.');
    }
    const until = Date.now() + Number(wait) * 1_000;
    for (;;) {
      const now = Date.now();
      const found = queue.messages.filter(({ visibleAt }) => visibleAt <= now).slice(0, Number(most));
      if (found.length > 0) {
        const hiddenMs =
          VisibilityTimeout === undefined ? queue.visibilityMs : Number(VisibilityTimeout) * 1_000;
        return { Messages: found.map((message) => given(message, now + hiddenMs)) };
      }
      // Without any message the list is left out.
      if (now >= until || this.isStopped) return {};
      await pause(5);
    }
  }

  #delete(queue: SqsQueue, { ReceiptHandle }: Input): unknown {
    const receipt = readReceipt(ReceiptHandle);
    const at = queue.messages.findIndex((message) => message.receipt === receipt);
    // An old receipt is taken, and deletes nothing.
    if (at >= 0) queue.messages.splice(at, 1);
    return {};
  }

  #change(queue: SqsQueue, { ReceiptHandle, VisibilityTimeout }: Input): unknown {
    const receipt = readReceipt(ReceiptHandle);
    const message = queue.messages.find((each) => each.receipt === receipt);
    if (message === undefined || message.visibleAt <= Date.now()) {
      const code = 'AWS.SimpleQueueService.MessageNotInflight';
      throw new Refusal('MessageNotInflight', 'The message is not in flight.', { code });
    }
    message.visibleAt = Date.now() + Number(VisibilityTimeout) * 1_000;
    return {};
  }

  #each(input: Input, work: (entry: Input) => unknown): unknown {
    const { Entries } = input;
    this.#of(input);
    const entries = (Entries ?? []) as readonly (Input & { readonly Id: string })[];
    const code = (name: string) => ({ code: `AWS.SimpleQueueService.${name}` });
    if (entries.length === 0)
      throw new Refusal('EmptyBatchRequest', 'There is no entry.', code('EmptyBatchRequest'));
    if (entries.length > 10) {
      const name = 'TooManyEntriesInBatchRequest';
      throw new Refusal(name, 'A batch has 10 entries at most.', code(name));
    }
    if (new Set(entries.map(({ Id }) => Id)).size < entries.length) {
      throw new Refusal(
        'BatchEntryIdsNotDistinct',
        'Ids are not distinct.',
        code('BatchEntryIdsNotDistinct'),
      );
    }
    const Successful: unknown[] = [];
    const Failed: unknown[] = [];
    for (const entry of entries) {
      try {
        Successful.push({ Id: entry.Id, ...(work(entry) as object) });
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        Failed.push({ Id: entry.Id, SenderFault: true, Code: error.code, Message: error.message });
      }
    }
    return { Successful, ...(Failed.length > 0 ? { Failed } : {}) };
  }
}

function given(message: SqsMessage, visibleAt: number): unknown {
  message.visibleAt = visibleAt;
  message.receipt = randomUUID();
  message.received += 1;
  const { id, body, receipt } = message;
  return { MessageId: id, ReceiptHandle: receipt, Body: body, MD5OfBody: md5(body) };
}

function readReceipt(given: unknown): string {
  if (typeof given === 'string' && given !== '') return given;
  throw new Refusal('ReceiptHandleIsInvalid', 'The input receipt handle is invalid.');
}

function md5(text: string): string {
  return createHash('md5').update(text).digest('hex');
}

async function answer(broker: Broker, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const write = (status: number, body: unknown, headers: Record<string, string> = {}) => {
    const id = { 'x-amzn-RequestId': randomUUID() };
    response.writeHead(status, { 'Content-Type': 'application/x-amz-json-1.0', ...id, ...headers });
    response.end(JSON.stringify(body ?? {}));
  };
  try {
    write(200, await done(broker, request));
  } catch (error) {
    if (!(error instanceof Refusal)) return write(500, { __type: 'InternalFailure', message: String(error) });
    const { type, message, code, status } = error;
    const fault = status < 500 ? 'Sender' : 'Receiver';
    write(
      status,
      { __type: `com.amazonaws.sqs#${type}`, message },
      { 'x-amzn-query-error': `${code};${fault}` },
    );
  }
}

async function done(broker: Broker, request: IncomingMessage): Promise<unknown> {
  const [service, name = ''] = String(request.headers['x-amz-target']).split('.');
  const body = await text(request);
  broker.asked.push(name);
  if (!String(request.headers.authorization).startsWith('AWS4-HMAC-SHA256 ')) {
    throw new Refusal('MissingAuthenticationToken', 'Request is missing Authentication Token', {
      status: 403,
    });
  }
  const action = Object.hasOwn(broker.actions, name) ? broker.actions[name] : undefined;
  if (service !== 'AmazonSQS' || action === undefined) {
    throw new Refusal('UnknownOperationException', `There is no action ${name}.`);
  }
  if (broker.denied.has(name)) {
    throw new Refusal('AccessDeniedException', `User is not authorized to perform sqs:${name}`, {
      status: 403,
    });
  }
  if (Buffer.byteLength(body) > mostBytes)
    throw new Refusal('InvalidParameterValue', 'The request is too long.');
  return action(JSON.parse(body) as Input);
}

async function stopped(server: Server, broker: Broker): Promise<void> {
  broker.isStopped = true;
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
