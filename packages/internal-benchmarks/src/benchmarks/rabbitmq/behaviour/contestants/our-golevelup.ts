import type { OpenContestant } from '../contestant.js';
import { runGolevelup } from './golevelup-app.js';
import { ourModules } from './our-modules.js';

export const open: OpenContestant = (place, work) => runGolevelup(place, work, ourModules(place));
