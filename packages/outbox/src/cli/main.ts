#!/usr/bin/env node
import { main } from '@acme/nest-transaction/cli';
import { PROGRAM } from './program.js';

await main(PROGRAM, () => process.exit());
