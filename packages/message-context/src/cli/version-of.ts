import { createRequire } from 'node:module';

/**
 * The version of the package whose command line this is.
 *
 * @param program `import.meta.url` of a file in `dist/esm/cli`: a package cannot name itself from below the package.json that says which
 * format that is
 */
export const versionOf = (program: string): string =>
  (createRequire(program)('../../../package.json') as { readonly version: string }).version;
