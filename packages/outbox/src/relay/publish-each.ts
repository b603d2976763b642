import type { OutboundMessage, Publisher } from '@acme/nest-message-context';
import { noOutcome, type Outcome } from './outcome.js';

type Told = (index: number, outcome: Outcome) => void;

/** Each message with its own outcome, whatever the publisher can do, and whatever it throws. */
export function publishEach(
  publisher: Publisher,
  messages: readonly OutboundMessage[],
  told: Told,
): void {
  if (publisher.publishEach) tellEach(publisher, messages, told);
  else messages.forEach((message, index) => publishOne(publisher, message, index, told));
}

function tellEach(publisher: Publisher, messages: readonly OutboundMessage[], told: Told): void {
  try {
    publisher.publishEach?.(messages, (index, outcome) => told(index, outcome ?? noOutcome()));
  } catch (error) {
    messages.forEach((_message, index) => told(index, unknown(error)));
  }
}

function publishOne(
  publisher: Publisher,
  message: OutboundMessage,
  index: number,
  told: Told,
): void {
  let asked: ReturnType<Publisher['publish']>;
  try {
    asked = publisher.publish([message]);
  } catch (error) {
    told(index, { status: 'unpublishable', error });
    return;
  }
  asked.then(
    ([outcome]) => told(index, outcome ?? noOutcome()),
    (error: unknown) => told(index, unknown(error)),
  );
}

function unknown(error: unknown): Outcome {
  return { status: 'unknown', error: error as Error };
}
