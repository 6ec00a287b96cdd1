// The files of deploy/: what of them can be looked at without containers.
import { spawnSync } from 'node:child_process';
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { readConfig, settings } from '../../src/config.ts';
import { limits } from '../../src/core/limits.ts';
import { balancerFile, balancerProgram, hasBalancer } from '../balancer.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const read = (file: string) => readFileSync(join(root, 'deploy', file), 'utf8');

interface Container {
  readonly command?: readonly string[];
  readonly image?: string;
  readonly build?: { readonly context: string; readonly dockerfile: string };
  readonly environment?: Readonly<Record<string, string>>;
  readonly stop_grace_period?: string;
  readonly volumes?: readonly string[];
  readonly depends_on?: object;
}

const compose = parse(read('compose.yaml'), { merge: true }) as {
  readonly services: Readonly<Record<string, Container>>;
  readonly networks: { readonly default: { readonly ipam: { readonly config: [{ subnet: string }] } } };
};
const own = Object.entries(compose.services).filter(([, { build }]) => build !== undefined);

// As the tool that reads the file does, with what it says for what is not set.
function filled(text: string): string {
  return text.replace(/\$\{(\w+)(?::([-?])([^}]*))?\}/g, (_all, name, kind, rest) =>
    kind === '-' ? rest : (values[name] ?? ''),
  );
}

const values: Readonly<Record<string, string>> = {
  POSTGRES_PASSWORD: 'secret',
  TENON_MASTER_KEY: 'q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=',
  TENON_ADMIN_PASSWORD: 'correct horse battery',
};

describe('compose.yaml', () => {
  it('has two servers and two workers that share their configuration', () => {
    expect(own.map(([name]) => name)).toEqual(['server-1', 'server-2', 'worker-1', 'worker-2']);
    expect(own.map(([, { command }]) => command)).toEqual([['serve'], ['serve'], ['work'], ['work']]);
    const shared = own.map(
      ([, { environment: { TENON_DATABASE_URL, TENON_MASTER_KEY, TENON_REDIS_URL } = {} }]) =>
        JSON.stringify([TENON_DATABASE_URL, TENON_MASTER_KEY, TENON_REDIS_URL]),
    );
    expect(new Set(shared).size).toBe(1);
  });

  it.each(own)(
    'sets for %s what there is to set, to values that are taken',
    (_name, { environment = {} }) => {
      const known = Object.values(settings).map(({ variable }) => variable);
      expect(Object.keys(environment).filter((name) => !known.includes(name))).toEqual([]);
      const given = Object.entries(environment).map(([name, text]) => [name, filled(text)]);
      expect(() => readConfig(Object.fromEntries(given))).not.toThrow();
    },
  );

  it('leaves the queues to the workers, and believes its own network who calls', () => {
    const { environment = {} } = compose.services['server-1'] ?? {};
    expect(environment.TENON_WORKER_QUEUES).toBe('none');
    expect(environment.TENON_TRUSTED_PROXIES).toBe(compose.networks.default.ipam.config[0].subnet);
  });

  it('holds no secret', () => {
    for (const [, { environment = {} }] of Object.entries(compose.services)) {
      for (const [name, text] of Object.entries(environment)) {
        if (/PASSWORD|KEY|TOKEN/.test(name)) expect(text).toMatch(/^\$\{\w+(:[-?][^}]*)?\}$/);
      }
    }
  });

  it.each(own)('gives %s the time that it takes to end in order', (_name, { stop_grace_period = '' }) => {
    const longestMs = limits.drainDelayUsualSeconds * 1_000 + limits.drainMs;
    expect(Number.parseInt(stop_grace_period, 10) * 1_000).toBeGreaterThan(longestMs);
  });

  it('names files that are there', () => {
    for (const [, { build, volumes = [] }] of Object.entries(compose.services)) {
      if (build !== undefined)
        expect(existsSync(join(root, 'deploy', build.context, build.dockerfile))).toBe(true);
      for (const volume of volumes.filter((each) => each.startsWith('./'))) {
        expect(existsSync(join(root, 'deploy', volume.split(':', 1)[0] ?? ''))).toBe(true);
      }
    }
  });
});

describe('haproxy.cfg', () => {
  it('sends requests to the servers of compose.yaml, at the port of the image', () => {
    const servers = [...read('haproxy.cfg').matchAll(/^\s+server (\S+) (\S+)$/gm)];
    expect(servers.map(([, name, place]) => [name, place])).toEqual([
      ['server-1', 'server-1:8080'],
      ['server-2', 'server-2:8080'],
    ]);
    expect(read('Dockerfile')).toMatch(/TENON_PORT=8080/);
  });

  it('keeps idle connections for a shorter time than servers do', () => {
    const seconds = Number(/timeout http-keep-alive (\d+)s/.exec(read('haproxy.cfg'))?.[1]);
    expect(seconds * 1_000).toBeLessThan(limits.keepAliveMs);
  });

  it.runIf(hasBalancer())('is accepted by HAProxy without a warning', () => {
    const folder = mkdtempSync(join(tmpdir(), 'tenon-balancer-'));
    try {
      const file = join(folder, 'haproxy.cfg');
      writeFileSync(file, balancerFile(8080, [8081, 8082]));
      const { status, stderr } = spawnSync(balancerProgram(), ['-c', '-dW', '-f', file], {
        encoding: 'utf8',
      });
      expect([status, stderr]).toEqual([0, expect.not.stringMatching(/WARNING|ALERT/)]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('Dockerfile', () => {
  const text = read('Dockerfile');

  it('takes in what the build and the package need, and nothing else', () => {
    const kept = readFileSync(join(root, '.dockerignore'), 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('!'))
      .map((line) => line.slice(1));
    for (const path of kept) expect(existsSync(join(root, path)), path).toBe(true);
    const { workspaces } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    for (const workspace of workspaces) {
      const file = join(workspace, 'package.json');
      expect(
        kept.some((path) => file === path || file.startsWith(`${path}/`)),
        file,
      ).toBe(true);
    }
    const built = [...readFileSync(join(root, 'tools/build.mjs'), 'utf8').matchAll(/'(src\/[^'*]+)'/g)];
    expect(built.length).toBeGreaterThan(2);
    expect(kept).toContain('src');
  });

  it('has the languages of scripts, whoever takes in orphans, and no rights', () => {
    for (const name of ['tini', 'perl-base', 'python3', 'php-cli'])
      expect(text).toMatch(new RegExp(`\\b${name}\\b`));
    expect(text).toMatch(/^USER tenon$/m);
    expect(text).toMatch(/^ENTRYPOINT \["\/usr\/bin\/tini", "--", "tenon"\]$/m);
    for (const [name] of text.matchAll(/\bTENON_\w+/g)) {
      expect(
        Object.values(settings).some(({ variable }) => variable === name),
        name,
      ).toBe(true);
    }
  });
});

it('no file of a deployment names a registry', () => {
  for (const file of globSync('deploy/*', { cwd: root })) {
    const text = readFileSync(join(root, file), 'utf8');
    expect(text, file).not.toMatch(/\b(docker\.io|ghcr\.io|quay\.io|gcr\.io|registry\.)/);
  }
});

it('Prometheus asks the servers of compose.yaml', () => {
  const { scrape_configs: jobs } = parse(read('prometheus.yml'));
  expect(jobs[0].static_configs[0].targets).toEqual(['server-1:8080', 'server-2:8080']);
  expect(jobs[0].metrics_path).toBe('/metrics');
});
