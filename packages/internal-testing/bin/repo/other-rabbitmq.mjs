import { examples } from './checks.mjs';
import { unpacked } from './debian.mjs';
import { Failure } from './shell.mjs';
import { Steps } from './steps.mjs';
import { vitest } from './vitest.mjs';

/**
 * Runs what talks to RabbitMQ on that of another Debian, by default 13, which has 4.0: each private server of a test as well.
 * Arguments go to Vitest; where there are some, the examples are left out.
 */
export async function onOtherRabbitmq(args) {
  const root = await unpacked('rabbitmq-server', process.env.DEBIAN || 'trixie');
  process.env.RABBITMQ_ROOT = root;
  const { startPrivate } = await import('../../dist/services/index.js');
  const broker = await startPrivate('rabbitmq').catch((error) => {
    throw new Failure(error.message);
  });
  // As a server that somebody else has started: the suites are to pass on any.
  Object.assign(process.env, broker.env);
  const steps = new Steps();
  try {
    await steps.withServices(async (env) => {
      await steps.run('integration', () => vitest('int', args, env, usesRabbitmq));
      if (args.length === 0) await steps.run('examples', () => examples(env));
    });
  } finally {
    await broker.stop();
  }
  return steps.report();
}

const usesRabbitmq = ({ manifest: { dependencies, devDependencies } }) =>
  'amqplib' in { ...dependencies, ...devDependencies };
