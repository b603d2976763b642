import type { OpenSubject } from '../subject.js';
import { subscribing } from '../subscribing.js';

/** golevelup alone: it acks what returns. */
export const open: OpenSubject = (place) => subscribing(place);
