#!/usr/bin/env node
import { main } from '@acme/nest-message-context/cli';
import { PROGRAM } from './program.js';

await main(PROGRAM, () => process.exit());
