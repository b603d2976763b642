import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { TestingError } from '../testing.errors.js';

/**
 * Runs a command line tool of a package that is installed for those who live in `folder`, in that folder.
 * @throws {TestingError} with what it wrote, when it fails
 */
export async function runInstalledTool(
  [name, bin]: readonly [packageName: string, bin: string],
  args: readonly string[],
  { folder, env = {} }: { readonly folder: string; readonly env?: NodeJS.ProcessEnv },
): Promise<void> {
  const require = createRequire(join(folder, 'caller.js'));
  const manifest = require.resolve(`${name}/package.json`);
  const { bin: bins } = require(manifest) as { bin: Record<string, string> };
  const script = join(dirname(manifest), bins[bin] ?? '');
  const options = { cwd: folder, env: { ...process.env, ...env } };
  try {
    await promisify(execFile)(process.execPath, [script, ...args], options);
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    const text = `${bin} ${args.join(' ')} failed:\n${stdout}\n${stderr}`;
    throw new TestingError('TOOL_FAILED', text, { cause: error });
  }
}

/**
 * Generates Prisma's client for one model, a table with a text as its only column `id`; without network and without the
 * schema engine, which `generate` starts for nothing.
 *
 * @param folder below the package that uses it, so that the generated client finds `@prisma/client`
 * @returns the file to import
 */
export async function generatePrismaClient(
  folder: string,
  { model, table }: { readonly model: string; readonly table: string },
): Promise<string> {
  const schema = `
generator client {
  provider = "prisma-client"
  output   = "./generated"
  importFileExtension = "js"
}
datasource db {
  provider = "postgresql"
}
model ${model} {
  id String @id
  @@map("${table}")
}
`;
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'schema.prisma'), schema);
  await runInstalledTool(
    ['prisma', 'prisma'],
    ['generate', '--schema', join(folder, 'schema.prisma')],
    {
      folder,
      env: {
        PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
        PRISMA_HIDE_UPDATE_MESSAGE: '1',
        CHECKPOINT_DISABLE: '1',
      },
    },
  );
  return join(folder, 'generated/client.ts');
}
