import { PublishError } from '@acme/nest-message-context';
import type { AmqpFrame } from './amqp-frame.js';
import { sizeOfHeaders } from '../core/headers-size.js';

/** What is kept of a message that was written. The rest is the client's: garbage that dies young costs next to nothing. */
export interface SentFrame extends Pick<AmqpFrame, 'exchange' | 'routingKey'> {
  /** Where others use the connection, too. */
  readonly headers: AmqpFrame['options']['headers'] | undefined;
}

/** What is wrong with a message that was under way when the channel or the connection ended; undefined where nothing is. */
export type Blame = (frame: SentFrame) => PublishError | undefined;

/**
 * The broker closes the channel because of one message: only those are to blame that can be.
 *
 * @param isAlone whether the broker can mean no other message
 */
export function blameOfChannel(error: Error, isAlone: boolean): Blame {
  const [, exchange] = /exchange '([^']*)'/.exec(error.message) ?? [];
  // Where rights are given by routing key, it names that, too.
  const [, topic] = /access to topic '([^']*)'/.exec(error.message) ?? [];
  const problem = new PublishError('EXCHANGE_UNAVAILABLE', text(error), { cause: error });
  return (frame) => {
    const isMeant =
      frame.exchange === exchange && (topic === undefined || frame.routingKey === topic);
    return isAlone || isMeant ? problem : undefined;
  };
}

/**
 * A connection ends, most often for no fault of a message. But the broker also ends it for a frame that it cannot take, and never
 * says for which: of several under way, each has its turn when the relay asks with one at a time. On a connection that others
 * use it may be theirs.
 */
export function blameOfConnection(
  error: unknown,
  why: string,
  isAlone: boolean,
  isShared: boolean,
): Blame {
  if (!isAlone || !isFrameRefused(error)) return () => undefined;
  const problem = new PublishError(
    'INVALID',
    `${why} Properties and headers have to fit into one frame: shorten them, or raise frame_max of broker and client.`,
    { cause: error },
  );
  return ({ headers }) => (isShared && !mayExceedFrame(headers) ? undefined : problem);
}

/** FRAME_ERROR and SYNTAX_ERROR of AMQP 0-9-1. */
function isFrameRefused(error: unknown): boolean {
  return [501, 502].includes((error as { code?: unknown } | null)?.code as number);
}

/** Every broker takes frames of 4 KiB; all properties beside the headers have less than half of that. */
function mayExceedFrame(headers: SentFrame['headers']): boolean {
  return headers !== undefined && sizeOfHeaders(headers) > 2_048;
}

export function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
