import { expect, it } from 'vitest';
import { checkBroker } from '../../src/doctor/broker.js';

it('tells no password that a client has quoted', async () => {
  const { findings } = await checkBroker(
    async () => ({
      unreachable: new Error('lost amqp://ann:s3cr3t@h'),
      exchanges: new Map(),
      confirms: 'no',
    }),
    [],
  );
  expect(findings).toMatchObject([
    { code: 'BROKER_UNREACHABLE', message: expect.stringContaining('lost amqp://***@h') as string },
  ]);
});

it('says what a broker is that takes no message', async () => {
  const answers = { exchanges: new Map(), reason: 'memory' } as const;
  const silent = await checkBroker(async () => ({ ...answers, confirms: 'no' }), []);
  expect(silent.obstacle).toBe('the broker does not confirm');
  const blocked = await checkBroker(async () => ({ ...answers, confirms: 'blocked' }), []);
  expect(blocked.obstacle).toBe('the broker has blocked publishing');
});
