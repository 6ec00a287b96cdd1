// For tests only: a server that speaks SQL Server's protocol (MS-TDS 7.4) as far as our driver needs it, and
// answers what a test says. It knows no SQL: it shows what was sent and plays what comes back.
import { createServer, type Server, type Socket } from 'node:net';

/** A statement as it arrived. */
export interface TdsRequest {
  /** The text, or the name of a procedure that was called. */
  readonly sql: string;
  /** Values that were bound, in order. */
  readonly values: readonly unknown[];
  readonly kind: 'batch' | 'execute' | 'call';
}

/** A column of an answer by the protocol's types. */
export interface TdsColumn {
  readonly name: string;
  readonly type: 'nvarchar' | 'bigint' | 'int' | 'bit' | 'float' | 'varbinary';
}

/** What is played back: tokens in this order, or silence, or the end of the connection. */
export type TdsAnswer =
  | {
      readonly sets?: readonly {
        readonly columns: readonly TdsColumn[];
        readonly rows: readonly unknown[][];
      }[];
      /** Rows that a write changed. */
      readonly changes?: number;
      readonly out?: readonly { readonly column: TdsColumn; readonly value: unknown }[];
      readonly error?: { readonly number: number; readonly message: string };
    }
  | 'silence'
  | 'end';

/** A running server. */
export interface TdsServer {
  readonly port: number;
  /** Everything that arrived after logins, without what the driver itself says first. */
  readonly requests: TdsRequest[];
  readonly connections: number;
  /** Whether new logins are refused with SQL Server's error 18456. */
  isClosedToLogins: boolean;
  /** Cuts all connections. */
  cut(): void;
  close(): Promise<void>;
}

