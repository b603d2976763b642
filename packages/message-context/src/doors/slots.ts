import type { InjectionToken } from '@nestjs/common';
import type { HandlerRef } from '../context/handler-ref.js';
import type { MessageContext } from '../context/message-context.js';

/** Slots of the edge door, in the order they run: before pipes. */
export const EDGE_SLOTS = ['deadline', 'version'] as const;
/** Slots of the body door, outermost first: around the method, after validation. */
export const BODY_SLOTS = ['order', 'attempts', 'idempotency'] as const;

/** A place at the edge door. */
export type EdgeSlot = (typeof EDGE_SLOTS)[number];
/** A place at the body door. */
export type BodySlot = (typeof BODY_SLOTS)[number];

/** What every stage says about itself, whichever door it stands at. */
interface StageIdentity<Options> {
  /** As a user writes it, for messages: `@Idempotent()`. */
  readonly decorator: string;
  /** What makes the service available, for messages: `IdempotencyModule.forRoot()`. */
  readonly module: string;
  /** Under which token the module exports the service. A class or a string: Nest cannot print symbols in its errors. */
  readonly service: Exclude<InjectionToken, symbol>;
  readonly options: Options;
}

/** A stage around the method. Given to `bodyStage`, which makes the decorator of it. */
export interface BodyStage<Options = unknown> extends StageIdentity<Options> {
  readonly slot: BodySlot;
}

/** A stage before pipes. Given to `edgeStage`, which makes the decorator of it. */
export interface EdgeStage<Options = unknown> extends StageIdentity<Options> {
  readonly slot: EdgeSlot;
}

/** One call of a decorated method. */
export interface StageCall<Options = unknown> {
  /** Opened by a transport door, or, for a plain method call outside of any message, for this call alone. */
  readonly context: MessageContext;
  readonly handler: HandlerRef;
  readonly options: Options;
}

/** One call of a method with a body stage. */
export interface BodyCall<Options = unknown> extends StageCall<Options> {
  /**
   * `handler`: this method handles the message of `context`. `method`: it is a plain call, perhaps made while some other
   * method handles a message: nothing of that message (its key, its reply, its delivery) belongs to this call.
   */
  readonly role: 'handler' | 'method';
  /**
   * What the method is called with: after pipes, as its parameter decorators left it. A stage may put values of its own into
   * the places that its parameter decorators stand at.
   */
  readonly args: unknown[];
  /** The object the method was called on. */
  readonly instance: object;
}

/** What the service of a body stage does. */
export interface BodyStageService<Options = unknown> {
  /** Runs around the method: `next()` runs the inner stages and the method, and may be called more than once or never. */
  around(call: BodyCall<Options>, next: () => Promise<unknown>): Promise<unknown>;
  /**
   * Told about every handler at boot, before the first message. Returns what is wrong with it, each with its remedy; all
   * problems of all stages are reported in one error.
   */
  check?(handler: StageHandler<Options>): readonly string[];
}

/** What the service of an edge stage does. */
export interface EdgeStageService<Options = unknown> {
  /** Runs before pipes; may set `call.context.message.payload`, may throw to refuse the message. */
  enter(call: StageCall<Options>): void | Promise<void>;
  check?(handler: StageHandler<Options>): readonly string[];
}

/** A decorated method as found at boot. */
export interface StageHandler<Options = unknown> {
  readonly handler: HandlerRef;
  readonly options: Options;
  /** By which doors messages reach it; `method` alone for plain provider methods. */
  readonly kinds: ReadonlySet<HandlerKind>;
  /** The decorated function, for reading metadata. */
  readonly method: (...args: never[]) => unknown;
  /** The class it was found on. */
  readonly owner: abstract new (...args: never[]) => unknown;
}

/**
 * How a method is reached. `grpc` is a call with one request, whether it is answered once or by a stream (only the proto
 * file knows); `grpc-stream` is one whose requests are a stream.
 */
export type HandlerKind =
  | 'http'
  | 'sse'
  | 'grpc'
  | 'grpc-stream'
  | 'event'
  | 'request'
  | 'golevelup-subscribe'
  | 'golevelup-rpc'
  | 'golevelup-batch'
  | 'method';
