import { createRequire } from 'node:module';
import { join } from 'node:path';
import { CliError, EXIT } from './cli.errors.js';

/** Loads the first of these packages that the user's project has. */
export type Drivers = (...names: readonly string[]) => {
  readonly name: string;
  /** What `require()` of it gives. */
  readonly exports: object;
};

/** Drivers as a file in that folder would find them: ours to use, theirs to choose. */
export function driversOf(folder: string): Drivers {
  const requireThere = createRequire(join(folder, 'package.json'));
  return (...names) => {
    const name = names.find((one) => isThere(requireThere, one));
    if (name !== undefined) return { name, exports: requireThere(name) as object };
    throw new CliError(
      EXIT.failed,
      'DRIVER_MISSING',
      `This needs ${names.join(' or ')}, and ${folder} has none. Run this where your service stands, or install it there: npm install ${names[0]}.`,
    );
  };
}

function isThere(requireThere: NodeJS.Require, name: string): boolean {
  try {
    requireThere.resolve(name);
    return true;
  } catch {
    return false;
  }
}
