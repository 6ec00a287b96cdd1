// Packages of three languages made on the spot, so that tests need no network.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findInterpreter } from '../../runners/interpreter.ts';

/** A tarball as `npm pack` makes it. */
export function localNpm(
  folder: string,
  about: { name: string; version: string; script: string; more?: Record<string, unknown> },
): string {
  const place = mkdtempSync(join(folder, 'npm-'));
  const { name, version, script, more } = about;
  mkdirSync(join(place, 'package'));
  const manifest = { name, version, main: 'index.js', ...more };
  writeFileSync(join(place, 'package', 'package.json'), JSON.stringify(manifest));
  writeFileSync(join(place, 'package', 'index.js'), script);
  const tarball = join(place, `${name}-${version}.tgz`);
  execFileSync('tar', ['-czf', tarball, '-C', place, 'package']);
  return tarball;
}

const zip = `
import sys, zipfile
path, name, version, source = sys.argv[1:]
info = '%s-%s.dist-info/' % (name, version)
with zipfile.ZipFile(path, 'w') as wheel:
    wheel.writestr(name + '/__init__.py', source)
    wheel.writestr(info + 'METADATA', 'Metadata-Version: 2.1\\nName: %s\\nVersion: %s\\n' % (name, version))
    about = 'Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n'
    wheel.writestr(info + 'WHEEL', about)
    wheel.writestr(info + 'RECORD', '')
`;

/** A wheel with one module. */
export function localWheel(folder: string, about: { name: string; version: string; source: string }): string {
  const { name, version, source } = about;
  const wheel = join(mkdtempSync(join(folder, 'wheel-')), `${name}-${version}-py3-none-any.whl`);
  const python = findInterpreter({ given: '', names: ['python3'] });
  if ('problem' in python) throw new Error(python.problem);
  execFileSync(python.path, ['-c', zip, wheel, name, version, source]);
  return wheel;
}

/** A folder with a package of PHP: one class with a function `word`. */
export function localPhp(folder: string, { name, namespace }: { name: string; namespace: string }): string {
  const place = mkdtempSync(join(folder, 'php-'));
  const autoload = { 'psr-4': { [`${namespace}\\`]: 'src/' } };
  writeFileSync(join(place, 'composer.json'), JSON.stringify({ name, version: '1.0.0', autoload }));
  mkdirSync(join(place, 'src'));
  const body = `class Greeting { public static function word() { return 'hello'; } }`;
  const text = `<?php\nnamespace ${namespace};\n${body}\n`;
  writeFileSync(join(place, 'src', 'Greeting.php'), text);
  return place;
}
