// The way from a command to the system API: over HTTP to a running server or, where none runs, straight into
// the data folder. Invariant: both answer the same, refusals included.
import { Body } from '../core/body.ts';
import { type Action, itself, type Operation, type Result } from '../core/operation.ts';
import { Client, RefusedError } from './client.ts';
import { chosenFolder, type DoorOptions, openFolder } from './door.ts';

/** One request to the service `system`. */
export interface SystemCall {
  readonly action?: Action;
  /** Below `system/`. */
  readonly path: readonly string[];
  readonly query?: Readonly<Record<string, string>>;
  /** Values of the placeholders of `filter`. */
  readonly params?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** A system that can be asked. */
export interface SystemDoor {
  /** Where it leads, for the person at the terminal. */
  readonly where: string;
  /** The content of the answer; throws RefusedError for a refusal. */
  ask(call: SystemCall): Promise<unknown>;
}

/** Asks as long as `work` takes. */
export async function throughDoor<T>(
  options: DoorOptions,
  work: (door: SystemDoor) => Promise<T>,
): Promise<T> {
  const config = await chosenFolder(options, { isNew: false });
  if (config === undefined) {
    const client = await Client.connect(options);
    return work({ where: options.server, ask: (call) => askServer(client, call) });
  }
  const platform = await openFolder(config);
  try {
    const ask = async (call: SystemCall) => contentOf(await platform.dispatch(operationOf(call)));
    return await work({ where: config.home, ask });
  } finally {
    await platform.close();
  }
}

async function askServer(client: Client, call: SystemCall): Promise<unknown> {
  const { action = 'GET', path, query = {}, params = {}, body } = call;
  const search = new URLSearchParams(query);
  for (const [name, value] of Object.entries(params)) search.set(`params[${name}]`, value);
  const place = ['system', ...path.map(encodeURIComponent)].join('/');
  const { body: content } = await client.ask(`${place}?${search}`, { method: action, body });
  return content;
}

function operationOf({ action = 'GET', path, query = {}, params, body }: SystemCall): Operation {
  const content = body === undefined ? undefined : Body.ofText(JSON.stringify(body), 'application/json');
  const parameters = { ...query, ...(params === undefined ? {} : { params }) };
  return {
    ...{ service: 'system', path, action, origin: 'cli', requestor: 'api' },
    ...{ principal: itself, depth: 0, uri: `/api/v2/system/${path.join('/')}`, apiVersion: '2.0' },
    request: { parameters, headers: {}, body: content },
  };
}

function contentOf({ status, body }: Result): unknown {
  if (status >= 200 && status < 300) return body?.value;
  const { error } = (body?.value ?? {}) as { error?: { message?: string } };
  throw new RefusedError({ status, reason: error?.message ?? 'no reason given' });
}
