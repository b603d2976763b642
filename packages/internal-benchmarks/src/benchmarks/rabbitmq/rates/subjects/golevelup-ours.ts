import { ourGolevelup } from '../our-modules.js';
import type { OpenSubject } from '../subject.js';
import { subscribing } from '../subscribing.js';

export const open: OpenSubject = (place) => subscribing(place, ourGolevelup(place));
