// Guesses what was meant by a misspelt name. Invariant: guesses only when the names are close, else stays
// silent.

/** The known name that `written` is nearest to, or undefined when none is near. */
export function nearest(written: string, known: readonly string[]): string | undefined {
  const ranked = known
    .map((name) => ({ name, distance: distance(written, name) }))
    .sort((a, b) => a.distance - b.distance);
  const [best] = ranked;
  return best !== undefined && best.distance <= Math.max(2, written.length / 4) ? best.name : undefined;
}

// Optimal string alignment: insertions, deletions, replacements, and neighbours swapped.
function distance(one: string, other: string): number {
  const rows = [Array.from({ length: other.length + 1 }, (_, column) => column)];
  for (let i = 1; i <= one.length; i++) {
    const row = [i];
    for (let j = 1; j <= other.length; j++) {
      const [above, swapped] = [rows[i - 1] ?? [], rows[i - 2] ?? []];
      const costs = [
        (above[j] ?? 0) + 1,
        (row[j - 1] ?? 0) + 1,
        (above[j - 1] ?? 0) + (one[i - 1] === other[j - 1] ? 0 : 1),
      ];
      const isSwap = i > 1 && j > 1 && one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1];
      row.push(Math.min(...costs, ...(isSwap ? [(swapped[j - 2] ?? 0) + 1] : [])));
    }
    rows.push(row);
  }
  return rows.at(-1)?.at(-1) ?? 0;
}
