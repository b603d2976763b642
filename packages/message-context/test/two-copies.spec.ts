import 'reflect-metadata';
import { Controller, Global, Injectable, Module, type Type } from '@nestjs/common';
import { MessagePattern } from '@nestjs/microservices';
import { Test } from '@nestjs/testing';
import { RecordingLogger } from '@acme/internal-testing';
import * as imported from '@acme/nest-message-context';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FakeServer } from './support/fake-server.js';

type Api = typeof imported;

const require = createRequire(import.meta.url);
const root = dirname(require.resolve('@acme/nest-message-context/package.json'));
/** The CommonJS build, loaded beside the ES modules: what happens where two versions are installed. */
const required = require(join(root, 'dist/cjs/index.js')) as Api;

const steps: string[] = [];

/** What a package of this family is, built on one of the copies. */
function family({ bodyStage, edgeStage, MessageContextCoreModule }: Api, copy: string) {
  class Service {
    async around(call: imported.BodyCall, next: () => Promise<unknown>): Promise<unknown> {
      steps.push(`${copy} ${String(call.options)} ${call.role} ${call.context.correlationId}`);
      return next();
    }

    enter({ options, context }: imported.StageCall): void {
      steps.push(`${copy} ${String(options)} ${context.correlationId}`);
    }
  }
  Injectable()(Service);
  class FamilyModule {}
  Global()(FamilyModule);
  Module({ imports: [MessageContextCoreModule], providers: [Service], exports: [Service] })(
    FamilyModule,
  );
  const identity = { module: `the module of ${copy}`, service: Service };
  return {
    module: FamilyModule as Type<unknown>,
    body: (slot: imported.BodySlot) =>
      bodyStage({ ...identity, slot, decorator: `@Body('${copy}', '${slot}')`, options: slot }),
    edge: (slot: imported.EdgeSlot) =>
      edgeStage({ ...identity, slot, decorator: `@Edge('${copy}', '${slot}')`, options: slot }),
  };
}

const one = family(imported, 'one');
const other = family(required, 'other');

class Base {
  @other.body('idempotency')
  @MessagePattern('overridden')
  async overridden(): Promise<string> {
    return 'base';
  }
}

@Controller()
class Handlers extends Base {
  @one.body('idempotency')
  @other.body('order')
  @other.edge('version')
  @MessagePattern('mixed')
  @one.edge('deadline')
  @one.body('attempts')
  async mixed(): Promise<unknown> {
    return [imported, required].map(({ MessageContext }) => MessageContext.require());
  }

  @one.body('idempotency')
  @MessagePattern('overridden')
  override async overridden(): Promise<string> {
    return `sub, ${await super.overridden()}`;
  }

  @one.body('order')
  async plain(): Promise<unknown> {
    return this.inner();
  }

  @other.body('order')
  async inner(): Promise<unknown> {
    return [imported, required].map(({ MessageContext }) => MessageContext.current());
  }
}

describe('two copies of this package in one process', () => {
  const server = new FakeServer();
  let close: () => Promise<void>;
  let handlers: Handlers;

  beforeAll(async () => {
    const module = await Test.createTestingModule({
      imports: [one.module, other.module],
      controllers: [Handlers],
    })
      .setLogger(new RecordingLogger())
      .compile();
    const app = module.createNestApplication();
    app.connectMicroservice({ strategy: server });
    await app.init();
    handlers = app.get(Handlers);
    close = () => app.close();
  });
  afterAll(() => close());

  it('are two', () => {
    expect(required.MessageContext).not.toBe(imported.MessageContext);
  });

  it('share one context and one order of stages', async () => {
    steps.length = 0;
    const [mine, theirs] = (await server.ask('mixed')) as imported.MessageContext[];
    expect(mine).toBe(theirs);
    const id = mine!.correlationId;
    expect(steps).toEqual([
      `one deadline ${id}`,
      `other version ${id}`,
      `other order handler ${id}`,
      `one attempts handler ${id}`,
      `one idempotency handler ${id}`,
    ]);
  });

  it('share the context of a plain call', async () => {
    const [mine, theirs] = (await handlers.plain()) as imported.MessageContext[];
    expect(mine?.message.transport).toBe('method');
    expect(mine).toBe(theirs);
  });

  it('recognise super.m() of each other', async () => {
    steps.length = 0;
    expect(await server.ask('overridden')).toBe('sub, base');
    expect(steps).toHaveLength(1);
  });

  it('recognise each other’s signals, statuses and errors', () => {
    for (const [makes, reads] of [
      [imported, required],
      [required, imported],
    ] as const) {
      const signal = new makes.RetryLater({ after: 5, code: 'BUSY' });
      expect(reads.signalOf(signal)).toEqual({ action: 'retry', afterMs: 5, countAttempt: true });
      expect(reads.decisionFor(new makes.NonRetryableError('BAD'))).toMatchObject({
        action: 'park',
        code: 'BAD',
      });
      expect(reads.statusOf(signal)).toMatchObject({ http: 503, reason: 'BUSY' });
      expect(reads.isMessageContextError(new makes.MessageContextMissingError())).toBe(true);
      expect([reads.SIGNAL, reads.STATUS]).toEqual([makes.SIGNAL, makes.STATUS]);
    }
  });
});
