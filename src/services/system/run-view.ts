// Runs of the log as they are answered: their fields, and the row of one.
import type { RunRecord } from '../../core/run.ts';
import type { Field, Row } from './selection.ts';

/** The fields of a run in the log. */
export const runFields: readonly Field[] = [
  { name: 'id', type: 'string' },
  { name: 'position', type: 'integer' },
  { name: 'script', type: 'string' },
  { name: 'type', type: 'string' },
  { name: 'version', type: 'string' },
  { name: 'stage', type: 'string' },
  { name: 'service', type: 'string' },
  { name: 'resource', type: 'string' },
  { name: 'action', type: 'string' },
  { name: 'door', type: 'string' },
  { name: 'caller', type: 'string' },
  { name: 'user_id', type: 'integer' },
  { name: 'app_id', type: 'integer' },
  { name: 'depth', type: 'integer' },
  { name: 'parent_id', type: 'string' },
  { name: 'queued_run_id', type: 'string' },
  { name: 'started_date', type: 'datetime' },
  { name: 'duration_ms', type: 'float' },
  { name: 'outcome', type: 'string' },
  { name: 'status', type: 'integer' },
  { name: 'output', type: 'array' },
  { name: 'is_output_cut', type: 'boolean' },
  { name: 'error_message', type: 'text' },
  { name: 'error_line', type: 'integer' },
  { name: 'error_column', type: 'integer' },
  { name: 'error_stack', type: 'text' },
];

/** A run as it is answered. */
export function runView(run: RunRecord): Row {
  return {
    id: run.id,
    script: run.script,
    type: run.type,
    version: run.version,
    stage: run.stage,
    service: run.service,
    resource: run.resource,
    action: run.action,
    door: run.door,
    caller: run.caller,
    user_id: run.userId,
    app_id: run.appId,
    depth: run.depth,
    parent_id: run.parentId,
    queued_run_id: run.queuedRunId,
    started_date: run.startedDate,
    duration_ms: run.durationMs,
    outcome: run.outcome,
    status: run.status,
    output: run.output,
    is_output_cut: run.isOutputCut,
    error_message: run.errorMessage,
    error_line: run.errorLine,
    error_column: run.errorColumn,
    error_stack: run.errorStack,
  };
}
