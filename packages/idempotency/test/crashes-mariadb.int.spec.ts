// As `crashes.int.spec.ts`, with MariaDB; `CHAOS=full` runs every consumer in both modes.
import { describeCrashes } from './support/crashes.js';
import { openMariaDb } from './support/store-under-test.js';

describeCrashes('golevelup-event', 'MariaDB transaction', openMariaDb);

if (process.env['CHAOS'] === 'full') {
  describeCrashes('nest-event', 'MariaDB transaction', openMariaDb);
  describeCrashes('nest-event', 'MariaDB lease', openMariaDb);
  describeCrashes('golevelup-event', 'MariaDB lease', openMariaDb);
}
