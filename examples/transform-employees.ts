// Answers employees with one `name` instead of first and last name, and without the hire date.
//
// @event hr._table.employees.get.post_process
//
// It runs after the rows were read and changes the answer before it is sent. With a server that was started
// by `npm start` (or `tenon serve --sample`):
//
//   tenon script push examples/transform-employees.ts --email <administrator> --password <password>
//   curl -H "X-DreamFactory-Session-Token: <token>" \
//     'http://127.0.0.1:8080/api/v2/hr/_table/employees?limit=3'

interface Employee {
  first_name?: string;
  last_name?: string;
  hire_date?: string;
  [field: string]: unknown;
}

const content = event.response.content as { resource?: Employee[] };

if (content.resource) {
  content.resource = content.resource.map(({ first_name, last_name, hire_date, ...rest }) => ({
    ...rest,
    name: `${first_name} ${last_name}`,
  }));
  event.response.content = content;
}
