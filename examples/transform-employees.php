<?php
// @event hr._table.employees.get.post_process
// Joins the names of every employee and leaves out the hire date.
foreach ($event['response']['content']['resource'] as &$employee) {
    $employee['name'] = ($employee['first_name'] ?? '') . ' ' . ($employee['last_name'] ?? '');
    unset($employee['first_name'], $employee['last_name'], $employee['hire_date']);
}
