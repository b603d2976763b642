import 'reflect-metadata';
import { Controller, Inject, Injectable, Module, Post } from '@nestjs/common';
import { openApp, openContext } from '@acme/internal-testing';
import {
  Idempotent,
  IdempotencyModule,
  IdempotencyService,
  InMemoryIdempotencyStore,
} from '@acme/nest-idempotency';
import { expect, it } from 'vitest';

/** What Node throws when it has tried every address of a host: it has no message. */
const unreachable = Object.assign(new AggregateError([]), { code: 'ECONNREFUSED' });

class BrokenStore extends InMemoryIdempotencyStore {
  override claim(...args: Parameters<InMemoryIdempotencyStore['claim']>) {
    return args[0].name === 'outer' ? super.claim(...args) : Promise.reject(unreachable);
  }
}

@Injectable()
class Jobs {
  @Idempotent({ keyFrom: ({ args }) => args[0], name: 'inner' })
  async inner(_key: string): Promise<void> {}
}

@Controller()
class Outer {
  constructor(
    @Inject(Jobs) private readonly jobs: Jobs,
    @Inject(IdempotencyService) private readonly service: IdempotencyService,
  ) {}

  @Idempotent({ name: 'outer' })
  @Post('method')
  method() {
    return this.jobs.inner('k');
  }

  @Post('piece')
  piece() {
    return this.service.run('k', async () => 1, { name: 'piece' });
  }
}

@Module({
  imports: [
    IdempotencyModule.forRoot({ namespace: 'x', store: new BrokenStore(), principal: false }),
  ],
  controllers: [Outer],
  providers: [Jobs],
})
class App {}

// Nest answers an HttpException without a word in the log.
it.each([
  ['method', /^inner: IDEMPOTENCY_STORE_UNAVAILABLE: .*Cause: ECONNREFUSED$/],
  ['piece', /^piece: IDEMPOTENCY_STORE_UNAVAILABLE: .*Cause: ECONNREFUSED$/],
])('says once, with its cause, why a call inside a request failed: %s', async (path, line) => {
  const { url, log, close } = await openApp(App);
  const headers = { 'idempotency-key': 'k' };
  const reply = await fetch(`${url}/${path}`, { method: 'POST', headers });
  expect(reply.status).toBe(503);
  expect(await reply.text()).not.toContain('ECONNREFUSED');
  expect(log.messages('error')).toEqual([expect.stringMatching(line)]);
  await close();
});

it('leaves what callers can cure to them', async () => {
  const { app, log } = await openContext(App);
  await expect(app.get(Jobs).inner('')).rejects.toMatchObject({ code: 'IDEMPOTENCY_KEY_REQUIRED' });
  expect(log.messages('error')).toEqual([]);
});
