// The API reference at `/docs`: our own page and RapiDoc, from files of ours. Invariant: the page loads
// nothing from other hosts and may call none, whatever a description says.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

const files = [
  { url: '/docs', name: 'index.html', type: 'text/html; charset=utf-8' },
  { url: '/docs/', name: 'index.html', type: 'text/html; charset=utf-8' },
  { url: '/docs/page.js', name: 'page.js', type: 'text/javascript; charset=utf-8' },
  { url: '/docs/page.css', name: 'page.css', type: 'text/css; charset=utf-8' },
  { url: '/docs/rapidoc-min.js', name: 'rapidoc-min.js', type: 'text/javascript; charset=utf-8' },
] as const;

// RapiDoc writes styles into its elements, which takes 'unsafe-inline'; scripts are files of ours alone, so
// what descriptions hold is never run.
const policy = [
  "default-src 'self'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data: blob:",
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const headers = {
  'Content-Security-Policy': policy,
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  // Kept by the browser, which asks each time whether it is still right.
  'Cache-Control': 'no-cache',
  Vary: 'Accept-Encoding',
};

/** Adds the pages. */
export function addDocsPages(app: FastifyInstance): void {
  const read = new PageFiles();
  for (const { url, name, type } of files) {
    app.get(url, (request, reply) => send(read.file(name), type, { request, reply }));
  }
}

interface Exchange {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}

function send(file: PageFile, type: string, { request, reply }: Exchange): FastifyReply {
  void reply.headers({ ...headers, ETag: file.etag });
  if (request.headers['if-none-match'] === file.etag) return reply.code(304).send();
  const isPacked = file.packed !== undefined && /\bgzip\b/.test(request.headers['accept-encoding'] ?? '');
  if (isPacked) void reply.header('Content-Encoding', 'gzip');
  return reply.type(type).send(isPacked ? file.packed : file.content);
}

interface PageFile {
  readonly content: Buffer;
  readonly packed: Buffer | undefined;
  readonly etag: string;
}

/** The files of the page, each read when it is first asked for. */
class PageFiles {
  readonly #read = new Map<string, PageFile>();

  file(name: string): PageFile {
    const known = this.#read.get(name) ?? readPage(name);
    this.#read.set(name, known);
    return known;
  }
}

function readPage(name: string): PageFile {
  const path = pathOf(name);
  const content = readFileSync(path);
  const packed = existsSync(`${path}.gz`) ? readFileSync(`${path}.gz`) : undefined;
  return {
    content,
    packed,
    etag: `"${createHash('sha256').update(content).digest('base64url').slice(0, 22)}"`,
  };
}

// In a built server this file is part of a bundle, with all of the page in dist/docs-page.
function pathOf(name: string): string {
  const places = ['./docs-page', '../docs-page'].map((place) =>
    fileURLToPath(new URL(place, import.meta.url)),
  );
  const found = places.map((place) => join(place, name)).find(existsSync);
  return found ?? join(dirname(fileURLToPath(import.meta.resolve('rapidoc'))), name);
}
