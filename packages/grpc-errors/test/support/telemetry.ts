import { createRequire } from 'node:module';
import { Metadata } from '@grpc/grpc-js';
import { GrpcError } from '@acme/nest-grpc-errors';
import { Otel } from '@acme/internal-testing/otel';
import { GrpcInstrumentation } from '@opentelemetry/instrumentation-grpc';
import type { SpanKind } from '@opentelemetry/api';
import { afterEach, beforeEach } from 'vitest';

type Spans = ReturnType<Otel['spans']>;

/** An SDK for each test. Called once, at the top of a file. */
export function useOtel(): { otel: Otel } {
  const here = {} as { otel: Otel };
  beforeEach(() => {
    here.otel = new Otel('@acme/nest-grpc-errors');
  });
  afterEach(() => here.otel.stop());
  return here;
}

/** A trace that calls come with, and the span of it that has made them. */
export const TRACE = 'a'.repeat(32);
export const SENDER = 'b'.repeat(16);

export function traced(): Metadata {
  const metadata = new Metadata();
  metadata.set('traceparent', `00-${TRACE}-${SENDER}-01`);
  return metadata;
}

@GrpcError({ code: 'NOT_FOUND' })
export class OrderNotFoundError extends Error {}

/** What a test has opened and changed; all of it is closed and undone after it. Called once, at the top of a file. */
export function useScene() {
  const closers: { close(): Promise<void> }[] = [];
  const undo: (() => void)[] = [];
  afterEach(async () => {
    for (const one of closers.splice(0).toReversed()) await one.close();
    for (const one of undo.splice(0)) one();
  });
  return { closers, undo };
}

export const spansOf = (otel: Otel, kind: SpanKind): Spans =>
  otel.spans().filter((span) => span.kind === kind);

interface Patched {
  readonly files: readonly unknown[];
  patch(exports: unknown, version: string): unknown;
  unpatch(exports: unknown): unknown;
}

/**
 * Puts the instrumentation on grpc-js as it is loaded in this process already: what it does is the same when that is loaded after it.
 * Returns how to take it off.
 */
export function instrumentGrpc(): () => void {
  const instrumentation = new GrpcInstrumentation({ enabled: false });
  const [patched] = (instrumentation as unknown as { init(): [Patched] }).init();
  // Its classes are patched in place; its functions cannot be, and are not used here.
  const copy = { ...(createRequire(import.meta.url)('@grpc/grpc-js') as object) };
  patched.patch(copy, '1.14.0');
  return () => void patched.unpatch(copy);
}
