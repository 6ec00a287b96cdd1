// Whenever employees are read, brings their table in another database up to date: service `copy`, which may be
// of another engine. All of it or nothing: what the copy refuses leaves it as it was.
//
// @event hr._table.employees.get.post_process
//
//   tenon script push examples/sync-employees.js --email <administrator> --password <password>

const target = 'copy/_table/employees';
// An answer without records is an error, or a count.
const { resource: records } = event.response.content ?? {};

async function ask(verb, path, payload) {
  const answer = await platform.api.call(verb, path, payload);
  if (!answer.ok) throw new Error(`${verb} ${path}: ${answer.content.error.message}`);
  return answer.content;
}

if (Array.isArray(records)) {
  const done = await platform.transaction('copy', async () => {
    const { resource } = await ask('GET', target);
    const known = new Map(resource.map((record) => [record.emp_no, JSON.stringify(record)]));
    const added = records.filter(({ emp_no }) => !known.has(emp_no));
    const changed = records.filter(
      (record) => known.has(record.emp_no) && known.get(record.emp_no) !== JSON.stringify(record),
    );
    if (added.length > 0) await ask('POST', target, { resource: added });
    if (changed.length > 0) await ask('PATCH', target, { resource: changed });
    return { added: added.length, changed: changed.length };
  });
  console.log(`copied: ${done.added} new, ${done.changed} changed`);
}
