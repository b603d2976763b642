import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** What one service wrote while it did its part. */
interface Step {
  readonly service: string;
  readonly at: string;
  readonly message: string;
}

export interface Trail {
  readonly correlationId: string;
  readonly steps: readonly Step[];
}

const SERVICES = ['gateway', 'orders', 'billing', 'notifications'] as const;

/** The first of the ids that left its mark in the logs of all four services. */
export async function followOne(
  logFolder: string,
  ids: Iterable<string>,
): Promise<Trail | undefined> {
  const logs = await Promise.all(SERVICES.map((service) => stepsById(logFolder, service)));
  for (const id of ids) {
    const steps = logs.map((log) => log.get(id));
    if (!id || !steps.every((step) => step !== undefined)) continue;
    // A time of day sorts as text.
    return { correlationId: id, steps: steps.sort((a, b) => (a.at < b.at ? -1 : 1)) };
  }
  return undefined;
}

/** The last line of each id in one log: what the service had done in the end. */
async function stepsById(folder: string, service: string): Promise<Map<string, Step>> {
  const steps = new Map<string, Step>();
  const lines = (await readFile(join(folder, `${service}.log`), 'utf8')).split('\n');
  for (const line of lines) {
    const entry = parse(line);
    if (!entry?.correlationId || !entry.timestamp) continue;
    steps.set(entry.correlationId, {
      service,
      at: new Date(entry.timestamp).toISOString().slice(11, 23),
      message: String(entry.message),
    });
  }
  return steps;
}

function parse(
  line: string,
): { correlationId?: string; timestamp?: number; message?: unknown } | undefined {
  try {
    return JSON.parse(line) as object;
  } catch {
    // A stack trace, a warning of Node's, or half a line of somebody who was killed.
    return undefined;
  }
}
