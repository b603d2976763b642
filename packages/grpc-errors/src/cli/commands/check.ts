import { existsSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { counted, EXIT, usageError, type Answer } from '@acme/nest-message-context/cli';
import {
  checkErrorCatalogue,
  newReasons,
  type CatalogueProblem,
} from '../../catalogue/check-catalogue.js';
import type { ErrorCatalogue } from '../../catalogue/error-catalogue.js';
import type { Command } from '../command.js';
import { MODULE_HELP, MODULE_OPTIONS } from '../options.js';
import { readCatalogue } from '../read-catalogue.js';

export const check: Command = {
  summary: 'Ends with 3 unless all that was published is kept',
  details: `${MODULE_HELP}
What was published stays: reasons, their codes, and names of their facts (AIP-193). New ones are fine,
and --write puts them into the file, which it makes where there is none. It never takes anything out:
what nobody looks at any more you take out by hand.`,
  options: [...MODULE_OPTIONS, 'against', 'write'],
  async run({ values: { against, write = false }, cwd, open, doing }) {
    if (against === undefined)
      throw usageError('Say what was published: --against errors.json. With --write it is made.');
    const file = resolve(cwd, against);
    const isThere = existsSync(file);
    if (!isThere && !write)
      throw usageError(`--against: there is no file ${file}. With --write it is made.`);
    if (!existsSync(dirname(file)))
      throw usageError(`--against: there is no folder ${dirname(file)}. Make it.`);
    const before = isThere ? readCatalogue(file, against) : { errors: [], atRunTime: [] };
    doing('loading the application');
    const { published } = await open();
    const problems = checkErrorCatalogue(before, published);
    const isWritten = write && problems.length === 0;
    if (isWritten) writeFileSync(file, `${JSON.stringify(published, undefined, 2)}\n`);
    return answer(before, published, { problems, isWritten, against });
  },
};

function answer(
  before: Pick<ErrorCatalogue, 'errors'>,
  now: ErrorCatalogue,
  {
    problems,
    isWritten,
    against,
  }: { problems: readonly CatalogueProblem[]; isWritten: boolean; against: string },
): Answer {
  const added = newReasons(before, now).map(({ domain, reason }) => ({ domain, reason }));
  const lines = problems.map(({ domain, reason, text }) => `${domain} ${reason} ${text}.`);
  if (problems.length > 0)
    lines.push(
      '',
      `Callers look at what was published. Bring it back; or, where nobody looks at it any more, take it out of ${against}, and write it again with --write.`,
    );
  else if (isWritten) lines.push(`${against} is written: ${counted(now.errors.length, 'error')}.`);
  else lines.push(`${counted(before.errors.length, 'error')} as published in ${against}.`);
  if (added.length > 0)
    lines.push(
      `New: ${added.map(({ reason }) => reason).join(', ')}.${isWritten || problems.length > 0 ? '' : ' --write publishes them.'}`,
    );
  return {
    exit: problems.length > 0 ? EXIT.nothing : EXIT.done,
    json: { problems, added, written: isWritten },
    text: lines.join('\n'),
  };
}
