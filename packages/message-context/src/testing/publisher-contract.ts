import type { OutboundMessage } from '../wire/outbound-message.js';
import type { Publisher, PublishOutcome } from '../wire/publisher.js';
import { until } from '../kit/case-tools.js';

/** What the suite needs of the publisher under test, and of its broker. */
export interface PublisherContractFixture {
  /**
   * A new publisher with a connection of its own, which gives up on a message after about a second and connects again within
   * a few. Its default exchange does not matter. The case closes it.
   */
  open(): Promise<PublisherUnderTest>;
  /** A new, empty queue that the default exchange routes to; its name. */
  queue(): Promise<string>;
  /** A name that no queue and no exchange has. */
  unused(): string;
  /** Takes away what is in a queue now, in its order, past the publisher. */
  take(queue: string): Promise<ArrivedMessage[]>;
}

/** A publisher and the way between it and the broker. */
export interface PublisherUnderTest {
  readonly publisher: Publisher & { close(): Promise<void> };
  readonly way: BrokerWay;
  /** Closes what `open()` has opened besides. Called after the publisher is closed. */
  dispose(): Promise<void>;
}

/** The network between publisher and broker, as a TCP proxy can make it. */
export interface BrokerWay {
  /** Connections stay open, and what one side sends does not arrive before `restore()`, nor ever when `down()` comes first. */
  halfOpen(silence: 'requests' | 'replies'): void;
  /** Resets the open connections and every new one, until `restore()`. */
  down(): void;
  restore(): void;
}

/** A message as it stands in a queue; AMQP properties as `amqplib` names them. */
export interface ArrivedMessage {
  readonly content: Uint8Array;
  readonly properties: {
    readonly type?: unknown;
    readonly messageId?: unknown;
    readonly contentType?: unknown;
    readonly timestamp?: unknown;
    readonly correlationId?: unknown;
    readonly deliveryMode?: unknown;
    readonly headers?: Readonly<Record<string, unknown>> | undefined;
  };
}

type PublisherCase = (
  opened: PublisherUnderTest,
  fixture: PublisherContractFixture,
) => Promise<void>;

export type PublisherCases = Readonly<Record<string, PublisherCase>>;

/** To a queue, by its name. */
export const toQueue = (queue: string, more: Partial<OutboundMessage> = {}): OutboundMessage => ({
  type: 'contract.case.v1',
  payload: { id: 1 },
  exchange: '',
  routingKey: queue,
  ...more,
});

export const statuses = (outcomes: readonly PublishOutcome[]): string[] =>
  outcomes.map(({ status }) => status);

export const textOf = ({ content }: ArrivedMessage): string => new TextDecoder().decode(content);

/** Publishes one that says `marker` until it is confirmed: after a failure, connecting takes a while. */
export const confirmMarker = (publisher: Publisher, queue: string, marker: string): Promise<void> =>
  until(async () => {
    const outcomes = await publisher.publish([toQueue(queue, { payload: marker })]);
    return outcomes[0]?.status === 'confirmed';
  }, 'a message is confirmed');

/** What is in the queue, but for markers. */
export const takeBut = async (
  marker: string,
  { take }: Pick<PublisherContractFixture, 'take'>,
  queue: string,
): Promise<string[]> =>
  (await take(queue)).map(textOf).filter((text) => text !== JSON.stringify(marker));
