// Every row of docs/explanation/grpc-errors-compared.md, tried: stock Nest, stock Nest 12 with its own filter, and this package.
import { describe, expect, it } from 'vitest';
import { ROWS, type Row } from './support/stock-rows.js';
import { GrpcExceptionFilter, type Setting } from './support/stock-settings.js';

const SETTINGS: readonly Setting[] = GrpcExceptionFilter
  ? ['stock', 'filter', 'ours']
  : ['stock', 'ours'];

describe.each(Object.entries(ROWS))('%s', (_, rows) => {
  it.each(rows.map((row): [string, Row] => [row.name, row]))('%s', async (__, row) => {
    const found: string[] = [];
    for (const setting of SETTINGS) found.push(`${setting}: ${await row.probe(setting)}`);
    expect(found).toEqual(SETTINGS.map((setting) => `${setting}: ${row[setting]}`));
  });
});