/** Starts a server on a free port; `answer` is asked for each statement. */
export async function startTdsServer(answer: (request: TdsRequest) => TdsAnswer): Promise<TdsServer> {
  const sockets = new Set<Socket>();
  const requests: TdsRequest[] = [];
  const state = { isClosedToLogins: false };
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
    const talk = new Talk(socket, (request) => {
      requests.push(request);
      return answer(request);
    });
    socket.on('data', (bytes) => talk.receive(bytes, state.isClosedToLogins));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    requests,
    get connections() {
      return sockets.size;
    },
    get isClosedToLogins() {
      return state.isClosedToLogins;
    },
    set isClosedToLogins(value) {
      state.isClosedToLogins = value;
    },
    cut,
    close: () => {
      cut();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

const packet = { batch: 0x01, rpc: 0x03, reply: 0x04, attention: 0x06, login: 0x10, prelogin: 0x12 };

/** One connection: packets into messages, messages into answers. */
class Talk {
  readonly #socket: Socket;
  readonly #answer: (request: TdsRequest) => TdsAnswer;
  #bytes: Buffer = Buffer.alloc(0);
  #message: Buffer[] = [];
  #isReady = false;
  #transaction = 0;

  constructor(socket: Socket, answer: (request: TdsRequest) => TdsAnswer) {
    this.#socket = socket;
    this.#answer = answer;
  }

  receive(bytes: Buffer, isClosed: boolean): void {
    this.#bytes = Buffer.concat([this.#bytes, bytes]);
    while (this.#bytes.length >= 8 && this.#bytes.length >= this.#bytes.readUInt16BE(2)) {
      const length = this.#bytes.readUInt16BE(2);
      const [type = 0, status = 0] = this.#bytes;
      this.#message.push(this.#bytes.subarray(8, length));
      this.#bytes = this.#bytes.subarray(length);
      if ((status & 1) === 0) continue;
      const message = Buffer.concat(this.#message);
      this.#message = [];
      this.#handle(type, message, isClosed);
    }
  }

  #handle(type: number, message: Buffer, isClosed: boolean): void {
    if (type === packet.prelogin) this.#send(prelogin());
    else if (type === packet.login) this.#send(isClosed ? refusedLogin() : login());
    else if (type === packet.attention) this.#send(done({ status: 0x20 }));
    else this.#statement(type === packet.rpc ? readCall(message) : readBatch(message));
  }

  // The first batch is the driver's own settings of the session.
  #statement(request: TdsRequest): void {
    if (!this.#isReady) {
      this.#isReady = true;
      this.#send(done({}));
      return;
    }
    const answer = this.#answer(request);
    if (answer === 'silence') return;
    if (answer === 'end') this.#socket.destroy();
    else this.#send(Buffer.concat([this.#change(request.sql), tokens(answer)]));
  }

  #change(sql: string): Buffer {
    if (/^BEGIN TRANSACTION/.test(sql)) return transactionChange(8, ++this.#transaction);
    if (/^COMMIT/.test(sql)) return transactionChange(9, this.#transaction);
    return /^(?:IF @@TRANCOUNT > 0 )?ROLLBACK TRANSACTION$/.test(sql)
      ? transactionChange(10, this.#transaction)
      : Buffer.alloc(0);
  }

  #send(content: Buffer): void {
    const size = 4_096 - 8;
    for (let from = 0; from === 0 || from < content.length; from += size) {
      const part = content.subarray(from, from + size);
      const header = Buffer.alloc(8);
      header.writeUInt8(packet.reply, 0);
      header.writeUInt8(from + size >= content.length ? 1 : 0, 1);
      header.writeUInt16BE(part.length + 8, 2);
      header.writeUInt8(1, 6);
      this.#socket.write(Buffer.concat([header, part]));
    }
  }
}

function prelogin(): Buffer {
  // VERSION, ENCRYPTION (not supported), end; then their values.
  const options = [0x00, 0, 11, 0, 6, 0x01, 0, 17, 0, 1, 0xff];
  return Buffer.from([...options, 16, 0, 0x10, 0, 0, 0, 2]);
}

function login(): Buffer {
  const name = shortText('Test Server');
  const body = Buffer.concat([Buffer.from([1, 0x74, 0, 0, 4]), name, Buffer.from([16, 0, 0x10, 0])]);
  return Buffer.concat([token(0xad, body), done({})]);
}

function refusedLogin(): Buffer {
  return Buffer.concat([error(18_456, "Login failed for user 'x'."), done({ status: 2 })]);
}

function tokens(answer: Exclude<TdsAnswer, string>): Buffer {
  const { sets = [], changes, out = [], error: refusal } = answer;
  if (refusal !== undefined)
    return Buffer.concat([error(refusal.number, refusal.message), done({ status: 2 })]);
  const parts = sets.map(({ columns, rows }) =>
    Buffer.concat([
      metadata(columns),
      ...rows.map((row) => rowToken(columns, row)),
      done({ status: 0x11, count: rows.length }),
    ]),
  );
  const values = out.map(({ column, value }, index) => {
    const head = Buffer.alloc(2);
    head.writeUInt16LE(index);
    const rest = Buffer.concat([Buffer.from([1, 0, 0, 0, 0, 0, 0]), typeInfo(column.type)]);
    return Buffer.concat([
      Buffer.from([0xac]),
      head,
      shortText(`@${column.name}`),
      rest,
      valueBytes(column, value),
    ]);
  });
  const status = Buffer.from([0x79, 0, 0, 0, 0]);
  const last = changes === undefined ? done({}) : done({ status: 0x10, count: changes });
  return Buffer.concat([...parts, ...(values.length > 0 ? [status, ...values] : []), last]);
}

function metadata(columns: readonly TdsColumn[]): Buffer {
  const count = Buffer.alloc(2);
  count.writeUInt16LE(columns.length);
  const each = columns.map(({ name, type }) =>
    Buffer.concat([Buffer.from([0, 0, 0, 0, 1, 0]), typeInfo(type), shortText(name)]),
  );
  return Buffer.concat([Buffer.from([0x81]), count, ...each]);
}

function rowToken(columns: readonly TdsColumn[], row: readonly unknown[]): Buffer {
  return Buffer.concat([
    Buffer.from([0xd1]),
    ...columns.map((column, index) => valueBytes(column, row[index])),
  ]);
}

function typeInfo(type: TdsColumn['type']): Buffer {
  switch (type) {
    case 'nvarchar':
      return Buffer.from([0xe7, 0xff, 0xff, 0x09, 0x04, 0xd0, 0x00, 0x34]);
    case 'varbinary':
      return Buffer.from([0xa5, 0xff, 0xff]);
    case 'bigint':
      return Buffer.from([0x26, 8]);
    case 'int':
      return Buffer.from([0x26, 4]);
    case 'bit':
      return Buffer.from([0x68, 1]);
    case 'float':
      return Buffer.from([0x6d, 8]);
  }
}

function valueBytes({ type }: TdsColumn, value: unknown): Buffer {
  if (type === 'nvarchar' || type === 'varbinary') {
    if (value === null || value === undefined) return Buffer.alloc(8, 0xff);
    return longValue(
      type === 'nvarchar' ? Buffer.from(String(value), 'utf16le') : Buffer.from(value as Uint8Array),
    );
  }
  if (value === null || value === undefined) return Buffer.from([0]);
  const bytes = Buffer.alloc(type === 'bit' ? 1 : type === 'int' ? 4 : 8);
  if (type === 'bit') bytes.writeUInt8(value === true ? 1 : 0);
  else if (type === 'int') bytes.writeInt32LE(Number(value));
  else if (type === 'float') bytes.writeDoubleLE(Number(value));
  else bytes.writeBigInt64LE(BigInt(value as bigint));
  return Buffer.concat([Buffer.from([bytes.length]), bytes]);
}

function longValue(bytes: Buffer): Buffer {
  const total = Buffer.alloc(8);
  total.writeBigUInt64LE(BigInt(bytes.length));
  const chunk = Buffer.alloc(4);
  chunk.writeUInt32LE(bytes.length);
  return Buffer.concat([total, ...(bytes.length > 0 ? [chunk, bytes] : []), Buffer.alloc(4)]);
}

function error(number: number, message: string): Buffer {
  const head = Buffer.alloc(6);
  head.writeInt32LE(number);
  head.writeUInt8(1, 4);
  head.writeUInt8(16, 5);
  const line = Buffer.from([1, 0, 0, 0]);
  return token(0xaa, Buffer.concat([head, longText(message), shortText('test'), shortText(''), line]));
}

function transactionChange(kind: number, id: number): Buffer {
  const number = Buffer.alloc(8);
  number.writeBigUInt64LE(BigInt(id));
  const [now, before] = kind === 8 ? [number, Buffer.alloc(0)] : [Buffer.alloc(0), number];
  const side = (bytes: Buffer) => Buffer.concat([Buffer.from([bytes.length]), bytes]);
  return token(0xe3, Buffer.concat([Buffer.from([kind]), side(now), side(before)]));
}

function done({ status = 0, count = 0 }: { status?: number; count?: number }): Buffer {
  const body = Buffer.alloc(13);
  body.writeUInt8(0xfd);
  body.writeUInt16LE(status, 1);
  body.writeBigUInt64LE(BigInt(count), 5);
  return body;
}

function token(type: number, body: Buffer): Buffer {
  const head = Buffer.alloc(3);
  head.writeUInt8(type);
  head.writeUInt16LE(body.length, 1);
  return Buffer.concat([head, body]);
}

function shortText(text: string): Buffer {
  return Buffer.concat([Buffer.from([text.length]), Buffer.from(text, 'utf16le')]);
}

function longText(text: string): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16LE(text.length);
  return Buffer.concat([length, Buffer.from(text, 'utf16le')]);
}

function readBatch(message: Buffer): TdsRequest {
  const text = message.subarray(message.readUInt32LE(0)).toString('utf16le');
  return { kind: 'batch', sql: text, values: [] };
}

// A call of sp_executesql (number 10) has the text, the declarations, and then the values.
function readCall(message: Buffer): TdsRequest {
  const reader = new Reader(message, message.readUInt32LE(0));
  const length = reader.uint16();
  const name = length === 0xffff ? `#${reader.uint16()}` : reader.text(length);
  reader.uint16();
  const values: unknown[] = [];
  while (reader.hasMore) values.push(reader.parameter());
  if (name !== '#10') return { kind: 'call', sql: name, values };
  return { kind: 'execute', sql: String(values[0]), values: values.slice(2) };
}

class Reader {
  readonly #bytes: Buffer;
  #at: number;

  constructor(bytes: Buffer, from: number) {
    this.#bytes = bytes;
    this.#at = from;
  }

  get hasMore(): boolean {
    return this.#at < this.#bytes.length;
  }

  uint16(): number {
    this.#at += 2;
    return this.#bytes.readUInt16LE(this.#at - 2);
  }

  text(length: number): string {
    return this.#take(length * 2).toString('utf16le');
  }

  parameter(): unknown {
    this.text(this.#byte());
    this.#byte();
    const type = this.#byte();
    if (type === 0xe7 || type === 0xa5) return this.#variable(type);
    this.#byte();
    const bytes = this.#take(this.#byte());
    if (bytes.length === 0) return null;
    if (type === 0x6d) return bytes.readDoubleLE();
    if (type === 0x68) return bytes[0] === 1;
    return bytes.length === 8 ? bytes.readBigInt64LE() : bytes.readIntLE(0, bytes.length);
  }

  #variable(type: number): unknown {
    const isLong = this.uint16() === 0xffff;
    if (type === 0xe7) this.#take(5);
    const bytes = isLong ? this.#chunks() : this.#counted();
    if (bytes === null) return null;
    return type === 0xe7 ? bytes.toString('utf16le') : new Uint8Array(bytes);
  }

  #counted(): Buffer | null {
    const length = this.uint16();
    return length === 0xffff ? null : this.#take(length);
  }

  #chunks(): Buffer | null {
    if (this.#take(8).equals(Buffer.alloc(8, 0xff))) return null;
    const parts: Buffer[] = [];
    for (;;) {
      const length = this.#take(4).readUInt32LE();
      if (length === 0) return Buffer.concat(parts);
      parts.push(this.#take(length));
    }
  }

  #byte(): number {
    return this.#take(1)[0] ?? 0;
  }

  #take(length: number): Buffer {
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }
}
