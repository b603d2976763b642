import { defineBenchmark } from '../benchmark.js';
import { onGround } from './rabbitmq/ground.js';
import { FULL, QUICK, type Loads } from './rabbitmq/loads.js';
import { measureKeyed } from './rabbitmq/rates/measure-keyed.js';
import { measureRates } from './rabbitmq/rates/measure-rates.js';
import { observeAll, observeShort } from './rabbitmq/behaviour/observe.js';
import { figures, type Key } from './rabbitmq/report.js';

/** What our modules cost a consumer, a retry and a publisher, what an order of keys gains, and what all of them do in trouble. */
export const rabbitmqWith = (loadsOf: (quick: boolean) => Loads) =>
  defineBenchmark<Key>({
    name: 'rabbitmq',
    title: 'What @acme/nest-rabbitmq costs and does, beside its peers and bare amqplib',
    services: ['rabbitmq'],
    figures,
    bars: {
      nestThroughputRatio: { atLeast: 0.85 },
      golevelupThroughputRatio: { atLeast: 0.85 },
      retryHopVsRaw: { atLeast: 0.7 },
      publisherVsRaw: { atLeast: 0.9 },
      orderedLanesVsPrefetch1: { atLeast: 5 },
      drainLost: { atMost: 0 },
    },
    versionsOf: [
      '@acme/nest-rabbitmq',
      '@nestjs/core',
      '@nestjs/microservices',
      '@golevelup/nestjs-rabbitmq',
      'amqplib',
      'amqp-connection-manager',
      'rascal',
      'rabbitmq-client',
    ],
    run: async (run) => {
      const loads = loadsOf(run.quick);
      await onGround(run.env, async (ground) => {
        await measureRates(run, ground, loads);
        await measureKeyed(run, ground, loads);
      });
      await (run.quick ? observeShort(run) : observeAll(run));
    },
  });

export const rabbitmq = rabbitmqWith((quick) => (quick ? QUICK : FULL));
