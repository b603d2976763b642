import { randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';
import { DemoFailure } from './until.js';

export interface DemoOptions {
  /** How many orders customers want to place. */
  readonly orders: number;
  /** One JSON object on standard output instead of a table. */
  readonly json: boolean;
  /** Decides which order is sent how often. */
  readonly seed: number;
}

export const usage = `npm run demo -- [--orders 300] [--seed <number>] [--json]

  --orders  how many orders customers want to place (6 to 100000)
  --seed    repeats the choices of an earlier run: which order is sent how often, and how
  --json    one JSON object on standard output instead of a table`;

/** @throws {DemoFailure} which names every bad option */
export function readOptions(args: readonly string[]): DemoOptions | 'help' {
  const { values } = parse(args);
  if (values.help) return 'help';
  const problems: string[] = [];
  const whole = (name: string, value: string, min: number, max: number): number => {
    const number = Number(value);
    if (!Number.isInteger(number) || number < min || number > max) {
      problems.push(`--${name} ${value}: must be a whole number from ${min} to ${max}`);
    }
    return number;
  };
  const options: DemoOptions = {
    // Fewer leave no room for the faults in the middle.
    orders: whole('orders', values.orders ?? '300', 6, 100_000),
    seed: whole('seed', values.seed ?? String(randomBytes(2).readUInt16BE()), 0, 2 ** 32 - 1),
    json: values.json ?? false,
  };
  if (problems.length > 0) throw new DemoFailure(`${problems.join('\n')}\n\n${usage}`);
  return options;
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      // npm and pnpm may leave their separator in.
      args: args.filter((arg) => arg !== '--'),
      options: {
        orders: { type: 'string' },
        seed: { type: 'string' },
        json: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (error) {
    throw new DemoFailure(`${(error as Error).message}\n\n${usage}`);
  }
}
