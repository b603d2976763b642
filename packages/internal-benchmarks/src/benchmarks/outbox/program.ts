// One subject in a process of its own: `program.js <subject> <place as JSON>`; answers its parent call by call.
import 'reflect-metadata';
import { answerParent } from '../../measure/child.js';
import { perSecond } from '../../measure/cost.js';
import type { Command } from './child.js';
import type { Place } from './subject.js';
import { subjects, type SubjectName } from './subjects.js';

const [name = '', place = '{}'] = process.argv.slice(2);

const { open } = await subjects[name as SubjectName]();
const subject = await open(JSON.parse(place) as Place);

answerParent<Command>({
  fill: (count) => subject.fill(count),
  drain: (count) => perSecond(count, () => subject.drain(count)),
  start: async () => subject.start?.(),
  stop: async () => subject.stop?.(),
  close: () => subject.close(),
});
