// Answers employees with one `name` instead of first and last name, and without the hire date:
// transform-employees.ts in JavaScript. Both attach to the same event, so push one of them.
//
// @event hr._table.employees.get.post_process
//
//   tenon script push examples/transform-employees.js --email <administrator> --password <password>

const { resource = [] } = event.response.content;

for (const record of resource) {
  record.name = `${record.first_name} ${record.last_name}`;
  delete record.first_name;
  delete record.last_name;
  delete record.hire_date;
}
