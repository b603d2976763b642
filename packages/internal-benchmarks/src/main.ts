// `npm run bench`. Standard output carries the result and nothing else, whatever a library or a logger prints meanwhile.
import { TestingError } from '@acme/internal-testing/services';
import { benchmarks } from './benchmarks/index.js';
import { cli } from './cli.js';

const write = process.stdout.write.bind(process.stdout);
process.stdout.write = process.stderr.write.bind(process.stderr);

const out = (text: string) => void write(`${text}\n`);
const err = (text: string) => void process.stderr.write(`${text}\n`);

cli(process.argv.slice(2), benchmarks, { out, err })
  .then((exitCode) => void (process.exitCode = exitCode))
  .catch((error: unknown) => {
    // What the services say is meant for people; anything else is a defect and wants its stack.
    err(TestingError.is(error) ? error.message : String((error as Error).stack));
    process.exitCode = 1;
  });
