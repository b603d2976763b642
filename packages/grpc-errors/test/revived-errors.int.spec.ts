// Classes that are given to a client, and what comes back where they are not as one expects.
import 'reflect-metadata';
import {
  isRemoteError,
  GrpcError,
  type GrpcService,
  type RemoteError,
} from '@acme/nest-grpc-errors';
import {
  startGrpcTestServer,
  type GrpcTestServer,
  type GrpcTestServerOptions,
} from '@acme/nest-grpc-errors/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { probeModule, PROTO, type Message, type ProbeOptions } from './support/probe-app.js';

interface Probe {
  unary(request: Message): Promise<Message>;
}
type Client = GrpcTestServerOptions['client'];

const open: GrpcTestServer[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});

async function serve(handle: ProbeOptions['handle'], client: Client = {}) {
  const server = await startGrpcTestServer(probeModule({ handle, logging: false }), {
    packages: 'probe.v1',
    protoPath: PROTO,
    client: { timeout: '2s', ...client },
  });
  open.push(server);
  return server.client<GrpcService<Probe>>('probe.v1.Probe');
}

const plain = { code: 'NOT_FOUND', reason: 'NOT_THERE' } as const;

/** As the service throws it. */
@GrpcError<NotThere>({ ...plain, metadata: ['id', 'note'] })
class NotThere extends Error {
  readonly note = 'of the service';
  constructor(readonly id: string) {
    super(`There is no ${id}.`);
  }
}

async function caught(target: typeof Error): Promise<unknown> {
  const probe = await serve(
    () => {
      throw new NotThere('7');
    },
    { errors: { 'probe.test': [target] } },
  );
  return probe.unary({ id: 'a' }).then(undefined, (error: unknown) => error);
}

describe('a class that comes back as itself', () => {
  @GrpcError(plain)
  class Named extends Error {
    readonly #kind = 'own';
    override get name(): string {
      return this.#kind;
    }
  }
  @GrpcError(plain)
  class Setting extends Error {
    get note(): string {
      return 'of the class';
    }
    set note(_: string) {
      throw new Error('set');
    }
  }
  @GrpcError(plain)
  class Costly extends Error {
    constructor(readonly price: { cents: number }) {
      super(String(price.cents));
    }
  }

  it.each<[string, typeof Error]>([
    ['whose name is made of what it does not have', Named as never],
    ['whose setters throw', Setting as never],
    ['whose constructor wants what is not there', Costly as never],
  ])('%s', async (_, target) => {
    const error = (await caught(target)) as Error & { id: string };
    expect(error).toBeInstanceOf(target);
    expect([error.message, error.name, error.id]).toEqual(['There is no 7.', target.name, '7']);
    // Where it was read: the frames of grpc-js are those that there are.
    expect(error.stack).toMatch(new RegExp(`^${target.name}: There is no 7\\.\n    at `));
    expect(isRemoteError(error.cause)).toBe(true);
  });
});

describe('the error of its code comes back', () => {
  const made = (fromRemote: (remote: RemoteError) => unknown): typeof Error => {
    @GrpcError(plain)
    class Made extends Error {
      static fromRemote = fromRemote;
    }
    return Made as never;
  };
  it.each<[string, typeof Error]>([
    ['nothing', made(() => undefined)],
    ['a promise', made(async () => new Error('later'))],
    ['a text', made(() => 'text')],
    ['an object', made(() => ({ message: 'text' }))],
    [
      'an exception',
      made(() => {
        throw new TypeError('broken');
      }),
    ],
  ])('where its class makes %s of it', async (_, target) => {
    const error = await caught(target);
    expect(isRemoteError(error)).toBe(true);
    expect(error).toMatchObject({ reason: 'NOT_THERE', metadata: { id: '7' } });
  });
});

describe('what a class makes of it itself', () => {
  @GrpcError(plain)
  class Own extends Error {
    readonly note = 'read again';
    constructor(readonly id: string) {
      super('of the other service');
    }
    static fromRemote({ metadata }: RemoteError): Own {
      return new Own(metadata['id']!);
    }
  }

  it('has the answer as its cause, and is not relayed as if it were thrown here', async () => {
    const behind = await serve(
      () => {
        throw new NotThere('7');
      },
      { errors: { 'probe.test': [Own] } },
    );
    let seen: unknown;
    const front = await serve((message) =>
      behind.unary(message as Message).then(undefined, (error: unknown) => {
        seen = error;
        throw error;
      }),
    );
    await expect(front.unary({ id: 'a' })).rejects.toMatchObject({
      status: 'INTERNAL',
      reason: 'DEPENDENCY_NOT_FOUND',
    });
    expect(seen).toBeInstanceOf(Own);
    expect(isRemoteError((seen as Error).cause)).toBe(true);
  });
});

it.each<[string, unknown, string]>([
  ['a function', [() => {}], 'is no class of errors'],
  ['a class of something else', [class Other {}], 'is no class of errors'],
  ['a class without a list', NotThere, 'is no list of classes.'],
])('refuses %s at once', async (_, classes, said) => {
  await expect(
    serve((message) => message, { errors: { 'probe.test': classes as never } }),
  ).rejects.toThrow(said);
});
