// What descriptions say of sending a mail.
import type { Part, PartMap } from '../../core/description.ts';
import type { Endpoint } from '../../core/service.ts';
import { jsonContent, objectSchema } from '../../openapi/envelopes.ts';

const text = { type: 'string' };

const address: PartMap = objectSchema({ name: text, email: { type: 'string', format: 'email' } }, ['email']);

const addresses = (description: string): PartMap => ({
  description,
  anyOf: [text, address, { type: 'array', items: { anyOf: [text, address] } }],
});

const file: PartMap = {
  anyOf: [
    { type: 'string', format: 'uri', description: 'An address of the web.' },
    objectSchema({ url: { type: 'string', format: 'uri' }, name: text, content_type: text }, ['url']),
    objectSchema({ service: text, path: text, name: text, content_type: text }, ['service', 'path']),
    objectSchema({ name: text, content: text, is_base64: { type: 'boolean' }, content_type: text }, [
      'name',
      'content',
    ]),
  ],
};

const files = (description: string): PartMap => ({
  description,
  anyOf: [file, { type: 'array', items: file }],
});

const mail: PartMap = {
  ...objectSchema({
    to: addresses('Who gets it; text may hold several addresses with commas between them.'),
    cc: addresses('Who gets a copy.'),
    bcc: addresses('Who gets a copy that nobody else sees.'),
    subject: text,
    body_text: { type: 'string', description: 'Its text; `{name}` stands for a value of this body.' },
    body_html: { type: 'string', description: 'The same as HTML; values are put in as text.' },
    from_name: text,
    from_email: text,
    reply_to_name: text,
    reply_to_email: text,
    attachment: files('What goes with it.'),
    import_url: files('More of it, from the web.'),
  }),
  description: 'All other members are values for `{name}` in the texts.',
  additionalProperties: true,
};

const query = (name: string, description: string, schema: PartMap): Part => ({
  ...{ name, in: 'query', description },
  schema,
});

/** Sending. */
export const mailEndpoint: Endpoint = {
  pattern: [],
  actions: ['POST'],
  summary: 'Send a mail',
  details: () => [
    {
      pattern: [],
      actions: {
        POST: {
          summary: 'Send a mail',
          parameters: [
            query('template', 'The name of a mail template.', text),
            query('template_id', 'The id of a mail template.', { type: 'integer' }),
          ],
          requestBody: { required: true, content: jsonContent(mail) },
          responses: {
            200: {
              description: 'For how many addresses the mail server took it',
              content: jsonContent(objectSchema({ count: { type: 'integer' } }, ['count'])),
            },
          },
        },
      },
    },
  ],
};
