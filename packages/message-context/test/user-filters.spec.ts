import 'reflect-metadata';
import {
  BadRequestException,
  Catch,
  Controller,
  UseFilters,
  type ExceptionFilter,
} from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { EventPattern, RpcException } from '@nestjs/microservices';
import { NonRetryableError, Requeue } from '@acme/nest-message-context';
import { throwError, type Observable } from 'rxjs';
import { afterEach, describe, expect, it } from 'vitest';
import { openSettled } from './support/settled-app.js';

class RowRefused extends Error {}

@Catch(RowRefused)
class Parks implements ExceptionFilter {
  catch(): Observable<never> {
    return throwError(() => new NonRetryableError('ROW_REFUSED'));
  }
}

@Catch(BadRequestException)
class GivesBack implements ExceptionFilter {
  catch(): never {
    throw new Requeue();
  }
}

/** As in the documentation of Nest: words for the sender. */
@Catch(BadRequestException)
class Words implements ExceptionFilter {
  catch({ message }: BadRequestException): Observable<never> {
    return throwError(() => new RpcException(message).getError());
  }
}

@Controller()
class OnMethod {
  @UseFilters(Parks)
  @EventPattern('row refused')
  async row(): Promise<void> {
    throw new RowRefused();
  }
}

@UseFilters(Parks, GivesBack)
@Controller()
class OnClass {
  @EventPattern('row refused')
  async row(): Promise<void> {
    throw new RowRefused();
  }

  @EventPattern('bad')
  async bad(): Promise<void> {
    throw new BadRequestException();
  }
}

@Controller()
class Bare {
  @EventPattern('row refused')
  async row(): Promise<void> {
    throw new RowRefused();
  }

  @EventPattern('bad')
  async bad(): Promise<void> {
    throw new BadRequestException();
  }
}

@UseFilters(Words)
@Controller()
class WordsOnClass extends Bare {}

@Controller()
class WordsOnMethod {
  @UseFilters(Words)
  @EventPattern('bad')
  async bad(): Promise<void> {
    throw new BadRequestException();
  }
}

let close: () => Promise<void> = async () => {};
afterEach(() => close());

async function outcomeOf(pattern: string, ...open: Parameters<typeof openSettled>) {
  const { app, settled, deliver } = await openSettled(...open);
  close = () => app.close();
  await deliver(pattern);
  return settled;
}

describe('a signal that a filter of the user makes of an error', () => {
  it('is obeyed on the method', async () => {
    expect(await outcomeOf('row refused', [OnMethod])).toEqual(['reject']);
  });

  it('is obeyed on the class, thrown or as the outcome', async () => {
    expect(await outcomeOf('row refused', [OnClass])).toEqual(['reject']);
    await close();
    expect(await outcomeOf('bad', [OnClass])).toEqual(['nack, requeue']);
  });

  it('is obeyed on the whole application', async () => {
    const global = (useClass: typeof Parks | typeof GivesBack) => [
      { provide: APP_FILTER, useClass },
    ];
    expect(await outcomeOf('row refused', [Bare], global(Parks))).toEqual(['reject']);
    await close();
    expect(await outcomeOf('bad', [Bare], global(GivesBack))).toEqual(['nack, requeue']);
  });
});

describe('words that a filter of the user makes of an error', () => {
  it('do not hide what was thrown', async () => {
    const words = [{ provide: APP_FILTER, useClass: Words }];
    expect(await outcomeOf('bad', [Bare], words)).toEqual(['reject']);
    await close();
    expect(await outcomeOf('bad', [WordsOnClass])).toEqual(['reject']);
    await close();
    expect(await outcomeOf('bad', [WordsOnMethod])).toEqual(['reject']);
  });
});
