// Pages of a list and what is said of them in `meta` (spec §5.5).
// Invariant: records are counted only when that was asked for or the service's cap may have cut the list.
import { type MaybePromise, whenDone } from '../../../database/connection.ts';
import { tableView } from '../schema/schema-view.ts';
import type { Read } from './reading.ts';

/** `{count?, next?, schema?}`. */
export type Meta = Readonly<Record<string, unknown>>;

/** How many records a page has at most. */
export function pageSize({ source, request }: Read): number {
  return Math.min(request.limit ?? source.settings.maxRecords, source.settings.maxRecords);
}

/** Whether there may be something to say beside the records. */
export function hasMeta(read: Read): boolean {
  return read.request.includeCount || read.request.includeSchema || isCapped(read);
}

/** What is to be said of a page of `length` records; undefined when there is nothing. */
export function metaOf(read: Read, length: number): MaybePromise<Meta | undefined> {
  if (!hasMeta(read)) return undefined;
  const { request, source, table } = read;
  const schema = request.includeSchema ? { schema: tableView(table, source.settings.serviceId) } : {};
  return whenDone(countMeta(read, length), (meta) => {
    const all = { ...meta, ...schema };
    return Object.keys(all).length === 0 ? undefined : all;
  });
}

/** How many records there are, or groups. */
export function countRecords({ source, table, request }: Read): MaybePromise<number> {
  const { where, grouping } = request;
  const { plan, values } = source.plans.count({ table: grouping?.groups ?? table, where, grouping });
  return whenDone(source.database().column(plan, values), ([total]) => Number(total));
}

// As recorded: a count when it was asked for, or when no limit of the caller's but the cap cut the list.
function countMeta(read: Read, length: number): MaybePromise<Meta> {
  const { request, source } = read;
  const size = pageSize(read);
  if (!request.includeCount && !(isCapped(read) && (length >= size || request.offset > 0))) return {};
  const isLast = length < size && (length > 0 || request.offset === 0);
  return whenDone(isLast ? request.offset + length : countRecords(read), (total) => ({
    ...(request.includeCount || total > source.settings.maxRecords ? { count: total } : {}),
    ...(total - request.offset > size ? { next: request.offset + size } : {}),
  }));
}

function isCapped({ source, request }: Read): boolean {
  return request.limit === undefined || request.limit > source.settings.maxRecords;
}
