import 'reflect-metadata';
import { Injectable, Module } from '@nestjs/common';
import { openContext } from '@acme/internal-testing';
import {
  Idempotent,
  IdempotencyModule,
  IdempotencyService,
  InMemoryIdempotencyStore,
} from '@acme/nest-idempotency';
import { beforeEach, describe, expect, it } from 'vitest';

/** Which calls had an effect, in the order in which they began. */
const effects: string[] = [];

@Injectable()
class Countdown {
  constructor(private readonly service: IdempotencyService) {}

  @Idempotent('id')
  async own(order: { id: string; left: number }): Promise<string> {
    effects.push(`own ${order.left}`);
    return order.left === 0 ? 'end' : this.own({ ...order, left: order.left - 1 });
  }

  @Idempotent('id')
  async there(order: { id: string; isBack?: boolean }): Promise<string> {
    effects.push(order.isBack ? 'there again' : 'there');
    return order.isBack ? 'end' : this.andBack(order);
  }

  @Idempotent('id')
  async andBack({ id }: { id: string }): Promise<string> {
    effects.push('and back');
    return this.there({ id, isBack: true });
  }

  @Idempotent({ keyFrom: { payload: 'id' }, name: 'shared' })
  async byService({ id }: { id: string }): Promise<string> {
    effects.push('method');
    return this.service.run(id, async () => (effects.push('code'), 'end'), { name: 'shared' });
  }

  byMethod({ id }: { id: string }): Promise<string> {
    const run = async (): Promise<string> => {
      effects.push('code');
      return this.byService({ id });
    };
    return this.service.run(id, run, { name: 'shared' });
  }

  codeInCode({ id }: { id: string }): Promise<string> {
    const options = { name: 'code' };
    const inner = async (): Promise<string> => (effects.push('inner'), 'end');
    const outer = (): Promise<string> => {
      effects.push('outer');
      return this.service.run(id, inner, options);
    };
    return this.service.run(id, outer, options);
  }
}

describe('a call inside its own claim is part of it, not a duplicate that waits for itself', () => {
  let countdown: Countdown;

  beforeEach(async () => {
    effects.length = 0;
    const store = new InMemoryIdempotencyStore();
    @Module({
      imports: [IdempotencyModule.forRoot({ namespace: 'nested', store, waitTimeout: 0 })],
      providers: [Countdown],
    })
    class App {}
    countdown = (await openContext(App)).app.get(Countdown);
  });

  it.each([
    ['a method that calls itself', 'own', ['own 2', 'own 1', 'own 0']],
    ['a method that comes back by another', 'there', ['there', 'and back', 'there again']],
    ['code in a method', 'byService', ['method', 'code']],
    ['a method in code', 'byMethod', ['code', 'method', 'code']],
    ['code in code', 'codeInCode', ['outer', 'inner']],
  ] as const)('%s', async (_what, method, expected) => {
    const call = (): Promise<string> => countdown[method]({ id: 'id', left: 2 });
    expect([await call(), await call()]).toEqual(['end', 'end']);
    expect(effects).toEqual(expected);
  });
});
