// One subject in a process of its own: `program.js <subject> <place as JSON>`; answers its parent call by call.
import 'reflect-metadata';
import { answerParent } from '../../measure/child.js';
import type { Command, Place } from './rates/subject.js';
import { subjects, type SubjectName } from './rates/subjects.js';

const [name = '', place = '{}'] = process.argv.slice(2);

const { open } = await subjects[name as SubjectName]();
const subject = await open(JSON.parse(place) as Place);

answerParent<Command>({
  run: (count) => subject.run(count),
  cpu: async () => {
    const { user, system } = process.cpuUsage();
    return user + system;
  },
  violations: async () => subject.violations?.() ?? 0,
  close: async () => void (await subject.close()),
});
