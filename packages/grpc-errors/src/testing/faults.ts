import { randomBytes } from 'node:crypto';
import {
  Metadata,
  ServerInterceptingCall,
  type ServerInterceptingCallInterface,
  type ServerInterceptor,
} from '@grpc/grpc-js';
import { parseDuration, show, type Duration } from '@acme/nest-message-context/kit';
import { GrpcCode, type GrpcCodeName } from '../core/codes.js';
import { encodeStatus } from '../core/details/status-codec.js';

/** Which calls something goes wrong with. */
export interface GrpcFaultScope {
  /** `order.v1.OrderService/GetOrder`. @default all */
  readonly method?: string;
  /** How often; then calls are handled again. @default until `reset()` */
  readonly times?: number;
}

/** How a call is answered in place of its handler. */
export interface GrpcStatusFault extends GrpcFaultScope {
  /** @default `Injected by a test.` */
  readonly message?: string;
  /** When to ask again, as `RetryInfo`. @default not said */
  readonly retryAfter?: Duration;
  /** The trailer `grpc-retry-pushback-ms`: milliseconds, or `-1` for never. @default not said */
  readonly pushback?: number;
}

/** Something that goes wrong. */
export interface GrpcFault {
  /** How many calls it has met. */
  readonly hits: number;
}

type Call = ServerInterceptingCallInterface;
/** Says what becomes of a call, before its handler hears of it. */
type Meets = (call: Call, handle: () => void) => void;

interface Fault extends GrpcFault {
  hits: number;
  readonly path: string | undefined;
  readonly times: number;
  readonly meets: Meets;
}

/** What goes wrong at the calls of a server of grpc-js: give `interceptor` to its `channelOptions.interceptors`, or this to `startGrpcTestServer()`. Of two that a call could meet it meets the one that was added first, and has met its number of calls last. */
export class GrpcFaults {
  #faults: Fault[] = [];

  /** Calls come to their handler later. */
  latency(duration: Duration, scope?: GrpcFaultScope): GrpcFault {
    const ms = msOf(duration);
    // Nobody is kept waiting for a call that has been left meanwhile: grpc-js handles it no more.
    return this.#add(scope, (_, handle) => void setTimeout(handle, ms).unref());
  }

  /** Calls are answered with this, and not handled. */
  status(code: Exclude<GrpcCodeName, 'OK'>, given: GrpcStatusFault = {}): GrpcFault {
    const { message = 'Injected by a test.', retryAfter, pushback } = given;
    const number = GrpcCode[code];
    if (!number) throw new TypeError(`${show(code)} is no status of an error. Give 'UNAVAILABLE'.`);
    const metadata = new Metadata();
    if (retryAfter !== undefined) {
      const details = { retryInfo: { retryDelayMs: msOf(retryAfter) } };
      metadata.set('grpc-status-details-bin', encodeStatus({ code: number, message, details }));
    }
    if (pushback !== undefined) metadata.set('grpc-retry-pushback-ms', String(pushback));
    return this.#add(given, (call) =>
      call.sendStatus({ code: number, details: message, metadata }),
    );
  }

  /** The connection is lost when calls come, with every other call on it. */
  drop(scope?: GrpcFaultScope): GrpcFault {
    return this.#add(scope, (call) => connectionOf(call).destroy());
  }

  /** Calls are never answered. */
  silence(scope?: GrpcFaultScope): GrpcFault {
    return this.#add(scope, () => {});
  }

  /** Calls are answered with trailers that are too long for HTTP/2 (64 KiB): clients of grpc-js hear nothing of them, and wait. */
  trailerOverflow(scope?: GrpcFaultScope): GrpcFault {
    const metadata = new Metadata();
    // HPACK would make little of what repeats itself.
    metadata.set('x-overflow-bin', randomBytes(70_000));
    return this.#add(scope, (call) =>
      call.sendStatus({ code: GrpcCode.INTERNAL, details: 'Injected by a test.', metadata }),
    );
  }

  /** From now on every call is handled. */
  reset(): void {
    this.#faults = [];
  }

  /** Of grpc-js, for `channelOptions: { interceptors: [faults.interceptor] }`. */
  readonly interceptor: ServerInterceptor = ({ path }, call) => {
    const fault = this.#faults.find((one) => one.hits < one.times && (one.path ?? path) === path);
    if (!fault) return new ServerInterceptingCall(call);
    fault.hits += 1;
    return new ServerInterceptingCall(call, {
      start: (next) =>
        next({
          onReceiveMetadata: (metadata, handle) => fault.meets(call, () => handle(metadata)),
        }),
    });
  };

  #add({ method, times = Infinity }: GrpcFaultScope = {}, meets: Meets): GrpcFault {
    if (method !== undefined && !/^\/?[\w.]+\/\w+$/.test(method))
      throw new TypeError(
        `method: ${show(method)} is none. Give 'order.v1.OrderService/GetOrder'.`,
      );
    if (times !== Infinity && !(Number.isInteger(times) && times > 0))
      throw new TypeError(`times: ${show(times)} is no number of calls. Give 1 or more.`);
    const path = method && `/${method.replace(/^\//, '')}`;
    const fault: Fault = { hits: 0, path, times, meets };
    this.#faults.push(fault);
    return fault;
  }
}

/** Nothing goes wrong until somebody says so. */
export const faults = (): GrpcFaults => new GrpcFaults();

function msOf(duration: Duration): number {
  const ms = parseDuration(duration);
  if (ms === undefined)
    throw new TypeError(`${show(duration)} is not a duration. Give milliseconds or '2s'.`);
  return ms;
}

interface Layer {
  readonly nextCall?: Layer;
  readonly stream?: { readonly session?: { destroy(): void } };
}

/** The HTTP/2 connection of a call: grpc-js has it at the innermost layer, and no name for it. */
function connectionOf(call: Call): { destroy(): void } {
  let layer = call as unknown as Layer | undefined;
  while (layer?.nextCall) layer = layer.nextCall;
  const session = layer?.stream?.session;
  if (session) return session;
  throw new Error(
    'This version of grpc-js does not show the connection of a call: drop() was tried with 1.12 to 1.14. Use silence().',
  );
}
