// The names that people read for tables, fields and relations, made from the database's own (recorded, spec
// §5.8).

/** `emp_no` → `Emp No`. */
export function labelOf(name: string): string {
  return name
    .split(/[\s_]+/)
    .filter((word) => word !== '')
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join(' ');
}

/** `Todo` → `Todos`, `City` → `Cities`, `Box` → `Boxes`; what ends in s counts as a plural already. */
export function pluralOf(label: string): string {
  if (label === '' || /s$/i.test(label)) return label;
  if (/[^aeiou]y$/i.test(label)) return `${label.slice(0, -1)}ies`;
  return /(?:x|z|ch|sh)$/i.test(label) ? `${label}es` : `${label}s`;
}
