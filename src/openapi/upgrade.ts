// Definitions of earlier versions, in the words of OpenAPI 3.1: 3.0, whose schemas had words of their own,
// and Swagger 2.0, whose bodies were parameters. Invariant: what is of 3.1 already, or of no version, stays
// as it is.

type Written = Readonly<Record<string, unknown>>;

/** The content of a definition as 3.1 would say it. */
export function upgraded(root: Written): Written {
  if (root.swagger !== undefined) return upgradeSchemas(fromSwagger(root)) as Written;
  if (typeof root.openapi === 'string' && root.openapi.startsWith('3.0'))
    return upgradeSchemas(root) as Written;
  return root;
}

// Examples hold values, not schemas.
const values: ReadonlySet<string> = new Set(['example', 'examples', 'default', 'enum', 'const', 'value']);

function upgradeSchemas(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(upgradeSchemas);
  if (!isMap(value)) return value;
  const read = Object.entries(value).map(([name, member]) => {
    return [name, values.has(name) ? member : upgradeSchemas(member)];
  });
  return withRange(withNull(Object.fromEntries(read)));
}

function withNull(schema: Written): Written {
  const { nullable, ...rest } = schema;
  if (typeof nullable !== 'boolean') return schema;
  if (!nullable) return rest;
  const { type, enum: listed, $ref } = rest;
  if (typeof $ref === 'string') return { anyOf: [{ $ref }, { type: 'null' }] };
  return {
    ...rest,
    ...(typeof type === 'string' ? { type: [type, 'null'] } : {}),
    ...(Array.isArray(listed) && !listed.includes(null) ? { enum: [...listed, null] } : {}),
  };
}

function withRange(schema: Written): Written {
  const { exclusiveMinimum: above, exclusiveMaximum: below, minimum, maximum, ...rest } = schema;
  if (typeof above !== 'boolean' && typeof below !== 'boolean') return schema;
  return {
    ...rest,
    ...(minimum === undefined ? {} : { [above === true ? 'exclusiveMinimum' : 'minimum']: minimum }),
    ...(maximum === undefined ? {} : { [below === true ? 'exclusiveMaximum' : 'maximum']: maximum }),
  };
}

function fromSwagger(root: Written): Written {
  const { definitions, parameters, responses, paths } = root;
  const moved = JSON.parse(
    JSON.stringify({ paths: mapped(paths, pathItem), schemas: definitions ?? {} })
      .replaceAll('"#/definitions/', '"#/components/schemas/')
      .replaceAll('"#/parameters/', '"#/components/parameters/')
      .replaceAll('"#/responses/', '"#/components/responses/'),
  );
  return {
    ...root,
    paths: moved.paths,
    components: {
      schemas: moved.schemas,
      parameters: mapped(parameters, parameter),
      responses: mapped(responses, response),
    },
  };
}

function pathItem(item: unknown): unknown {
  return mapped(item, (member, name) => {
    if (name === 'parameters') return Array.isArray(member) ? member.map(parameter) : [];
    return isMap(member) ? operation(member) : member;
  });
}

function operation(written: Written): Written {
  const given = (Array.isArray(written.parameters) ? written.parameters : []).filter(isMap);
  const body = given.find((each) => each.in === 'body');
  const form = given.filter((each) => each.in === 'formData');
  const { consumes: _in, produces: _out, ...rest } = written;
  const content =
    body === undefined
      ? { 'application/x-www-form-urlencoded': { schema: formSchema(form) } }
      : { 'application/json': { schema: body.schema ?? {} } };
  return {
    ...rest,
    parameters: given.filter((each) => each.in !== 'body' && each.in !== 'formData').map(parameter),
    ...(body === undefined && form.length === 0 ? {} : { requestBody: { content } }),
    ...(written.responses === undefined ? {} : { responses: mapped(written.responses, response) }),
  };
}

function formSchema(fields: readonly Written[]): Written {
  const properties = fields.map(({ name, in: _in, required: _required, ...schema }) => [name, schema]);
  return { type: 'object', properties: Object.fromEntries(properties) };
}

function parameter(given: unknown): unknown {
  if (!isMap(given) || given.schema !== undefined || given.$ref !== undefined) return given;
  const { name, in: place, description, required, collectionFormat: _format, ...schema } = given;
  return {
    ...{ name, in: place },
    ...(description === undefined ? {} : { description }),
    ...(required === undefined ? {} : { required }),
    schema,
  };
}

function response(given: unknown): unknown {
  if (!isMap(given) || given.schema === undefined) return given;
  const { schema, examples: _examples, ...rest } = given;
  return { ...rest, content: { 'application/json': { schema } } };
}

function mapped(value: unknown, change: (member: unknown, name: string) => unknown): Written {
  if (!isMap(value)) return {};
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, change(member, name)]));
}

function isMap(value: unknown): value is Written {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
