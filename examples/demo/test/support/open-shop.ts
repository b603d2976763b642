import { Supervisor } from '../../src/supervisor/supervisor.js';
import { shopIn, shopOpen } from '../../src/world/services.js';
import { removeLogs, withWorld } from '../../src/world/world.js';

export interface OpenShop {
  readonly gatewayUrl: string;
  readonly supervisor: Supervisor;
  close(): Promise<void>;
}

/** The four services in a world of their own, as the demo runs them. */
export function openShop(): Promise<OpenShop> {
  return new Promise((opened, failed) => {
    const signal = new AbortController().signal;
    const closed = withWorld(
      () => {},
      signal,
      async (world) => {
        const shop = await shopIn(world);
        const supervisor = new Supervisor(shop.specs, world.logFolder, () => {});
        try {
          supervisor.start();
          await shopOpen(shop, world, signal, () => supervisor.assertRunning());
          supervisor.markReady();
          await new Promise<void>((closing) => {
            const close = (): Promise<void> => {
              closing();
              return closed;
            };
            opened({ gatewayUrl: shop.gatewayUrl, supervisor, close });
          });
        } finally {
          await supervisor.stop();
          removeLogs(world);
        }
      },
    );
    closed.catch(failed);
  });
}
