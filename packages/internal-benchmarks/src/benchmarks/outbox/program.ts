// One subject in a process of its own: `program.js <subject> <place as JSON>`; answers its parent call by call.
import 'reflect-metadata';
import { perSecond } from '../../measure/cost.js';
import type { Call, Reply } from './child.js';
import type { Place } from './subject.js';
import { subjects, type SubjectName } from './subjects.js';

const [name = '', place = '{}'] = process.argv.slice(2);

const { open } = await subjects[name as SubjectName]();
const subject = await open(JSON.parse(place) as Place);

async function answer({ command, count }: Call): Promise<Reply> {
  try {
    switch (command) {
      case 'fill':
        await subject.fill(count);
        return { value: count };
      case 'drain':
        return { value: await perSecond(count, () => subject.drain(count)) };
      case 'start':
      case 'stop':
      case 'close':
        await subject[command]?.();
        return { value: 0 };
    }
  } catch (error) {
    return { error: String((error as Error).stack) };
  }
}

process.on('message', (call: Call) => {
  void answer(call).then((reply) => {
    process.send?.(reply);
    if (call.command === 'close') process.disconnect();
  });
});
process.on('disconnect', () => process.exit());
process.send?.({ value: 0 });
