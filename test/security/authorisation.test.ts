// The authorisation matrix: every path and verb of the description × every kind of caller × both ways of asking,
// each cell against what the documentation says.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Caller,
  type Cell,
  isAllowed,
  openWorld,
  type Place,
  reached,
  type Verb,
  verbs,
  type World,
} from './authorisation.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
}, 120_000);
afterAll(() => world.server.close());

const everyVerb = Object.keys(verbs) as Verb[];
const pathOf = ({ service, path }: Place) => ['', service, ...path.map(encodeURIComponent)].join('/');

/** What became of a cell: whether the access check let it pass. */
type Outcome = 'passed' | 'refused' | 'impossible';

async function direct({ caller, place, verb }: Cell): Promise<Outcome> {
  const { status, text } = await world.server.ask(`/api/v2${pathOf(place)}`, {
    ...{ method: verb, anonymous: true, headers: caller.headers },
    ...(verb === 'GET' ? {} : { body: { resource: [{}] } }),
  });
  return outcomeOf(status, text);
}

// From a script, whose answer tells the status that its own call got.
async function relayed({ caller, place, verb }: Cell): Promise<Outcome> {
  const { status, body, text } = await world.server.ask('/api/v2/relay', {
    ...{ method: 'POST', anonymous: true, headers: caller.headers },
    body: { verb: verb.toLowerCase(), path: pathOf(place).slice(1) },
  });
  if (status !== 200) throw new Error(`${caller.name}: ${verb} ${pathOf(place)} by the relay: ${text}`);
  return outcomeOf(body.status, body.text);
}

// What the access check says (spec §5.2); every other refusal comes after it.
const refusals =
  /No session token|No API Key|Role not found|Access Forbidden|Unauthorized|session for the current/;

function outcomeOf(status: number, message: string): Outcome {
  if (status === reached) return 'passed';
  if (status === 404 || /are not currently supported|can only be read/.test(message)) return 'impossible';
  return [400, 401, 403].includes(status) && refusals.test(message) ? 'refused' : 'passed';
}

async function mistakes(cells: readonly Cell[], ask: (cell: Cell) => Promise<Outcome>): Promise<string[]> {
  const wrong: string[] = [];
  const rest = [...cells];
  const worker = async () => {
    for (let cell = rest.pop(); cell !== undefined; cell = rest.pop()) {
      const outcome = await ask(cell);
      const isRight = isAllowed(cell, world.resources) ? outcome !== 'refused' : outcome === 'refused';
      if (isRight) continue;
      wrong.push(
        `${cell.caller.name}: ${cell.verb} ${pathOf(cell.place)} by ${cell.requestor} is ${outcome}`,
      );
    }
  };
  await Promise.all([worker(), worker(), worker(), worker()]);
  return wrong.sort();
}

const cellsOf = (callers: readonly Caller[], requestor: Cell['requestor']): Cell[] =>
  callers.flatMap((caller) =>
    world.places.flatMap((place) => place.documented.map((verb) => ({ caller, place, verb, requestor }))),
  );

describe('the authorisation matrix', () => {
  it('is one of every kind of caller and every path', () => {
    expect(world.callers.length).toBeGreaterThanOrEqual(28);
    const services = new Set(world.places.map(({ service }) => service));
    expect([...services].sort()).toEqual(['api_docs', 'calc', 'crm', 'hr', 'system', 'user']);
    expect(cellsOf(world.callers, 'api').length).toBeGreaterThan(4_000);
  });

  it('allows from outside what is granted, and nothing else', async () => {
    expect(await mistakes(cellsOf(world.callers, 'api'), direct)).toEqual([]);
  }, 240_000);

  it('allows scripts what is granted to scripts, and nothing else', async () => {
    // Whoever cannot use the script that asks has no cells here; the keys have the same roles as the users.
    const callers = world.callers.filter(
      ({ isUser, grants, isAdmin }) => isUser && (isAdmin || grants !== undefined),
    );
    expect(callers.length).toBeGreaterThanOrEqual(13);
    expect(await mistakes(cellsOf(callers, 'script'), relayed)).toEqual([]);
  }, 240_000);

  it('knows no path and no verb beside those that are described', async () => {
    const beside = world.places.flatMap((place) =>
      everyVerb.filter((verb) => !place.documented.includes(verb)).map((verb) => ({ place, verb })),
    );
    const callers = world.callers.filter(({ isAdmin, name }) => isAdmin || name === 'user as everything');
    const answers: string[] = [];
    for (const caller of callers) {
      for (const { place, verb } of beside) {
        const { status } = await world.server.ask(`/api/v2${pathOf(place)}`, {
          ...{
            method: verb,
            anonymous: true,
            headers: caller.headers,
            body: verb === 'GET' ? undefined : {},
          },
        });
        if (status < 400 || status >= 500)
          answers.push(`${caller.name}: ${verb} ${pathOf(place)} is ${status}`);
      }
    }
    expect(answers).toEqual([]);
  }, 120_000);

  it.each([
    '/hr/_tables/todo',
    '/hr/_table/todo/1/2',
    '/system/roles',
    '/system/role/1/x',
    '/nope',
    '/user/admin',
    '/hr/_proc/x',
  ])('lets nobody but an administrator know that %s is not there', async (path) => {
    for (const caller of world.callers) {
      const { status } = await world.server.ask(`/api/v2${path}`, {
        anonymous: true,
        headers: caller.headers,
      });
      expect([400, 401, 403, 404], caller.name).toContain(status);
    }
  });
});
