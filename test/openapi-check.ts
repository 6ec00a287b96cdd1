// Holds answers and bodies against the schemas of a description.
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { Answer } from './server.ts';

// biome-ignore lint/suspicious/noExplicitAny: documents are looked into everywhere
type Json = any;

/** Checks against one document. */
export class DocumentCheck {
  readonly #document: Json;
  readonly #ajv: Ajv2020;

  constructor(document: Json) {
    this.#document = document;
    this.#ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats: false });
    this.#ajv.addSchema(document, 'document');
  }

  /** The operation of a path, as it is written in the document. */
  operation(path: string, method = 'GET'): Json {
    return this.#document.paths[path]?.[method.toLowerCase()];
  }

  /** What is wrong with an answer, by the schema for its status; an empty list when nothing is. */
  problemsOf(operation: Json, { status, body }: Pick<Answer, 'status' | 'body'>): unknown[] {
    const told = this.#resolve(operation.responses[status] ?? operation.responses.default);
    return this.problems(told.content['application/json'].schema, body);
  }

  /** What is wrong with the body of a request. */
  bodyProblems(operation: Json, body: unknown): unknown[] {
    return this.problems(this.#resolve(operation.requestBody).content['application/json'].schema, body);
  }

  /** What is wrong with a value, by a schema of the document. */
  problems(schema: Json, value: unknown): unknown[] {
    // References of a part of the document, as seen from outside of it.
    const whole = JSON.parse(JSON.stringify(schema).replaceAll('"$ref":"#/', '"$ref":"document#/'));
    const isFine = this.#ajv.compile(whole);
    return isFine(value) ? [] : (isFine.errors ?? ['unknown']);
  }

  #resolve(part: Json): Json {
    if (part.$ref === undefined) return part;
    const steps: string[] = part.$ref.slice(2).split('/');
    return steps.reduce((found, step) => found[step], this.#document);
  }
}
