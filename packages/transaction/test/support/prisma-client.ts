import { generatePrismaClient, runInstalledTool } from '@acme/internal-testing';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** Ignored by git and by the compiler. */
const folder = fileURLToPath(new URL('../.cache/prisma', import.meta.url));

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

export async function openPrisma(options: { adapter: unknown }): Promise<GeneratedPrismaClient> {
  const file = await generatePrismaClient(folder, {
    model: 'ContractItem',
    table: 'contract_item',
  });
  const { PrismaClient } = (await import(pathToFileURL(file).href)) as {
    PrismaClient: new (options: { adapter: unknown }) => GeneratedPrismaClient;
  };
  return new PrismaClient(options);
}

/** Rejects, with what the compiler says, when the adapter does not fit the generated types. */
export async function compilePrismaTypes(): Promise<void> {
  await generatePrismaClient(folder, { model: 'ContractItem', table: 'contract_item' });
  await writeFile(join(folder, 'types.ts'), TYPES);
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
  await runInstalledTool(['typescript', 'tsc'], ['-p', join(folder, 'tsconfig.json')], { folder });
}
