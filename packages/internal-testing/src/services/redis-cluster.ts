import { closedAtEndOfFile } from '../fixtures/cleanup.js';
import { TestingError, reason } from '../testing.errors.js';
import type { PrivateRecipe } from './contracts.js';
import { PrivateServer } from './private-server.js';
import { ask, redis } from './servers/redis.js';
import { installed } from './start-private.js';

/** The first and the last hash slot of each node. */
const SLOTS = [
  [0, 5_460],
  [5_461, 10_922],
  [10_923, 16_383],
] as const;

const WELL = ['cluster_state:ok', 'cluster_slots_ok:16384', `cluster_known_nodes:${SLOTS.length}`];
const DEADLINE_MS = 60_000;

/** Three masters without replicas: what a node holds is gone for as long as the node is. */
export class RedisCluster {
  /** Each with a third of the slots; `halt`, `kill` and `restart` one like any private server. */
  readonly nodes: readonly PrivateServer[];
  /** Of all nodes, for `new Cluster(urls)`. */
  readonly urls: readonly string[];

  private constructor(nodes: readonly PrivateServer[]) {
    this.nodes = nodes;
    this.urls = nodes.map(({ url }) => url);
  }

  /** @internal Starts the nodes and makes a cluster of them. */
  static async start(settings: Readonly<Record<string, string>>): Promise<RedisCluster> {
    const recipe = nodeRecipe(await installed(redis));
    const starting = SLOTS.map(() => PrivateServer.start(redis, recipe, settings));
    // Not only `all`: a start that is under way when another one fails must be stopped as well.
    const outcomes = await Promise.allSettled(starting);
    try {
      const cluster = new RedisCluster(await Promise.all(starting));
      await cluster.form();
      return cluster;
    } catch (error) {
      const started = outcomes.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
      await Promise.allSettled(started.map((node) => node.stop()));
      throw error;
    }
  }

  /** The node that a key belongs to. The first node is asked, so that one must run. */
  async nodeOf(key: string): Promise<PrivateServer> {
    const slot = Number(await this.cluster(this.nodes[0] as PrivateServer, 'keyslot', key));
    return this.nodes[SLOTS.findIndex(([, last]) => slot <= last)] as PrivateServer;
  }

  /** Resolves when every node says that all slots are served: two seconds or more after a `restart()` of one. */
  async untilWell(): Promise<void> {
    await Promise.all(this.nodes.map((node) => this.untilNodeIsWell(node)));
  }

  /** Ends all nodes and removes their folders; done at the end of the spec file if not before. */
  readonly stop = closedAtEndOfFile(async () => {
    await Promise.all(this.nodes.map((node) => node.stop()));
  });

  private async form(): Promise<void> {
    for (const [index, node] of this.nodes.entries()) {
      const [first, last] = SLOTS[index] as (typeof SLOTS)[number];
      await this.cluster(node, 'addslotsrange', first, last);
      // Two nodes with the same epoch would have to settle first whose claim counts.
      await this.cluster(node, 'set-config-epoch', index + 1);
    }
    // Each with each: to hear of one another by gossip takes seconds.
    for (const [index, node] of this.nodes.entries()) {
      const busPort = await ask(node.url, DEADLINE_MS, (client) =>
        client.config('GET', 'cluster-port'),
      );
      for (const other of this.nodes.slice(index + 1))
        await this.cluster(other, 'meet', '127.0.0.1', node.port, (busPort as string[])[1] ?? '');
    }
    await this.untilWell();
  }

  private cluster(node: PrivateServer, ...args: (string | number)[]): Promise<unknown> {
    return ask(node.url, DEADLINE_MS, (client) => client.call('cluster', ...args));
  }

  private async untilNodeIsWell(node: PrivateServer): Promise<void> {
    const deadline = Date.now() + DEADLINE_MS;
    for (;;) {
      const info = await this.cluster(node, 'info').then(String, (error: unknown) => reason(error));
      if (WELL.every((line) => info.includes(line))) return;
      if (Date.now() > deadline) {
        throw new TestingError(
          'CLUSTER_NOT_WELL',
          `Redis Cluster: ${node.url} is not well after ${DEADLINE_MS / 1_000} s. It says:\n${info}\nIt wrote:\n${node.output(15)}`,
        );
      }
      await new Promise((done) => setTimeout(done, 50));
    }
  }
}

/**
 * Starts a Redis Cluster of three masters, from the installed binary of Redis 7 or newer, which apt-get installs when we are
 * root. `settings` are those of every node, in the server's own words: `{ 'cluster-node-timeout': '1000' }` makes the other
 * nodes notice a dead one sooner.
 *
 * Rejects with `PRIVATE_SERVER_UNAVAILABLE` when there is no binary and none can be installed.
 */
export function startRedisCluster(
  options: { readonly settings?: Readonly<Record<string, string>> } = {},
): Promise<RedisCluster> {
  return RedisCluster.start(options.settings ?? {});
}

function nodeRecipe(single: PrivateRecipe): PrivateRecipe {
  return {
    ...single,
    ports: 2,
    processes: (place) =>
      single.processes({
        ...place,
        settings: {
          'cluster-enabled': 'yes',
          // Its own free port: the default is the client port and 10000, where outgoing connections may be.
          'cluster-port': String(place.ports[1]),
          'cluster-announce-ip': '127.0.0.1',
          'cluster-node-timeout': '5000',
          ...place.settings,
        },
      }),
  };
}
