// The demo, with something done behind its back: `node interfered-demo.mjs <what> <arguments of the demo…>`.
import { demo } from '../../dist/demo.js';

const [what, ...args] = process.argv.slice(2);

const interference = {
  /** One customer is not charged and another one twice. */
  'tampered-charges': {
    beforeCount: async ({ databases }) => {
      const charges = `${databases.schema('billing')}.charges`;
      await databases.pool.query(
        `delete from ${charges} where id = (select min(id::text)::uuid from ${charges})`,
      );
      await databases.pool.query(
        `insert into ${charges} select gen_random_uuid(), order_id, amount_cents, captured_at
           from ${charges} where id = (select max(id::text)::uuid from ${charges})`,
      );
    },
  },
  /** Payments are captured and nobody hears of it. */
  'unbound-queue': {
    patienceMs: 3_000,
    beforeLoad: async ({ broker }) => {
      const channel = await broker.channel();
      await channel.unbindQueue(
        broker.queue('notifications'),
        broker.exchange,
        'payment.captured.*',
      );
      await channel.close();
    },
  },
  /** A message that billing has given up. */
  'dead-letter': {
    beforeCount: async ({ broker }) => {
      const channel = await broker.confirmChannel();
      channel.sendToQueue(broker.deadLetters('billing'), Buffer.from('{}'));
      await channel.waitForConfirms();
      await channel.close();
    },
  },
}[what];

process.exitCode = await demo(args, interference);
