import { Body, Controller, Module, Post } from '@nestjs/common';
import { Idempotent, IdempotencyModule, RedisIdempotencyStore } from '@acme/nest-idempotency';
import {
  Idempotent as TheirIdempotent,
  NodeIdempotencyModule,
  StorageAdapterEnum,
} from '@node-idempotency/nestjs';
import { alternate } from '../../measure/alternate.js';
import { median } from '../../measure/statistics.js';
import type { Ground } from './ground.js';
import { openHttp } from './http-app.js';
import { CONCURRENT, loadOf } from './loads.js';
import { latencyRow, type Run } from './report.js';

interface Placed {
  readonly amount: number;
}

const place = ({ amount }: Placed) => ({ number: 4711, total: amount, currency: 'EUR' });

@Controller()
class Bare {
  @Post('orders')
  place(@Body() body: Placed) {
    return place(body);
  }
}

@Controller()
class Ours {
  @Idempotent()
  @Post('orders')
  place(@Body() body: Placed) {
    return place(body);
  }
}

@Controller()
class Theirs {
  @TheirIdempotent()
  @Post('orders')
  place(@Body() body: Placed) {
    return place(body);
  }
}

@Module({ controllers: [Bare] })
class BareApp {}

class Root {}

/** A first call over HTTP: the same application, once with `@node-idempotency/nestjs` and once with us, both with node-redis. */
export async function vsNodeIdempotency(run: Run, ground: Ground): Promise<void> {
  const [bare, ours, theirs] = await Promise.all([
    openHttp(BareApp),
    openHttp(appWithOurs(ground)),
    openHttp(appWithTheirs(ground)),
  ]);
  const body = { amount: 129.9, lines: [{ sku: 'a-1', count: 2 }] };
  const calling = (app: typeof ours) => async (i: number) => {
    const { status, text, replayed } = await app.post('/orders', { key: `http-${i}`, body });
    if (status !== 201 || replayed)
      throw new Error(`A first call was answered with ${status}: ${text}`);
  };
  try {
    const ratios: number[] = [];
    for (const concurrent of CONCURRENT) {
      const samples = await alternate(
        { bare: calling(bare), theirs: calling(theirs), ours: calling(ours) },
        loadOf(concurrent, run.quick),
      );
      const ratio = median(samples.ours) / median(samples.theirs);
      ratios.push(ratio);
      latencyRow(run, 'bare HTTP handler', concurrent, samples.bare);
      latencyRow(run, 'node-idempotency, HTTP, Redis, first', concurrent, samples.theirs);
      latencyRow(run, 'ours, HTTP, Redis, first', concurrent, samples.ours, {
        ratio,
        over: 'node-idempotency',
      });
    }
    run.figure('vsNodeIdempotencyFirst', Math.max(...ratios));
  } finally {
    await Promise.all([bare, ours, theirs].map((app) => app.close()));
  }
}

/** Ours, in Redis. */
export const appWithOurs = ({ nodeRedis, mark }: Ground) => ({
  module: Root,
  imports: [
    IdempotencyModule.forRoot({
      namespace: 'bench',
      principal: false,
      store: new RedisIdempotencyStore(nodeRedis, { prefix: `${mark}:ours:` }),
    }),
  ],
  controllers: [Ours],
});

/** The peer, in Redis. */
export const appWithTheirs = ({ redisUrl, mark }: Ground) => ({
  module: Root,
  imports: [
    NodeIdempotencyModule.forRootAsync({
      storage: { adapter: StorageAdapterEnum.redis, options: { url: redisUrl } },
      cacheKeyPrefix: `${mark}:theirs`,
    }),
  ],
  controllers: [Theirs],
});
