import 'reflect-metadata';
import { Controller } from '@nestjs/common';
import { EventPattern, MessagePattern } from '@nestjs/microservices';
import { RecordingLogger } from '@acme/internal-testing';
import { EMPTY, of, type Observable } from 'rxjs';
import { afterEach, expect, it } from 'vitest';
import { FakeServer } from './support/fake-server.js';
import { Around, openTraced, type TracedApp } from './support/trace.js';

@Controller()
class Streams {
  @Around()
  @MessagePattern('many')
  many(): Observable<number> {
    return of(1, 2, 3);
  }

  @Around()
  @MessagePattern('few')
  few(values: readonly unknown[]): Observable<unknown> {
    return values.length > 0 ? of(...values) : EMPTY;
  }

  @Around()
  @EventPattern('told')
  told(): Observable<number> {
    return of(1, 2);
  }

  @Around()
  plain(): Observable<number> {
    return of(1, 2);
  }
}

let traced: TracedApp | undefined;
afterEach(() => traced?.app.close());

const open = async () => {
  const log = new RecordingLogger();
  const server = new FakeServer();
  traced = await openTraced({ controllers: [Streams], log, server });
  const said = (): string[] => log.messages('warn').filter((text) => text.includes('values'));
  return { server, said, streams: traced.get<Streams>(Streams) };
};

it('says once that a caller gets the last of several values alone', async () => {
  const { server, said } = await open();
  expect(await server.ask('many')).toBe(3);
  expect(await server.ask('many')).toBe(3);
  expect(said()).toEqual([
    expect.stringMatching(
      /^Streams\.many answered with 3 values, and the caller gets the last one/,
    ),
  ]);
});

it('says nothing where there is no more than one, nobody listens, or nobody sent a message', async () => {
  const { server, said, streams } = await open();
  expect(await server.ask('few', [])).toBeUndefined();
  expect(await server.ask('few', [1])).toBe(1);
  await server.ask('told');
  expect(await Promise.resolve(streams.plain())).toBe(2);
  expect(said()).toEqual([]);
});
