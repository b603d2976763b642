import type { OpenContestant } from '../contestant.js';
import { runGolevelup } from './golevelup-app.js';
import { ourModules, ourOrder } from './our-modules.js';

/** What our guide advises: golevelup's own are 5 seconds. */
export const open: OpenContestant = (place, work) =>
  runGolevelup(place, work, {
    imports: ourModules(place),
    order: ourOrder(place),
    connectionManagerOptions: { heartbeatIntervalInSeconds: 30, reconnectTimeInSeconds: 1 },
  });
