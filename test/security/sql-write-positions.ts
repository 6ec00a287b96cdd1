// Places in what is written: the driver must find exactly the text that was sent, and nothing else changed.
// Invariant: each attack removes what it wrote.
import { isField, isNoSegment, isUnfit } from './sql-name-positions.ts';
import { type Attack, type Position, quoted, recordsOf, refused, skipped } from './sql-position.ts';
import { isKey } from './sql-world.ts';

// ---- writes ----

const clean = ({ world }: Attack, id: unknown) => world.query('delete from note where id = ?', [Number(id)]);

/** Places in writes. */
export const writes: readonly Position[] = [
  {
    name: 'value of a new record',
    writes: true,
    attack: async (attack) => {
      const { world, text, ask } = attack;
      const body = { resource: [{ body: text, n: 1 }] };
      const reply = await ask({ method: 'POST', path: '/_table/note', query: { fields: 'id,body' }, body });
      if (!world.canStore(text)) return refused(reply);
      if (reply.status !== 200) return `status ${reply.status}: ${reply.text.slice(0, 200)}`;
      const [made] = recordsOf(reply);
      const [row] = await world.query('select body from note where id = ?', [Number(made?.id)]);
      await clean(attack, made?.id);
      if (row?.body !== text) return `stored ${JSON.stringify(row?.body)}`;
      return made?.body === text ? undefined : `answered ${JSON.stringify(made?.body)}`;
    },
  },
  {
    name: 'name of a field of a new record',
    writes: true,
    attack: async (attack) => {
      const { text, turn, world, ask } = attack;
      const body = {
        resource: [
          Object.fromEntries([
            ['n', turn],
            [text, 'x'],
          ]),
        ],
      };
      const reply = await ask({ method: 'POST', path: '/_table/note', query: { fields: 'id,n' }, body });
      if (reply.status !== 200) return refused(reply);
      const [made] = recordsOf(reply);
      const [row] = await world.query('select n, body from note where id = ?', [Number(made?.id)]);
      await clean(attack, made?.id);
      return row !== undefined && (row.n === turn || isField(text))
        ? undefined
        : `stored ${JSON.stringify(row)}`;
    },
  },
  {
    name: 'key and value of a JSON field',
    writes: true,
    attack: async (attack) => {
      const { text, ask } = attack;
      const data = Object.fromEntries([
        ['value', text],
        [`k${text}`, { [`_${text}`]: [text] }],
      ]);
      const reply = await ask({ method: 'POST', path: '/_table/note', body: { resource: [{ data, n: 1 }] } });
      if (reply.status !== 200)
        return text.includes('\0') ? refused(reply) : `status ${reply.status}: ${reply.text}`;
      const [made] = recordsOf(reply);
      const again = await ask({ path: `/_table/note/${made?.id}`, query: { fields: 'data' } });
      await clean(attack, made?.id);
      const stored = (JSON.parse(again.text) as { data?: Record<string, unknown> }).data ?? {};
      const isSame = Object.entries(data).every(([key, value]) => {
        return JSON.stringify(stored[key]) === JSON.stringify(value);
      });
      return isSame ? undefined : `read ${again.text.slice(0, 300)}`;
    },
  },
  {
    name: 'filter of an update',
    writes: true,
    attack: async ({ world, text, turn, ask }) => {
      if (!world.canStore(text)) return skipped;
      await world.query('insert into note (body, n) values (?, ?), (?, ?)', [
        text,
        -turn,
        `not ${text}`,
        -turn,
      ]);
      const filter = `n = ${-turn} and body = ${quoted(text, "'")}`;
      const asked = { method: 'PATCH', path: '/_table/note', body: { filter, resource: [{ n: turn }] } };
      const reply = await ask(asked);
      const rows = await world.query('select body, n from note where n in (?, ?) order by n', [turn, -turn]);
      await world.query('delete from note where n in (?, ?)', [turn, -turn]);
      const wanted = [
        { body: `not ${text}`, n: -turn },
        { body: text, n: turn },
      ];
      const isGood = JSON.stringify(rows) === JSON.stringify(wanted) && reply.status === 200;
      return isGood ? undefined : `status ${reply.status}, then ${JSON.stringify(rows)}`;
    },
  },
  {
    name: 'filter of a delete',
    writes: true,
    attack: async ({ world, text, turn, ask }) => {
      if (!world.canStore(text)) return skipped;
      await world.query('insert into note (body, n) values (?, ?), (?, ?)', [
        text,
        turn,
        `not ${text}`,
        turn,
      ]);
      const filter = `n = :turn and body = :text`;
      const body = { filter, params: { text, turn } };
      const reply = await ask({ method: 'DELETE', path: '/_table/note', body });
      const rows = await world.query('select body from note where n = ?', [turn]);
      await world.query('delete from note where n = ?', [turn]);
      const isGood = rows.length === 1 && rows[0]?.body === `not ${text}` && reply.status === 200;
      return isGood
        ? undefined
        : `status ${reply.status} ${reply.text.slice(0, 200)}, then ${rows.length} rows`;
    },
  },
  {
    name: 'id of an upsert',
    writes: true,
    attack: async ({ world, text, turn, ask }) => {
      if (!isKey(text) || isNoSegment(text) || isUnfit.test(text)) return skipped;
      const path = `/_table/key_note/${encodeURIComponent(text)}`;
      const made = await ask({ method: 'PUT', path, body: { n: turn } });
      const rows = await world.query('select code from key_note where n = ?', [turn]);
      const gone = await ask({ method: 'DELETE', path });
      const left = await world.query('select code from key_note where n = ?', [turn]);
      await world.query('delete from key_note where n = ?', [turn]);
      if (made.status !== 200 || rows.length !== 1 || rows[0]?.code !== text) {
        return `upsert: status ${made.status} ${made.text.slice(0, 200)}, stored ${JSON.stringify(rows)}`;
      }
      return gone.status === 200 && left.length === 0 ? undefined : `delete: status ${gone.status}`;
    },
  },
];
