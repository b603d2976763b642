// One client of an application that goes on: a server of several.
import { testBroker, waitFor } from '@acme/internal-testing';
import { Controller } from '@nestjs/common';
import { EventPattern } from '@nestjs/microservices';
import { expect, it } from 'vitest';
import type { Open } from './support/consumers.js';
import { orderedGround } from './support/ordered-ground.js';
import { openServers } from './support/ordered-server.js';

it('leaves the others their patience: what fails there is still tried again at once', async () => {
  const broker = await testBroker();
  const unused = undefined as unknown as Open;
  const grounds = [orderedGround(broker, unused, 'closes'), orderedGround(broker, unused, 'stays')];
  let calls = 0;
  @Controller()
  class Orders {
    @EventPattern('placed')
    placed(): void {
      calls += 1;
      if (calls < 3) throw new Error('not now');
    }
  }
  const retry = { attempts: 2, initial: '10m', jitter: false, immediate: 2 } as const;
  const { servers, close } = await openServers({ broker, grounds, controllers: [Orders], retry });
  await servers[0]!.close();
  await grounds[1]!.publish([{ key: 'a', n: 1 }]);
  await waitFor(async () => calls === 3 && (await grounds[1]!.depth()) === 0, {
    what: 'the third call',
  });
  await close();
  await expect(grounds[1]!.depth('.retry.600000')).resolves.toBe(0);
});
