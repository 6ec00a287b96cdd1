# @event hr._table.employees.get.post_process
# Whenever employees are read, brings their table in the service `copy` up to date: all of it or nothing.
target = 'copy/_table/employees'
content = event.response.content
# An answer without records is an error, or a count.
records = content.get('resource') if isinstance(content, dict) else None


def ask(verb, path, payload=''):
    answer = platform.api.call(verb, path, payload)
    if answer.status >= 400:
        raise Exception('%s %s: %s' % (verb, path, answer.json()['error']['message']))
    return answer.json()


if isinstance(records, list):
    with platform.transaction('copy'):
        known = {record['emp_no']: record for record in ask('GET', target)['resource']}
        added = [record for record in records if record.emp_no not in known]
        changed = [record for record in records if known.get(record.emp_no, record) != record]
        if added:
            ask('POST', target, {'resource': added})
        if changed:
            ask('PATCH', target, {'resource': changed})
    print('copied: %d new, %d changed' % (len(added), len(changed)))
