/** The cells of all rows of the tables under a heading, without their heads. */
export function rowsUnder(text: string, heading: string): string[][] {
  const [, section] = `\n${text}`.split(`\n${heading}\n`);
  if (section === undefined) throw new Error(`there is no heading "${heading}"`);
  const rows = (section.split(/\n#+ /)[0] as string)
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .map((line) =>
      line
        .slice(1, -1)
        .split(/(?<!\\)\|/)
        .map((cell) => cell.trim()),
    );
  const rule = rows.findIndex(([first]) => /^-+$/.test(first ?? ''));
  return rows.slice(rule + 1).filter(([first]) => first?.startsWith('`'));
}

/** What is between backticks at the beginning of a cell. */
export const named = (cell: string | undefined): string => /^`([^`(]*)/.exec(cell ?? '')?.[1] ?? '';
export const names = (rows: readonly string[][]): string[] =>
  rows.map(([first]) => named(first)).sort();

/** What the second column of a table says of each option: those defaults that are a literal, but for `except`. */
export const documentedDefaults = (
  text: string,
  heading: string,
  except: readonly string[] = [],
): Record<string, unknown> =>
  Object.fromEntries(
    rowsUnder(text, heading)
      .filter(([name, value]) => /^`[^`]+`$/.test(value ?? '') && !except.includes(named(name)))
      .map(([name, value]) => [named(name), literal(named(value))]),
  );

function literal(text: string): unknown {
  const [, quoted] = /^'(.*)'$/.exec(text) ?? [];
  return quoted ?? (JSON.parse(text) as unknown);
}

/** The options that something knows: it names them when it is given another one. */
export function knownOptions(make: () => unknown, prefix = ''): string[] {
  try {
    make();
  } catch (error) {
    const list = new RegExp(`- ${prefix}nope: there is no such option. Known are (.*)\\.`);
    const [, found] = list.exec((error as Error).message) ?? [];
    if (found) return found.split(', ').sort();
    throw error;
  }
  throw new Error('it has taken an option that does not exist');
}
