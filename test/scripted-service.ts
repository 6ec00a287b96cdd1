// Scripted services for tests over HTTP.
import type { Answer, TestServer } from './server.ts';

/** What distinguishes a service from one in JavaScript called `math`. */
export interface ScriptedService {
  readonly name?: string;
  readonly type?: string;
  readonly config?: Record<string, unknown>;
  readonly document?: unknown;
}

/** Makes a scripted service; gives the answer. */
export function addScriptedService(
  server: TestServer,
  content: string,
  made: ScriptedService = {},
): Promise<Answer> {
  const { name = 'math', type = 'nodejs', config, document } = made;
  const record = { name, label: 'Math', type, is_active: true, config: { content, ...config } };
  const resource = [document === undefined ? record : { ...record, service_doc_by_service_id: document }];
  return server.ask('/api/v2/system/service', { method: 'POST', body: { resource } });
}

/** Removes all scripted services and event scripts. */
export async function removeScripts(server: TestServer): Promise<void> {
  const types = await server.ask('/api/v2/system/service_type?group=script&as_list=true');
  const filter = types.body.resource.map((type: string) => `(type='${type}')`).join(' or ');
  const path = `/api/v2/system/service?fields=id&filter=${encodeURIComponent(filter)}`;
  for (const { id } of (await server.ask(path)).body.resource) {
    await server.ask(`/api/v2/system/service/${id}`, { method: 'DELETE' });
  }
  const scripts = await server.ask('/api/v2/system/event_script?as_list=true');
  for (const name of scripts.body.resource) {
    await server.ask(`/api/v2/system/event_script/${name}`, { method: 'DELETE' });
  }
}
