/** Lines of a name and a value, the values one below the other; those without value are left out. */
export function lines(entries: Readonly<Record<string, string | number | undefined>>): string {
  const rows = Object.entries(entries).filter(([, value]) => value !== undefined);
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join('\n');
}

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
] as const;

/** A length of time for people: `3 d`, `12 min`, `0.4 s`. */
export function duration(ms: number): string {
  const [unit, size] = UNITS.find(([, one]) => ms >= one) ?? ['s', 1_000];
  return `${Math.floor((ms / size) * 10) / 10} ${unit}`;
}

/** `1 record`, `2 records`. */
export const counted = (count: number, what: string): string =>
  `${count} ${what}${count === 1 ? '' : 's'}`;
