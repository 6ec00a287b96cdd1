<?php
// @event hr._table.employees.get.post_process
// Whenever employees are read, brings their table in the service `copy` up to date: all of it or nothing.
$target = 'copy/_table/employees';
// An answer without records is an error, or a count.
$records = $event['response']['content']['resource'] ?? null;
$api = $platform['api'];

$ask = function (string $verb, string $path, ?array $payload = null) use ($api) {
    $answer = $api->call($verb, $path, $payload);
    if ($answer['status_code'] < 400) return $answer['content'];
    throw new Exception("$verb $path: " . $answer['content']['error']['message']);
};

if (is_array($records)) {
    [$added, $changed] = $platform->transaction('copy', function () use ($ask, $records, $target) {
        $known = array_column($ask('GET', $target)['resource'], null, 'emp_no');
        $isNew = fn (array $record) => !isset($known[$record['emp_no']]);
        $added = array_values(array_filter($records, $isNew));
        $changed = array_values(array_filter($records, fn ($record) => !$isNew($record) && $known[$record['emp_no']] != $record));
        if ($added !== []) $ask('POST', $target, ['resource' => $added]);
        if ($changed !== []) $ask('PATCH', $target, ['resource' => $changed]);
        return [count($added), count($changed)];
    });
    echo "copied: $added new, $changed changed";
}
