/** A method of AMQP's class `basic`, as it goes over the wire. */
export interface BasicMethod {
  readonly name: 'publish' | 'deliver' | 'ack' | 'reject' | 'nack';
  readonly channel: number;
  readonly deliveryTag: bigint;
  /** Settles everything up to the tag as well. */
  readonly multiple: boolean;
  /** Of what is published. */
  readonly routingKey: string;
}

const METHOD_FRAME = 1;
const BASIC_CLASS = 60;
const METHODS: Readonly<Record<number, BasicMethod['name']>> = {
  40: 'publish',
  60: 'deliver',
  80: 'ack',
  90: 'reject',
  120: 'nack',
};
/** Type, channel and size in front of every frame, an end mark behind it. */
const HEADER_BYTES = 7;
const FRAME_OVERHEAD = HEADER_BYTES + 1;

/** Reads one direction of an AMQP 0-9-1 connection, in whatever pieces it arrives. */
export class AmqpFrameReader {
  private rest: Buffer = Buffer.alloc(0);
  private greeted: boolean;

  /** Only the client begins with the protocol's name (`AMQP0091`). */
  constructor(
    from: 'client' | 'server',
    private readonly onBasic: (method: BasicMethod) => void,
  ) {
    this.greeted = from === 'server';
  }

  read(chunk: Buffer): void {
    this.rest = this.rest.length > 0 ? Buffer.concat([this.rest, chunk]) : chunk;
    if (!this.greeted) {
      if (this.rest.length < 8) return;
      this.greeted = true;
      this.rest = this.rest.subarray(8);
    }
    while (this.rest.length >= HEADER_BYTES) {
      const end = this.rest.readUInt32BE(3) + FRAME_OVERHEAD;
      if (this.rest.length < end) return;
      this.frame(this.rest.subarray(0, end));
      this.rest = this.rest.subarray(end);
    }
  }

  private frame(frame: Buffer): void {
    if (frame.readUInt8(0) !== METHOD_FRAME) return;
    if (frame.readUInt16BE(HEADER_BYTES) !== BASIC_CLASS) return;
    const name = METHODS[frame.readUInt16BE(HEADER_BYTES + 2)];
    if (!name) return;
    const channel = frame.readUInt16BE(1);
    const args = HEADER_BYTES + 4;
    if (name === 'publish') {
      // After two reserved bytes come exchange and routing key, each with its length before it.
      const keyAt = args + 3 + frame.readUInt8(args + 2);
      const routingKey = frame.toString('utf8', keyAt + 1, keyAt + 1 + frame.readUInt8(keyAt));
      this.onBasic({ name, channel, deliveryTag: 0n, multiple: false, routingKey });
      return;
    }
    // A delivery names its consumer first.
    const tagAt = name === 'deliver' ? args + 1 + frame.readUInt8(args) : args;
    const flags = name === 'deliver' ? 0 : frame.readUInt8(tagAt + 8);
    this.onBasic({
      name,
      channel,
      deliveryTag: frame.readBigUInt64BE(tagAt),
      multiple: name !== 'reject' && (flags & 1) === 1,
      routingKey: '',
    });
  }
}
