import { fromPrisma } from '@acme/nest-transaction';
import { PrismaPg } from '@prisma/adapter-pg';
import { expect, it } from 'vitest';
import { describePostgres, POOL_SIZE } from './support/describe-contract.js';
import {
  compilePrismaTypes,
  openPrisma,
  type GeneratedPrismaClient,
} from './support/prisma-client.js';

describePostgres<GeneratedPrismaClient>('Prisma', async ({ url, schema }) => {
  const adapter = new PrismaPg({ connectionString: url, max: POOL_SIZE }, { schema });
  const client = await openPrisma({ adapter });
  return {
    adapter: fromPrisma(client, { maxWait: 20_000 }),
    client,
    insert: (tx, id) => tx.contractItem.create({ data: { id } }),
    close: () => client.$disconnect(),
  };
});

it('fromPrisma() fits the types that Prisma generates', async () => {
  await expect(compilePrismaTypes()).resolves.toBeUndefined();
}, 60_000);
