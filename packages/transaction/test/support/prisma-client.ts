import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

const here = dirname(fileURLToPath(import.meta.url));
/** Below the package, so that the generated client finds `@prisma/client`; ignored by git and by the compiler. */
const folder = resolve(here, '../.cache/prisma');

const SCHEMA = `
generator client {
  provider = "prisma-client"
  output   = "./generated"
  importFileExtension = "js"
}
datasource db {
  provider = "postgresql"
}
model ContractItem {
  id String @id
  @@map("contract_item")
}
`;

/** Uses the generated types with the adapter, and is compiled with them: a drift of Prisma's types is an error here. */
const TYPES = `
import { fromPrisma, transactionAware, type TransactionAdapter, type Transactions } from '@acme/nest-transaction';
import type { Prisma, PrismaClient } from './generated/client.js';

export function use(client: PrismaClient, transactions: Transactions): Promise<unknown> {
  const adapter: TransactionAdapter<Prisma.TransactionClient> = fromPrisma(client, { timeout: 10_000, maxWait: 1_000 });
  void adapter;
  void transactions.current<Prisma.TransactionClient>().contractItem;
  return transactionAware(transactions, client).contractItem.create({ data: { id: 'x' } });
}
`;

/** The generated class, as far as specs use it. */
export interface GeneratedPrismaClient {
  readonly contractItem: { create(query: { data: { id: string } }): Promise<unknown> };
  $transaction<R>(
    work: (tx: GeneratedPrismaClient) => Promise<R>,
    options?: { maxWait?: number; timeout?: number; isolationLevel?: never },
  ): Promise<R>;
  $queryRawUnsafe<R>(sql: string, ...params: unknown[]): Promise<R>;
  $executeRawUnsafe(sql: string, ...params: unknown[]): Promise<number>;
  $disconnect(): Promise<void>;
}

/** Generates Prisma's client, without network and without its schema engine, which `generate` starts for nothing. */
export async function generatePrismaClient(): Promise<
  new (options: { adapter: unknown }) => GeneratedPrismaClient
> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'schema.prisma'), SCHEMA);
  await writeFile(join(folder, 'types.ts'), TYPES);
  await node('prisma', 'prisma', ['generate', '--schema', join(folder, 'schema.prisma')], {
    PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
    PRISMA_HIDE_UPDATE_MESSAGE: '1',
    CHECKPOINT_DISABLE: '1',
  });
  const client = (await import(pathToFileURL(join(folder, 'generated/client.ts')).href)) as {
    PrismaClient: new (options: { adapter: unknown }) => GeneratedPrismaClient;
  };
  return client.PrismaClient;
}

/** Rejects, with what the compiler says, when the adapter does not fit the generated types. */
export async function compilePrismaTypes(): Promise<void> {
  await writeFile(
    join(folder, 'tsconfig.json'),
    JSON.stringify({
      compilerOptions: {
        strict: true,
        noEmit: true,
        target: 'es2022',
        module: 'nodenext',
        exactOptionalPropertyTypes: true,
        skipLibCheck: true,
        types: ['node'],
      },
      include: ['types.ts'],
    }),
  );
  await node('typescript', 'tsc', ['-p', join(folder, 'tsconfig.json')]);
}

/** Runs a command line tool of an installed package. */
async function node(name: string, bin: string, args: string[], env: object = {}): Promise<void> {
  const require = createRequire(import.meta.url);
  const manifest = require.resolve(`${name}/package.json`);
  const { bin: bins } = require(manifest) as { bin: Record<string, string> };
  const script = join(dirname(manifest), bins[bin] ?? '');
  const options = { cwd: folder, env: { ...process.env, ...env } };
  try {
    await promisify(execFile)(process.execPath, [script, ...args], options);
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    throw new Error(`${bin} ${args.join(' ')} failed:\n${stdout}\n${stderr}`, { cause: error });
  }
}
