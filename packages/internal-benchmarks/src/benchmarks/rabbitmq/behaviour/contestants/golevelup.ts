import type { OpenContestant } from '../contestant.js';
import { runGolevelup } from './golevelup-app.js';

/** Gives back what fails: the default, which the queue's delivery limit ends. */
export const open: OpenContestant = (place, work) => runGolevelup(place, work);
