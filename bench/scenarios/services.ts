// The speed questions of scripted services: a service that is one small script, in each language, against the
// same route written by hand.
import type { Scenario } from '../scenario.ts';

const multiply = [
  {
    name: 'scripted-service',
    type: 'nodejs',
    content: `const { n1, n2 } = event.request.parameters;
return { result: Number(n1) * Number(n2) };`,
  },
  {
    name: 'scripted-service-python',
    type: 'python3',
    content: `p = event.request.parameters
return {'result': int(p.n1) * int(p.n2)}`,
  },
  {
    name: 'scripted-service-php',
    type: 'php',
    content: `$p = $event['request']['parameters'];
return ['result' => $p['n1'] * $p['n2']];`,
  },
];

/** One scenario per language. */
export const services: readonly Scenario[] = multiply.map(({ name, type, content }) => ({
  name,
  question: `a service that multiplies two numbers, a script of type ${type}, against a plain Fastify route`,
  a: { name: `tenon, ${type}`, server: 'tenon', services: [{ name: 'multiply', type, content }] },
  b: { name: 'reference', server: 'reference' },
  path: { reference: '/multiply?n1=6&n2=7', tenon: '/api/v2/multiply?n1=6&n2=7' },
  goal: { must: 0.5, stretch: 0.7 },
}));
