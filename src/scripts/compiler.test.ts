import { describe, expect, test } from 'vitest';
import { Compiler } from './compiler.ts';

describe('Compiler', () => {
  test('compiles the same text once, and again in another language', async () => {
    const compiler = new Compiler({ runners: new Map() });
    const first = await compiler.compile({ name: 'a', language: 'nodejs', content: 'return 1;' });
    const same = await compiler.compile({ name: 'a', language: 'nodejs', content: 'return 1;' });
    const named = await compiler.compile({ name: 'b', language: 'nodejs', content: 'return 1;' });
    const other = await compiler.compile({ name: 'a', language: 'typescript', content: 'return 1;' });
    expect(same).toBe(first);
    expect(named).toMatchObject({ program: { name: 'b', hash: first.ok ? first.program.hash : '' } });
    expect(other.ok && first.ok && other.program.hash !== first.program.hash).toBe(true);
  });

  test('answers many asked for at once, good and bad, each with its own', async () => {
    const compiler = new Compiler({ runners: new Map() });
    const texts = Array.from({ length: 40 }, (_, index) =>
      index % 4 === 0 ? `return ${index} +;` : `return ${index};`,
    );
    const asked = texts.map((content, index) =>
      compiler.compile({ name: `s${index}`, language: 'nodejs', content }),
    );
    for (const [index, compiled] of (await Promise.all(asked)).entries()) {
      if (index % 4 === 0) expect(compiled).toMatchObject({ ok: false, line: 1 });
      else expect(compiled).toMatchObject({ ok: true, program: { name: `s${index}`, code: texts[index] } });
    }
  });

  test('keeps the event loop free while it compiles', async () => {
    let turns = 0;
    const turning = setInterval(() => turns++, 1);
    const content = `const a = { ${Array.from({ length: 20_000 }, (_, index) => `k${index}: ${index}`).join()} }; return a;`;
    const compiled = await new Compiler({ runners: new Map() }).compile({
      name: 'large',
      language: 'typescript',
      content,
    });
    clearInterval(turning);
    expect(compiled.ok).toBe(true);
    expect(turns).toBeGreaterThan(5);
  });
});
