import { expect, it } from 'vitest';
import { AmqpFrameReader, type BasicMethod } from '../src/world/amqp-frames.js';

function frame(type: number, channel: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(7);
  head.writeUInt8(type, 0);
  head.writeUInt16BE(channel, 1);
  head.writeUInt32BE(payload.length, 3);
  return Buffer.concat([head, payload, Buffer.from([0xce])]);
}

function basic(channel: number, method: number, ...args: Buffer[]): Buffer {
  const ids = Buffer.alloc(4);
  ids.writeUInt16BE(60, 0);
  ids.writeUInt16BE(method, 2);
  return frame(1, channel, Buffer.concat([ids, ...args]));
}

function tag(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(value);
  return bytes;
}

it('reads deliveries and settlements, however the bytes are cut into pieces', () => {
  const deliver = basic(3, 60, Buffer.from('\x03tag'), tag(7n), Buffer.from('\x00\x00\x01q'));
  // A body may look like anything, a delivery included.
  const body = frame(3, 3, deliver);
  const ack = basic(3, 80, tag(7n), Buffer.from([1]));
  const reject = basic(4, 90, tag(9n), Buffer.from([1]));
  // Reserved, exchange, routing key, flags.
  const publish = basic(5, 40, Buffer.from('\x00\x00\x06events\x0corder.placed\x01'));
  const all = [deliver, body, ack, reject, publish];
  const bytes = Buffer.concat([Buffer.from('AMQP\x00\x00\x09\x01'), ...all]);
  for (const size of [1, 5, bytes.length]) {
    const seen: BasicMethod[] = [];
    const reader = new AmqpFrameReader('client', (method) => seen.push(method));
    for (let at = 0; at < bytes.length; at += size) reader.read(bytes.subarray(at, at + size));
    expect(seen).toEqual([
      { name: 'deliver', channel: 3, deliveryTag: 7n, multiple: false, routingKey: '' },
      { name: 'ack', channel: 3, deliveryTag: 7n, multiple: true, routingKey: '' },
      { name: 'reject', channel: 4, deliveryTag: 9n, multiple: false, routingKey: '' },
      { name: 'publish', channel: 5, deliveryTag: 0n, multiple: false, routingKey: 'order.placed' },
    ]);
  }
});
