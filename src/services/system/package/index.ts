// The configuration as a package: `GET package` tells what there is, `POST` of a manifest exports it, `POST`
// of a package imports it. Invariant: only administrators get here, whatever a role grants, because a package
// holds what roles are made of; every export and import is in the audit log.
import { Body } from '../../../core/body.ts';
import { PlatformError } from '../../../core/errors.ts';
import { limits } from '../../../core/limits.ts';
import type { Result } from '../../../core/operation.ts';
import type { Endpoint } from '../../../core/service.ts';
import { PassphraseSeal } from '../../../security/passphrase.ts';
import { actionNote } from '../audit-note.ts';
import type { SystemParts } from '../parts.ts';
import { flagOption, isObject, type Written } from '../request.ts';
import { answer, type Call, type Resource } from '../resource.ts';
import { isZip, unzipped, zipOf } from './archive.ts';
import { describedPackage } from './description.ts';
import { documentOf, type Items, isDocument, readDocument, refused } from './document.ts';
import { Importer, type RecordChange } from './import.ts';
import { type Kind, packageKinds } from './kinds.ts';
import { type Manifest, manifestOf, readManifest, selected } from './manifest.ts';
import { type Present, Reader } from './reader.ts';
import { readUpload, type Upload } from './upload.ts';
import { readYaml, writeYaml } from './yaml.ts';

const passphraseHeader = 'x-tenon-passphrase';

/** The resource `package`; `config_package` is the same. */
export class PackageResource implements Resource {
  readonly name: string;
  readonly endpoints: readonly Endpoint[];
  readonly #parts: SystemParts;
  readonly #kinds: readonly Kind[];
  readonly #reader: Reader;
  readonly #importer: Importer;

  constructor(parts: SystemParts, name: 'package' | 'config_package' = 'package') {
    this.name = name;
    this.endpoints = [describedPackage(name)];
    this.#parts = parts;
    this.#kinds = packageKinds(parts);
    this.#reader = new Reader(parts);
    this.#importer = new Importer(parts, this.#kinds);
  }

  async handle(call: Call): Promise<Result> {
    if (!call.operation.principal.isAdmin) {
      const message = 'Packages hold the configuration, roles among it: only administrators may use them.';
      throw new PlatformError('access.forbidden', message);
    }
    if (call.action === 'GET') return answer(manifestOf(itemsOf(await this.#present())));
    const upload = await readUpload(call, this.#parts);
    const content = upload === undefined ? {} : await contentOf(upload);
    if (isDocument(content)) return this.#import(call, content);
    return this.#export(call, content);
  }

  async #export(call: Call, written: Written): Promise<Result> {
    const { parameters, headers } = call.operation.request;
    const passphrase = passphraseOf(call);
    const request = { parameters, accept: headers.accept ?? '', passphrase };
    const manifest = readManifest(written, request, this.#kinds);
    const items = selected(manifest, namedOf(await this.#present()));
    const seal =
      manifest.passphrase === undefined ? undefined : await PassphraseSeal.begin(manifest.passphrase);
    const document = documentOf(items, { seal, withKeys: manifest.withKeys });
    await this.#noteExport(call, items, manifest);
    return exported(document, manifest.format);
  }

  async #noteExport({ operation }: Call, items: Items, { passphrase, withKeys }: Manifest): Promise<void> {
    const counts = [...items].map(([kind, records]) => [kind, records.length]);
    await this.#parts.audit.add(
      actionNote(operation, {
        action: passphrase === undefined && !withKeys ? 'export' : 'export_secrets',
        record: 'package',
        after: { ...Object.fromEntries(counts), with_secrets: passphrase !== undefined, with_keys: withKeys },
      }),
    );
  }

  async #import(call: Call, content: Written): Promise<Result> {
    const { parameters } = call;
    const document = readDocument(
      content,
      this.#kinds.map(({ collection }) => collection.name),
    );
    const passphrase = typeof content.password === 'string' ? content.password : passphraseOf(call);
    const isSealed = document.secrets !== undefined && passphrase !== undefined;
    const seal = isSealed ? await PassphraseSeal.open(passphrase, document.secrets) : undefined;
    const isDryRun = flagOption(parameters, 'dry_run');
    const { records, warnings } = await this.#importer.import(document, seal, {
      isDryRun,
      overwrites: parameters.overwrite === undefined || flagOption(parameters, 'overwrite'),
      deletesMissing: flagOption(parameters, 'delete_missing'),
      operation: call.operation,
      isSealed,
    });
    return answer({ dry_run: isDryRun, summary: summaryOf(records), resource: records, warnings });
  }

  async #present(): Promise<ReadonlyMap<string, readonly Present[]>> {
    const { store } = this.#parts;
    const read = this.#kinds.map(async (kind) => {
      return [kind.collection.name, await this.#reader.present(kind, store)] as const;
    });
    return new Map(await Promise.all(read));
  }
}

function itemsOf(present: ReadonlyMap<string, readonly Present[]>): Items {
  return new Map([...present].map(([kind, records]) => [kind, records.map(({ item }) => item)]));
}

function namedOf(present: ReadonlyMap<string, readonly Present[]>) {
  return new Map(
    [...present].map(([kind, records]) => {
      return [kind, records.map(({ name, item, row }) => ({ name, item, id: String(row.id ?? name) }))];
    }),
  );
}

/** What happened, in numbers. */
function summaryOf(records: readonly RecordChange[]): Record<RecordChange['action'], number> {
  const count = (action: RecordChange['action']) =>
    records.filter((record) => record.action === action).length;
  return {
    created: count('created'),
    updated: count('updated'),
    deleted: count('deleted'),
    unchanged: count('unchanged'),
    skipped: count('skipped'),
  };
}

// In a header, because addresses are logged on the way. Bytes beyond ASCII arrive one by one.
function passphraseOf({ operation }: Call): string | undefined {
  const sent = operation.request.headers[passphraseHeader];
  return sent === undefined || sent === '' ? undefined : Buffer.from(sent, 'latin1').toString('utf8');
}

async function contentOf({ bytes, type, name }: Upload): Promise<Written> {
  if (bytes.length > limits.packageBytes) {
    throw new PlatformError('request.too_large', `A package may have at most ${limits.packageBytes} bytes.`);
  }
  if (isZip(bytes)) return unzipped(bytes);
  const value = await readYaml(bytes, { isJson: /json/.test(type) || /\.json$/i.test(name) });
  if (isObject(value)) return value;
  throw refused('It must be an object: a package, or a manifest of what to export.');
}

async function exported(document: Written, format: Manifest['format']): Promise<Result> {
  const saved = (extension: string) => ({
    'content-disposition': `attachment; filename="tenon.${extension}"`,
  });
  if (format === 'zip') {
    const body = Body.ofBytes(await zipOf(document), 'application/zip');
    return { status: 200, headers: saved('zip'), body, mediaType: 'application/zip' };
  }
  if (format === 'json') return answer(document);
  const body = Body.ofText(await writeYaml(document), 'application/yaml');
  return { status: 200, headers: saved('yaml'), body, mediaType: 'application/yaml' };
}
