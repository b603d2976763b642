// One contestant in a process of its own: `program.js <name> <place as JSON> <ledger>`. It says when it is ready, and ends when it is
// told to by SIGTERM, as its documentation says.
import 'reflect-metadata';
import type { Place } from './contestant.js';
import { contestants, type ContestantName } from './contestants.js';
import { handlerWith } from './handler.js';

const [name = '', place = '{}', ledger = ''] = process.argv.slice(2);

const { open } = await contestants[name as ContestantName].load();
const contestant = await open(JSON.parse(place) as Place, handlerWith(ledger));

let closing: Promise<void> | undefined;
process.on('SIGTERM', () => {
  closing ??= contestant.close().then(
    () => process.exit(0),
    () => process.exit(1),
  );
});
process.on('disconnect', () => process.exit());
process.send?.('ready');
