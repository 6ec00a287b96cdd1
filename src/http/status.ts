// What probes ask: whether the process turns, and whether it wants requests. Invariant: the answer is made
// of what is known already, costs the same for everybody, and takes nothing from the request.
import { type Rendered, renderPage } from './response.ts';

/** How the server is. */
export interface Health {
  readonly version: string;
  /** What keeps scripts in, as it was tested at the start. */
  readonly sandbox: { readonly level: string };
  /** What must be so for requests to be answered, by name. */
  readonly checks: Readonly<Record<string, boolean>>;
}

/** Whether requests are wanted. */
export function isReady({ checks }: Health, isDraining: boolean): boolean {
  return !isDraining && Object.values(checks).every((isGood) => isGood);
}

/** `/status`: for people, and for whoever wants one address. */
export function statusPage(health: Health, isDraining: boolean): Rendered {
  const { version, sandbox } = health;
  const ready = isReady(health, isDraining);
  return page(ready, { status: wordOf(ready, isDraining), version, sandbox });
}

/** `/status/ready`: each check by its name. */
export function readyPage(health: Health, isDraining: boolean): Rendered {
  const ready = isReady(health, isDraining);
  const checks = { ...health.checks, accepting: !isDraining };
  const told = Object.entries(checks).map(([name, isGood]) => [name, isGood ? 'ok' : 'failed']);
  return page(ready, { status: wordOf(ready, isDraining), checks: Object.fromEntries(told) });
}

/** `/status/live`: who is answered knows that the process turns. */
export function livePage(): Rendered {
  return page(true, { status: 'ok' });
}

function wordOf(ready: boolean, isDraining: boolean): string {
  if (ready) return 'ok';
  return isDraining ? 'draining' : 'unavailable';
}

function page(isGood: boolean, value: unknown): Rendered {
  const { status, headers, payload } = renderPage(isGood ? 200 : 503, value);
  return { status, headers: [...headers, 'Cache-Control', 'no-store'], payload };
}
