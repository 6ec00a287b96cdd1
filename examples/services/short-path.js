// A service of type nodejs that gives a table a path of its own: /api/v2/staff/10001 for
// hr/_table/employees/10001, with all verbs and parameters. What the API answers is answered here, errors too.
const { method, parameters, payload } = event.request;
const path = ['hr/_table/employees', event.resource].filter((part) => part !== '').join('/');
const hasBody = method !== 'GET' && event.request.content !== '';

return await platform.api.call(method, path, hasBody ? payload : null, { parameters });
