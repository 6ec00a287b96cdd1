# @event hr._table.employees.get.post_process
# Joins the names of every employee and leaves out the hire date.
for employee in event.response.content.resource:
    employee.name = employee.pop('first_name', '') + ' ' + employee.pop('last_name', '')
    employee.pop('hire_date', None)
