import { EventEmitter } from 'node:events';
import { Metadata, Server } from '@grpc/grpc-js';
import type { Listening } from './nest-apps.js';
import { pathOf, type Message, type MethodName } from './service.js';

/** What grpc-js has been given for a unary method, and calls with each call. */
type Func = (call: UnaryCall, answer: (error: unknown, message?: Message) => void) => unknown;

/** A unary call as grpc-js makes it, but for the connection. */
class UnaryCall extends EventEmitter {
  readonly metadata = new Metadata();
  readonly cancelled = false;
  readonly #deadline = Date.now() + 5_000;

  constructor(
    private readonly path: string,
    readonly request: Message,
  ) {
    super();
    this.metadata.set('x-correlation-id', 'b6f1a3f2-6a55-4c38-9f0e-0d3ad6a9a1f1');
  }

  getPath(): string {
    return this.path;
  }

  getDeadline(): number {
    return this.#deadline;
  }

  getPeer(): string {
    return '127.0.0.1:1';
  }

  sendMetadata(): void {}
}

/** How a call was answered. */
interface Answered {
  readonly call: UnaryCall;
  readonly error: unknown;
  readonly message: Message | undefined;
}

/** A server that is called without a connection: by the functions that it has given to grpc-js. */
export interface InProcess {
  readonly url: string;
  call(method: MethodName, request: Message): Promise<Answered>;
  close(): Promise<void>;
}

/** Starts a server and keeps what it gives to grpc-js. */
export async function inProcess(listen: () => Promise<Listening>): Promise<InProcess> {
  const funcs = new Map<string, Func>();
  // oxlint-disable-next-line typescript/unbound-method -- called with the server below
  const { addService } = Server.prototype;
  Server.prototype.addService = function (definition, implementation) {
    for (const [name, { path, originalName = name }] of Object.entries(definition)) {
      const func = implementation[name] ?? implementation[originalName];
      if (func) funcs.set(path, func.bind(implementation) as unknown as Func);
    }
    return addService.call(this, definition, implementation);
  };
  try {
    const { url, close } = await listen();
    return { url, call: (method, request) => called(funcs, method, request), close };
  } finally {
    Server.prototype.addService = addService;
  }
}

function called(
  funcs: ReadonlyMap<string, Func>,
  method: MethodName,
  request: Message,
): Promise<Answered> {
  const path = pathOf(method);
  const func = funcs.get(path)!;
  const call = new UnaryCall(path, request);
  return new Promise((resolve) => {
    void func(call, (error, message) => {
      // As grpc-js tells of the end of any call.
      call.emit('cancelled', 'cancelled');
      resolve({ call, error, message });
    });
  });
}
