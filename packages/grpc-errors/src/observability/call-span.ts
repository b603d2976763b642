import {
  STATUS_ERROR,
  type ContextLike,
  type OtelApi,
  type SpanLike,
} from '@acme/nest-message-context/observability';
import { GrpcCode } from '../core/codes.js';
import type { Harmless } from './harmless.js';
import { outcomeAttributes, statusName, type CallOutcome } from './rpc-attributes.js';

/** The span of a call: of an instrumentation, which ends it, or with `own` one of ours. */
export class CallSpan {
  #isDescribed = false;
  #hasEnded = false;

  constructor(
    readonly span: SpanLike,
    private readonly isError: (code: number) => boolean,
    private readonly safely: Harmless,
    private readonly own?: { readonly api: OtelApi; readonly inside: ContextLike },
  ) {}

  within<R>(work: () => R): R {
    return this.own ? this.own.api.context.with(this.own.inside, work) : work();
  }

  /** Of what emits within a session that belongs to no call. */
  enters(emitter: { emit(...args: never[]): boolean }): void {
    if (!this.own) return;
    const emit = emitter.emit.bind(emitter);
    emitter.emit = (...args) => this.within(() => emit(...args));
  }

  answered(): void {
    this.describe({ code: GrpcCode.OK });
  }

  /** The first one who says how it has ended knows it best. */
  describe(outcome: CallOutcome): void {
    if (this.#isDescribed) return;
    this.#isDescribed = true;
    this.safely(() => {
      if (!this.span.isRecording()) return;
      const { code } = outcome;
      const isError = this.isError(code);
      this.span.setAttributes(outcomeAttributes(outcome, isError));
      if (isError) this.span.setStatus({ code: STATUS_ERROR, message: statusName(code) });
    });
  }

  /** @param code where nobody has said how it has ended */
  end(code: number): void {
    this.describe({ code });
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    if (this.own) this.safely(() => this.span.end());
  }
}
