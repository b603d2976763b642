import type { Cell } from './benchmark.js';
import { shownBar, type JudgedBar, type Result } from './run-benchmark.js';

/** A result for people: the table, the figures with their meanings and bars, and what it was measured on. */
export function forPeople(result: Result, meanings: Readonly<Record<string, string>>): string {
  const { machine, versions, bars } = result;
  const barred = Object.keys(bars).length > 0;
  const figures = Object.entries(result.figures).map(([figure, value]) => ({
    figure,
    value,
    ...(barred && verdictOn(bars[figure])),
    meaning: meanings[figure] ?? '',
  }));
  const comparisons = result.correctness.map(({ ok, ...cells }) => ({
    ...cells,
    ok: ok ? 'yes' : 'NO',
  }));
  const behaviour = result.behaviour.map(({ ok, ...cells }) => ({
    ...(cells as Record<string, Cell>),
    ok: ok === null ? '' : ok ? 'yes' : 'NO',
  }));
  return [
    `${result.name}${result.quick ? ' (quick: smaller loads)' : ''}, ${result.date.slice(0, 10)}`,
    `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, ${machine.os} ${machine.arch}`,
    Object.entries(versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(', '),
    '',
    asTable(result.table),
    '',
    asTable(figures),
    ...(comparisons.length > 0 ? ['', asTable(comparisons)] : []),
    ...(behaviour.length > 0 ? ['', asTable(behaviour)] : []),
  ].join('\n');
}

function verdictOn(bar: JudgedBar | undefined): { bar: string; ok: string } {
  if (!bar) return { bar: '', ok: '' };
  return { bar: shownBar(bar), ok: bar.ok === null ? '' : bar.ok ? 'yes' : 'NO' };
}

function asTable(rows: readonly Readonly<Record<string, Cell>>[]): string {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const lines = [columns, ...rows.map((row) => columns.map((column) => shown(row[column])))];
  const widths = columns.map((_, i) => Math.max(...lines.map((line) => line[i]?.length ?? 0)));
  const right = columns.map((column) => rows.some((row) => typeof row[column] === 'number'));
  return lines
    .map((line) =>
      line
        .map((cell, i) => (right[i] ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function shown(cell: Cell | undefined): string {
  if (cell === null) return 'not measured';
  if (typeof cell !== 'number') return cell ?? '';
  if (Number.isInteger(cell)) return String(cell);
  return cell.toPrecision(Math.abs(cell) >= 100 ? 4 : 3);
}
