// As `duplicates.int.spec.ts`, with MariaDB; `CHAOS=full` runs its leases, too.
import 'reflect-metadata';
import { describeDuplicates } from './support/duplicates.js';
import { openMariaDb } from './support/store-under-test.js';

describeDuplicates('MariaDB transaction', openMariaDb);
if (process.env['CHAOS'] === 'full') describeDuplicates('MariaDB lease', openMariaDb);
