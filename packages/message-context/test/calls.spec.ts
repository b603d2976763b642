import 'reflect-metadata';
import { Controller, Injectable, UseGuards, type CanActivate } from '@nestjs/common';
import { ExternalContextCreator } from '@nestjs/core';
import { MessagePattern } from '@nestjs/microservices';
import { MessageContext } from '@acme/nest-message-context';
import { afterEach, describe, expect, it } from 'vitest';
import { Around, openTraced, type TracedApp } from './support/trace.js';

let opened: TracedApp[] = [];
const open = async (options: Parameters<typeof openTraced>[0]): Promise<TracedApp> => {
  const app = await openTraced(options);
  opened.push(app);
  return app;
};

afterEach(async () => {
  for (const { app } of opened) await app.close();
  opened = [];
});

const handledBy: (string | undefined)[] = [];
const noteHandler = (): void =>
  void handledBy.push(MessageContext.current()?.message.handler?.methodName);
afterEach(() => void handledBy.splice(0));

/** What some other part of the process does while a method runs. */
let meanwhile: (() => Promise<unknown>) | undefined;
afterEach(() => (meanwhile = undefined));

describe('what belongs to the call of an override', () => {
  @Injectable()
  class Base {
    @Around()
    async saves(_other?: Base): Promise<void> {}

    @Around()
    async charges(): Promise<void> {}
  }

  @Controller()
  class Sub extends Base {
    @Around()
    override async saves(other?: Base): Promise<void> {
      await super.saves();
      await other?.saves();
      await meanwhile?.();
    }

    @MessagePattern('saves as the base does')
    async savesAsTheBaseDoes(): Promise<void> {
      await super.saves();
    }
  }

  @Controller()
  class ChargesToo extends Base {
    @Around()
    override async saves(): Promise<void> {
      await super.saves();
      await this.charges();
    }
  }

  it('is not another protected method of the object', async () => {
    const { get, trace } = await open({ controllers: [ChargesToo] });
    await get(ChargesToo).saves();
    expect(trace.calls.map(({ handler }) => handler.methodName)).toEqual(['saves', 'charges']);
  });

  it('is not the same method of another object', async () => {
    const { get, trace } = await open({ controllers: [Sub], providers: [Base] });
    await get(Sub).saves(get(Base));
    expect(trace.calls.map(({ handler }) => handler.className)).toEqual(['Sub', 'Base']);
  });

  it('is not what another message makes of the object meanwhile', async () => {
    const { get, server, trace } = await open({ controllers: [Sub] });
    meanwhile = () => server.ask('saves as the base does');
    await get(Sub).saves();
    expect(trace.calls.map(({ handler }) => handler.className)).toEqual(['Sub', 'Base']);
  });
});

describe('what belongs to the call of a method with several of our decorators', () => {
  const AlsoKnownAs =
    (name: string) =>
    (target: object, _key: string | symbol, descriptor: PropertyDescriptor): void => {
      Object.defineProperty(target, name, { ...descriptor });
    };

  /** A decorator of somebody else that calls the whole method once more before it goes on. */
  const CallsItFirst =
    () =>
    (_target: object, key: string | symbol, descriptor: PropertyDescriptor): void => {
      const original = descriptor.value as (again: boolean, ...rest: unknown[]) => Promise<void>;
      descriptor.value = async function (
        this: Record<string | symbol, typeof original>,
        again: boolean,
        ...rest: unknown[]
      ): Promise<void> {
        if (again) await this[key]!.call(this, false);
        return original.call(this, again, ...rest);
      };
    };

  @Injectable()
  class Twice {
    @Around('attempts')
    @CallsItFirst()
    @AlsoKnownAs('inner')
    @Around('order')
    async outer(_again: boolean, inside: boolean): Promise<void> {
      if (inside) await this.inner();
    }
    declare inner: () => Promise<void>;

    @Around('attempts')
    @CallsItFirst()
    @Around('order')
    async whole(_again: boolean): Promise<void> {}
  }

  it('is not what the method calls under a second name of itself', async () => {
    const { get, trace } = await open({ providers: [Twice] });
    await get(Twice).outer(false, true);
    expect(trace.take()).toEqual(['order', 'attempts', 'order', 'attempts']);
  });

  it('is not the whole method, called by a decorator in between', async () => {
    const { get, trace } = await open({ providers: [Twice] });
    await get(Twice).whole(true);
    expect(trace.take()).toEqual(['order', 'attempts', 'order', 'attempts']);
  });
});

class SeesHandler implements CanActivate {
  canActivate(): boolean {
    noteHandler();
    return true;
  }
}

describe('the handler of a message', () => {
  @Controller()
  class Handlers {
    @Around()
    @UseGuards(SeesHandler)
    @MessagePattern('guarded')
    async guarded(): Promise<void> {
      await meanwhile?.();
      noteHandler();
    }

    @Around()
    async executed(): Promise<void> {}
  }

  const executed = ({ get }: TracedApp, type: string): (() => Promise<unknown>) => {
    const object = get(Handlers);
    const method = object.executed as (...args: unknown[]) => Promise<void>;
    const creator = get(ExternalContextCreator);
    return creator.create(
      object,
      method,
      'executed',
      undefined,
      undefined,
      undefined,
      undefined,
      undefined,
      type,
    );
  };

  it('is known to the guards of its method', async () => {
    const { server } = await open({ controllers: [Handlers] });
    await server.ask('guarded');
    expect(handledBy).toEqual(['guarded', 'guarded']);
  });

  it('stays the same when its handling makes Nest execute another method', async () => {
    const app = await open({ controllers: [Handlers] });
    meanwhile = executed(app, 'rpc');
    await app.server.ask('guarded');
    expect(handledBy).toEqual(['guarded', 'guarded']);
    expect(app.trace.calls.map(({ role }) => role)).toEqual(['handler', 'method']);
  });

  it('is missed, with the remedy, where a message has come in by no door', async () => {
    const app = await open({ controllers: [Handlers] });
    await expect(executed(app, 'rmq')()).rejects.toMatchObject({ code: 'MESSAGE_CONTEXT_MISSING' });
    expect(app.trace.calls).toEqual([]);
  });

  it('is nobody’s affair where Nest executes what is no message', async () => {
    const app = await open({ controllers: [Handlers] });
    await executed(app, 'graphql')();
    expect(app.trace.calls.map(({ role }) => role)).toEqual(['method']);
  });
});
