// PHP runners for tests: made with the PHP of this machine, as the server finds it.
// Invariant: the interpreter is the real one; where there is none, the first run says so.
import { Body } from '../../core/body.ts';
import type { BridgeCall, Invocation, Outcome, Runner, Sections } from '../../core/runner.ts';
import { findInterpreter } from '../interpreter.ts';
import { invocationOf, programOf, someSections } from '../suite.ts';
import { createPhpRunner, type PhpRunnerOptions } from './index.ts';

const found = findInterpreter({ given: '', names: ['php', 'php8.4', 'php8.3', 'php8.2'] });

/** The PHP of this machine. */
export const phpPath = 'path' in found ? found.path : '';

/** A runner with what a case sets. */
export function testPhp(options: Partial<PhpRunnerOptions> = {}): Runner {
  return createPhpRunner({ observe: () => {}, platformConfig: '{"version":"1.0"}', phpPath, ...options });
}

/** Sections of a call of a scripted service. */
export const serviceSections: Sections = {
  ...someSections,
  meta: JSON.stringify({
    event: 'service.math',
    stage: 'service',
    resource: 'add',
    method: 'GET',
    uri: '/api/v2/math/add?n=4',
    service: 'math',
    requestResource: 'add?n=4',
    apiVersion: '2.0',
    contentType: 'application/json',
  }),
  parameters: '{"n":"4"}',
  headers: '{"host":"api.example.com","accept":"*/*","cookie":"a=1; b=x%20y"}',
  response: '{"status_code":200,"content_type":null,"format":201,"headers":[]}',
  responseContent: 'null',
};

/** Sections before a write. */
export const beforeSections: Sections = {
  ...someSections,
  meta: someSections.meta.replaceAll('post_process', 'pre_process'),
  content: '{"resource":[{"title":"x","price":1.0,"tags":{}}]}',
  response: '',
  responseContent: '',
};

/** How a run of the text ended. */
export function runOf(runner: Runner, code: string, options: Partial<Invocation> = {}): Promise<Outcome> {
  return runner.run(invocationOf(programOf(code), options));
}

/** A bridge that remembers its calls and answers each with a text. */
export function answering(body: string, status = 200) {
  const calls: BridgeCall[] = [];
  const call = async (call: BridgeCall) => {
    calls.push(call);
    return { status, headers: {}, body: Body.ofText(body) };
  };
  return { calls, bridge: { call } };
}
