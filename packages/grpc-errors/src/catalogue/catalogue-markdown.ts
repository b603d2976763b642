import { durationText } from '@acme/nest-message-context/kit';
import type { CatalogueEntry, ErrorCatalogue } from './error-catalogue.js';

const HEAD = ['domain', 'reason', 'code', 'HTTP', 'again', 'metadata', 'class'];

/** The catalogue as a page, spaced as formatters of Markdown do. */
export function catalogueMarkdown({ errors, atRunTime }: ErrorCatalogue): string {
  const rows = errors.map(rowOf);
  const widths = HEAD.map((_, column) =>
    Math.max(3, ...[HEAD, ...rows].map((row) => row[column]!.length)),
  );
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column]!)).join(' | ')} |`;
  const table = [HEAD, widths.map((width) => '-'.repeat(width)), ...rows].map(line);
  const shown = errors.length === 0 ? ['No errors are published.'] : table;
  return atRunTime.length === 0
    ? shown.join('\n')
    : [...shown, '', 'Decided at run time:', '', ...atRunTime.map((one) => `- ${one}`)].join('\n');
}

const rowOf = (entry: CatalogueEntry): string[] => [
  entry.domain,
  code(entry.reason),
  code(entry.code),
  String(entry.http),
  againOf(entry),
  entry.metadata === null ? 'varies' : entry.metadata.map(code).join(', '),
  entry.class === null ? '' : code(entry.class),
];

function againOf({ retryable, retryAfterMs }: CatalogueEntry): string {
  if (!retryable) return 'no';
  if (retryAfterMs === 'varies') return 'it says when';
  return retryAfterMs === null ? 'yes' : `after ${durationText(retryAfterMs)}`;
}

const code = (text: string): string => `\`${text}\``;
