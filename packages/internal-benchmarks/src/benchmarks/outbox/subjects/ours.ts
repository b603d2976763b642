import { addAll, openOurs } from '../our-app.js';
import type { OpenSubject } from '../subject.js';

export const open: OpenSubject = async (place) => {
  const app = await openOurs(place);
  return {
    fill: (count) => app.transactions.run(() => addAll(app, place, count)),
    drain: async (count) => {
      const { published } = await app.relay.runOnce();
      if (published !== count) throw new Error(`The relay published ${published} of ${count}.`);
    },
    start: async () => app.relay.start(),
    stop: () => app.relay.stop(),
    close: () => app.close(),
  };
};
