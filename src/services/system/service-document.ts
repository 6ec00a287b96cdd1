// The definition of a service as a record beside it: `service_doc_by_service_id`. Invariant: what is stored
// can be read as an OpenAPI document; null or empty content removes it.
import type { ServiceDocument } from '../../core/service.ts';
import type { ServiceRecord } from '../../core/store.ts';
import { definedPaths, documentField } from '../../openapi/definition.ts';
import { invalidField } from './fields.ts';
import { isObject, type Written } from './request.ts';
import type { Row } from './selection.ts';

/** The document that a caller wrote; undefined: none was given, so the stored one stays. */
export function readDocument(written: Written): ServiceDocument | null | undefined {
  const value = Object.hasOwn(written, documentField) ? written[documentField] : undefined;
  if (value === undefined) return undefined;
  if (value === null || (Array.isArray(value) && value.length === 0)) return null;
  if (!isObject(value))
    throw invalidField(documentField, 'must be an object with content and format, or null');
  const content = readContent(value.content);
  // What is sent as an object has become JSON.
  const format = isObject(value.content) ? 0 : readFormat(value.format);
  return content === '' ? null : { content, format };
}

/** Refuses a document that can not be read. */
export function checkDocument(
  record: Pick<ServiceRecord, 'name' | 'label' | 'description' | 'document'>,
): void {
  const { name, label, description, document } = record;
  if (document !== null) definedPaths(document, { name, label, description: description ?? '' });
}

/** The document as callers see it. */
export function documentView({ id, document }: ServiceRecord): Row | null {
  return document === null ? null : { service_id: id, content: document.content, format: document.format };
}

// Some clients send the document itself instead of its text.
function readContent(value: unknown): string {
  if (value === undefined || value === null) return '';
  if (typeof value === 'string') return value.trim();
  if (isObject(value)) return JSON.stringify(value);
  throw invalidField(`${documentField}.content`, 'must be text or an object');
}

function readFormat(value: unknown): number {
  if (value === undefined || value === null) return 0;
  if (value === 0 || value === 1) return value;
  throw invalidField(`${documentField}.format`, 'must be 0 (JSON) or 1 (YAML)');
}
