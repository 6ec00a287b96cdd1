// Refuses new employees without a first name, a hire date or a salary above zero.
//
// @event hr._table.employees.post.pre_process
//
// It runs before the insert; what it throws becomes the answer, and nothing is written. With a server that
// was started by `npm start` (or `tenon serve --sample`):
//
//   tenon script push examples/validate-employee.ts --email <administrator> --password <password>
//
// The sample keeps salaries in a table of their own, so `salary` here is checked and then left out.

interface NewEmployee {
  first_name?: string;
  hire_date?: string;
  salary?: number;
}

const payload = event.request.payload ?? {};
const records: NewEmployee[] = payload.resource ?? [payload];

for (const record of records) {
  if (!record.first_name) throw new Error('Missing first_name.');
  if (!record.hire_date) throw new Error('Missing hire_date.');
  if (!(Number(record.salary) > 0)) throw new Error('Annual salary must be > 0');
}
