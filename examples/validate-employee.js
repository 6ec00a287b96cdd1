// Refuses new employees without a first name, a hire date or a salary above zero: validate-employee.ts in
// JavaScript. Both attach to the same event, so push one of them.
//
// @event hr._table.employees.post.pre_process
//
//   tenon script push examples/validate-employee.js --email <administrator> --password <password>

const payload = event.request.payload ?? {};
const records = payload.resource ?? [payload];

for (const record of records) {
  if (!record.first_name) throw new Error('Missing first_name.');
  if (!record.hire_date) throw new Error('Missing hire_date.');
  if (!(Number(record.salary) > 0)) throw new Error('Annual salary must be > 0');
}
