// Kills a consumer at every call that it makes on behalf of an event, and lets a fresh process handle what the broker delivers
// again. Each consumer with the store of its own mode; `CHAOS=full` runs every consumer with every store.
import { describeCrashes } from './support/crashes.js';
import { openPostgresAndRedis } from './support/store-under-test.js';

describeCrashes('nest-event', 'PostgreSQL transaction', openPostgresAndRedis);
describeCrashes('golevelup-event', 'Redis', openPostgresAndRedis);

if (process.env['CHAOS'] === 'full') {
  describeCrashes('golevelup-event', 'PostgreSQL transaction', openPostgresAndRedis);
  describeCrashes('nest-event', 'Redis', openPostgresAndRedis);
  describeCrashes('nest-event', 'PostgreSQL lease', openPostgresAndRedis);
  describeCrashes('golevelup-event', 'PostgreSQL lease', openPostgresAndRedis);
}
