import 'reflect-metadata';
import { describeDuplicates } from './support/duplicates.js';
import { openPostgresAndRedis } from './support/store-under-test.js';

for (const store of ['PostgreSQL transaction', 'PostgreSQL lease', 'Redis'])
  describeDuplicates(store, openPostgresAndRedis);
