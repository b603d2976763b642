import { setMaxListeners } from 'node:events';
import type { Metadata } from '@grpc/grpc-js';
import type { Linked } from '@acme/nest-message-context/kit';
import { GrpcCode } from '../core/codes.js';
import type { CallSpan } from '../observability/call-span.js';
import type { Running } from './grpc-result.js';

/** A call under way, and who may end it. */
export class CallEnd implements Running, Linked<CallEnd> {
  previous: CallEnd | undefined;
  next: CallEnd | undefined;
  chain: object | undefined;
  #call: Running | undefined;
  #stopSending: (() => void) | undefined;
  #gaveUp: { readonly reason: unknown } | undefined;
  #hasEnded = false;

  constructor(
    readonly metadata: Metadata,
    /** Unix milliseconds, or `Infinity`. */
    readonly deadline: number,
    private readonly signals: readonly (AbortSignal | undefined)[],
    private readonly onEnd: (end: CallEnd) => void,
    readonly span?: CallSpan,
  ) {}

  /** Of grpc-js. */
  get options(): { readonly deadline?: number } {
    return this.deadline === Infinity ? {} : { deadline: this.deadline };
  }

  /** Why it was given up: a signal has said so, or what was to be sent has failed. */
  get gaveUp(): { readonly reason: unknown } | undefined {
    return this.#gaveUp;
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Goes on after a pause, unless it is given up before. */
  waits(ms: number, goOn: () => void, givenUp: () => void): void {
    const timer = setTimeout(goOn, ms);
    this.cancels({
      cancel: () => {
        clearTimeout(timer);
        givenUp();
      },
    });
  }

  /** That is the call now. */
  cancels(call: Running): void {
    this.#call = call;
    for (const signal of this.signals) {
      if (!signal) continue;
      if (signal.aborted) this.#onAbort(signal);
      else {
        // A handler may make any number of calls at once, and none leaves its listener behind. Of another attempt it is the same listener.
        if (signal instanceof EventTarget) setMaxListeners(0, signal);
        signal.addEventListener('abort', this.#abort);
      }
    }
  }

  /** How to stop what it still sends. */
  sends(stop: () => void): void {
    this.#stopSending = stop;
  }

  answered(): void {
    this.span?.answered();
    this.ended();
  }

  /** Nothing more comes. Calls that have ended leave nothing behind at signals that live longer. */
  ended(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#stopSending?.();
    for (const signal of this.signals) signal?.removeEventListener('abort', this.#abort);
    this.span?.end(GrpcCode.CANCELLED);
    this.onEnd(this);
  }

  cancel(): void {
    if (this.#hasEnded) return;
    this.ended();
    this.#call?.cancel();
  }

  /** It is cancelled for this reason, and says so. */
  giveUp(reason: unknown): void {
    if (this.#hasEnded) return;
    this.#gaveUp ??= { reason };
    this.#call?.cancel();
  }

  readonly #abort = (event: Event): void => this.#onAbort(event.target as AbortSignal);

  #onAbort({ reason }: AbortSignal): void {
    this.giveUp(reason);
  }
}
