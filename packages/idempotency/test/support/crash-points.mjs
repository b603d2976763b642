// Places at which a process ends itself as `kill -9` would. A test arms one; the process says that it was reached, and is gone.
import { writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

let armed;

/** From now on, whoever comes by `point` dies; undefined disarms. */
export const arm = (point) => {
  armed = point;
};

/** Whether one around this call is armed: then the handler has to bring the call about. */
export const isArmed = (name) => armed?.endsWith(` ${name}`) ?? false;

export function reach(point) {
  if (point !== armed) return;
  // Written at once: there is no later.
  writeSync(1, `killed ${point}\n`);
  process.kill(process.pid, 'SIGKILL');
}

let resume;

/** Lets go what stands at the point `hold …`. */
export const letGo = () => resume();

export async function hold(name) {
  if (armed !== `hold ${name}`) return;
  armed = undefined;
  const resumed = new Promise((done) => (resume = done));
  process.send({ held: name });
  await resumed;
}

/** Runs a call with points before it, while it is under way, and after it. */
export async function around(name, call) {
  reach(`before ${name}`);
  await hold(name);
  const running = call();
  // What was asked is on its way by then, and nobody here has heard the answer.
  if (armed === `during ${name}`) setImmediate(() => reach(`during ${name}`));
  const answer = await running;
  reach(`after ${name}`);
  return answer;
}

const forwarded = (target, own) =>
  new Proxy(target, {
    get: (_, key) => {
      if (Object.hasOwn(own, key)) return own[key];
      const member = Reflect.get(target, key, target);
      return typeof member === 'function' ? member.bind(target) : member;
    },
  });

const watchedMethods = (target, names) =>
  Object.fromEntries(
    names
      .filter((name) => typeof target[name] === 'function')
      .map((name) => [name, (...args) => around(name, () => target[name](...args))]),
  );

/** The same store, with points around whatever a call asks it. */
export function watchedStore(store, settled = () => {}) {
  const own = watchedMethods(store, ['claim', 'settle', 'release', 'extend', 'countAttempt']);
  const settle = own.settle;
  own.settle = async (...args) => {
    const state = await settle(...args);
    settled(state);
    return state;
  };
  if ('on' in store) own.on = (database) => watchedStore(store.on(database), settled);
  if ('inTransaction' in store) {
    const claims = store.inTransaction;
    own.inTransaction = forwarded(claims, watchedMethods(claims, ['claim', 'settle']));
  }
  return forwarded(store, own);
}

const BEGINS = ['begin', 'start transaction'];

/** The name of the points around a statement that begins or ends a transaction. */
const boundaryOf = (sql) => {
  if (BEGINS.includes(sql)) return 'begin';
  return sql === 'commit' || sql === 'rollback' ? sql : undefined;
};

const watchedClient = (client) =>
  forwarded(client, {
    query: (sql, ...rest) => {
      const boundary = boundaryOf(sql);
      const query = () => client.query(sql, ...rest);
      return boundary ? around(boundary, query) : query();
    },
  });

/** The same pool of `pg`, with points around the statements that begin and end a transaction. */
export const watchedPool = (pool) =>
  forwarded(pool, { connect: async () => watchedClient(await pool.connect()) });

/** The same for a pool of `mysql2`. */
export const watchedMysqlPool = (pool) =>
  forwarded(pool, { getConnection: async () => watchedClient(await pool.getConnection()) });

const require = createRequire(import.meta.url);

/** A channel is answered in order: when the broker answers this, it has taken all that was sent before. */
function diesOnceAnswered(channel, point) {
  void channel.checkExchange('amq.direct').then(() => reach(point));
}

/** Puts points around every ack of this process, and counts what comes and is acked. Each library may have an amqplib of its own. */
export function watchDeliveries() {
  const counts = { deliveries: 0, acks: 0 };
  const users = ['@golevelup/nestjs-rabbitmq', 'amqp-connection-manager'];
  const files = users.map((user) => createRequire(require.resolve(user)).resolve('amqplib'));
  for (const file of new Set(files)) {
    const { Channel } = require(join(dirname(file), 'lib/channel_model.js'));
    const dispatch = Channel.prototype.dispatchMessage;
    Channel.prototype.dispatchMessage = function (...args) {
      counts.deliveries += 1;
      return dispatch.apply(this, args);
    };
    const ack = Channel.prototype.ack;
    Channel.prototype.ack = function (message, ...rest) {
      reach('before ack');
      if (armed === 'instead of ack') return diesOnceAnswered(this, 'instead of ack');
      // Throws on a channel that is closed.
      ack.call(this, message, ...rest);
      counts.acks += 1;
      if (armed === 'after ack') diesOnceAnswered(this, 'after ack');
    };
  }
  return counts;
}
