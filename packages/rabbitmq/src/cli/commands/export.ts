import { open as openFile } from 'node:fs/promises';
import { CliError, counted, EXIT, usageError } from '@acme/nest-message-context/cli';
import { resolve } from 'node:path';
import type { Command, Desk } from '../command.js';
import { interruptibly } from '../interruption.js';
import { bounds, messageFilter } from '../message-filter.js';
import { BROKER_OPTIONS, FILTER_HELP, FILTER_OPTIONS } from '../options.js';

export const exportMessages: Command = {
  summary: 'Writes messages as lines of JSON with nothing lost; they stay in the queue',
  details: `${FILTER_HELP}
The lines go to standard output, or to the new file of --out; how many there are is said on standard
error. importedMessage() of @acme/nest-rabbitmq reads them. Nothing of a message is hidden.`,
  operands: ['QUEUE'],
  options: [...BROKER_OPTIONS, ...FILTER_OPTIONS, 'limit', 'scan', 'out'],

  async run(desk) {
    const { values, operands, open, doing, cwd, hide } = desk;
    const [queue = ''] = operands;
    const options = { filter: messageFilter(values), ...bounds(values) };
    const { deadLetters } = await open();
    const writer = await writerOf(desk, cwd);
    let [exported, ready, looked] = [0, 0, 0];
    const isStopped = await interruptibly(async (signal) => {
      const onProgress = (progress: { readonly ready: number; readonly looked: number }): void => {
        ({ ready, looked } = progress);
        doing(`exporting, ${exported} so far; looked at ${looked} of ${ready}`);
      };
      try {
        for await (const one of deadLetters.export(queue, { ...options, signal, onProgress })) {
          if (!(await writer.write(`${JSON.stringify(one)}\n`))) return false;
          exported += 1;
        }
      } finally {
        await writer.close();
      }
      return signal.aborted;
    });
    const left = Math.max(0, ready - looked);
    const where = values.out === undefined ? '' : ` to ${hide(values.out)}`;
    return {
      exit: isStopped ? EXIT.failed : exported > 0 ? EXIT.done : EXIT.nothing,
      json: { queue, ready, looked, exported, stopped: isStopped },
      text: `Exported: ${counted(exported, 'message')}${where}.${left > 0 ? ` ${left} were not looked at.` : ''}`,
      isAside: values.out === undefined,
    };
  },
};

interface Writer {
  /** False when nobody reads any more. */
  write(line: string): Promise<boolean>;
  close(): Promise<void>;
}

async function writerOf({ values: { out: path }, out }: Desk, cwd: string): Promise<Writer> {
  if (path === undefined)
    return {
      write: (line) => out(line).then(() => true, gone),
      close: async () => {},
    };
  try {
    const file = await openFile(resolve(cwd, path), 'wx');
    return {
      write: async (line) => {
        await file.write(line);
        return true;
      },
      close: () => file.close(),
    };
  } catch (error) {
    if ((error as { code?: unknown }).code === 'EEXIST')
      throw usageError(`--out: there is a file ${path} already. Give another name.`);
    throw new CliError(EXIT.failed, 'OUT_FAILED', `--out: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

/** `| head` reads no further, which is no failure. */
function gone(error: unknown): false {
  if ((error as { code?: unknown }).code === 'EPIPE') return false;
  throw error;
}
