import 'reflect-metadata';
import {
  Catch,
  Controller,
  Scope,
  UseFilters,
  type ExceptionFilter,
  type Type,
} from '@nestjs/common';
import { Ctx, EventPattern, RmqContext } from '@nestjs/microservices';
import { waitFor } from '@acme/internal-testing';
import { DeadLetter, NonRetryableError, Requeue } from '@acme/nest-message-context';
import { EMPTY, of, throwError, timer, type Observable } from 'rxjs';
import { afterEach, describe, expect, it } from 'vitest';
import { openSettled } from './support/settled-app.js';

const ended: string[] = [];
let open: (() => void) | undefined;
/** A handler that runs until the test lets it end. */
const untilOpened = (): Promise<void> => new Promise((end) => (open = end));

let close: () => Promise<void> = async () => {};
afterEach(async () => {
  await close();
  ended.length = 0;
  open = undefined;
});

type Handle = (context: RmqContext) => unknown;

/** Controllers with one handler each, all of one event. */
function handlers(...all: readonly Handle[]): Type<unknown>[] {
  return all.map((handle) => {
    @Controller()
    class Handler {
      @EventPattern('event')
      handle(@Ctx() context: RmqContext): unknown {
        return handle(context);
      }
    }
    return Handler;
  });
}

async function deliverTo(controllers: Type<unknown>[]) {
  const { app, settled, deliver } = await openSettled(controllers);
  close = () => app.close();
  return { settled, handling: deliver('event') };
}

async function outcomeOf(...all: readonly Handle[]): Promise<readonly string[]> {
  const { settled, handling } = await deliverTo(handlers(...all));
  await handling;
  return settled;
}

const succeeds: Handle = async () => void ended.push('succeeds');
const requeues: Handle = async () => {
  throw new Requeue();
};
const parksLater: Handle = async () => {
  await untilOpened();
  ended.push('late');
  throw new NonRetryableError('LATE');
};

describe('a delivery with several handlers', () => {
  it('is acked once when all have succeeded, streams included', async () => {
    const stream = (): Observable<unknown> => of(1, 2);
    expect(await outcomeOf(succeeds, stream, succeeds)).toEqual(['ack']);
    expect(ended).toEqual(['succeeds', 'succeeds']);
  });

  it('is settled although all of them fail', async () => {
    expect(await outcomeOf(requeues, requeues, requeues)).toEqual(['nack, requeue']);
  });

  it.each([
    ['the first', [parksLater, requeues]],
    ['the last', [requeues, parksLater]],
    ['one in between', [succeeds, parksLater, requeues]],
  ])('waits for %s, and is settled by the failure that came first', async (_which, all) => {
    const { settled, handling } = await deliverTo(handlers(...all));
    await waitFor(() => open);
    await new Promise(setImmediate);
    expect(settled).toEqual([]);
    open?.();
    await handling;
    expect(ended.at(-1)).toBe('late');
    expect(settled).toEqual(['nack, requeue']);
  });

  it('is not acked because one has nothing to say and another fails', async () => {
    expect(await outcomeOf(() => EMPTY, requeues)).toEqual(['nack, requeue']);
    await close();
    expect(await outcomeOf(requeues, () => EMPTY)).toEqual(['nack, requeue']);
  });

  it('runs a stream to its end although another handler has failed', async () => {
    const stream = (): Observable<unknown> =>
      timer(5).pipe((source) => {
        source.subscribe(() => ended.push('stream'));
        return source;
      });
    expect(await outcomeOf(requeues, stream)).toEqual(['nack, requeue']);
    expect(ended).toEqual(['stream']);
  });

  it('obeys a signal that any of them returns', async () => {
    const returns: Handle = () => new DeadLetter('RETURNED');
    expect(await outcomeOf(returns, succeeds)).toEqual(['reject']);
    await close();
    expect(await outcomeOf(succeeds, returns, succeeds)).toEqual(['reject']);
  });

  it('is not settled by an error that a filter of another handler has dealt with', async () => {
    class Expected extends NonRetryableError {}

    @Catch(Expected)
    class DealsWith implements ExceptionFilter {
      catch(): Observable<unknown> {
        return of('dealt with');
      }
    }

    @UseFilters(DealsWith)
    @Controller()
    class First {
      @EventPattern('event')
      async handle(): Promise<void> {
        throw new Expected('EXPECTED');
      }
    }
    const { settled, handling } = await deliverTo([First, ...handlers(requeues)]);
    await handling;
    expect(settled).toEqual(['nack, requeue']);
  });

  it('keeps an error that is thrown where nobody listens any more away from the process', async () => {
    const failsAtOnce: Handle = () => throwError(() => new Requeue());
    expect(await outcomeOf(failsAtOnce, requeues)).toEqual(['nack, requeue']);
  });

  it('waits for what one of them starts when the first has ended already', async () => {
    @Controller({ scope: Scope.REQUEST })
    class PerRequest {
      @EventPattern('event')
      async handle(): Promise<void> {
        ended.push('per request');
      }
    }
    const [first] = handlers(succeeds);
    const [last] = handlers(parksLater);
    const { settled, handling } = await deliverTo([first!, PerRequest, last!]);
    await waitFor(() => open);
    await new Promise(setImmediate);
    expect(settled).toEqual([]);
    open?.();
    await handling;
    expect(settled).toEqual(['reject']);
  });
});
