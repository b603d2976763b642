import { describe, expect, it } from 'vitest';
import { decodeStatus, encodeStatus } from '../../src/core/details/status-codec.js';
import { GOLDEN } from './support/golden-values.internal.js';
import {
  decodePacked,
  encodePacked,
  SLOTS,
  type Slot,
  typeUrlOf,
} from './support/proto.internal.js';

/** What protobufjs wrote of these values, from the proto files of Google. */
const BYTES: Readonly<Record<Slot, string>> = {
  errorInfo:
    '0a084e4f5f4f52444552120861636d652e6465761a0f0a076f7264657249641204343731311a0a0a0674656e616e741200',
  retryInfo: '0a07085a1080e59a77',
  debugInfo: '0a04617420610a04617420621203776879',
  quotaFailure:
    '0a3f0a0874656e616e743a371208746f6f206d616e791a03617069220563616c6c732a077065722d646179320c0a0672' +
    '6567696f6e120265753880e497d01240000a110a017312016438ffffffffffffffffff01',
  preconditionFailure: '0a150a03544f531206757365723a311a06616363657074',
  badRequest:
    '0a180a0c6974656d735b305d2e736b751208697320656d7074790a2c0a05656d61696c12046e6f20401a04464f524d22' +
    '170a0564652d4348120e756e67c3bc6c74696720f09f9880',
  requestInfo: '0a03722d311205706f642d33',
  resourceInfo: '0a056f7264657212086f72646572732f311a026d652204676f6e65',
  help: '0a1a0a0472656164121268747470733a2f2f61636d652e6465762f65',
  localizedMessage: '0a026672120a44c3a96ac3a0206cc3a0',
};

const STATUS =
  '0805120d6e6f206f7264657220343731311a5d0a28747970652e676f6f676c65617069732e636f6d2f676f6f676c652e' +
  '7270632e4572726f72496e666f12310a084e4f5f4f52444552120861636d652e6465761a0f0a076f7264657249641204' +
  '343731311a0a0a0674656e616e7412001a250a1e747970652e676f6f676c65617069732e636f6d2f61636d652e547261' +
  '636512030102ff';

const slots = Object.keys(SLOTS) as Slot[];

describe('the bytes of each standard detail', () => {
  it.each(slots)('%s is written as the proto file says', (slot) => {
    const bytes = encodeStatus({ code: 5, message: '', details: { [slot]: GOLDEN[slot] } });
    const { details } = decodePacked(bytes);
    expect(details).toHaveLength(1);
    expect(details[0]!.typeUrl).toBe(typeUrlOf(slot));
    expect(Buffer.from(details[0]!.value!).toString('hex')).toBe(BYTES[slot]);
  });

  it.each(slots)('%s is read as the proto file says', (slot) => {
    const value = Buffer.from(BYTES[slot], 'hex');
    const bytes = encodePacked({ code: 5, details: [{ typeUrl: typeUrlOf(slot), value }] });
    expect(decodeStatus(bytes)?.details).toStrictEqual({ [slot]: GOLDEN[slot] });
  });
});

describe('the bytes of a status', () => {
  const status = {
    code: 5,
    message: 'no order 4711',
    details: {
      errorInfo: GOLDEN.errorInfo,
      other: [{ typeUrl: 'type.googleapis.com/acme.Trace', value: Uint8Array.of(1, 2, 255) }],
    },
  };

  it('are written as the proto file says', () => {
    expect(encodeStatus(status).toString('hex')).toBe(STATUS);
  });

  it('are read as the proto file says, also where they are no Buffer', () => {
    expect(decodeStatus(Buffer.from(STATUS, 'hex'))).toStrictEqual(status);
    const padded = Uint8Array.from([0xff, ...Buffer.from(STATUS, 'hex'), 0xff]);
    expect(decodeStatus(padded.subarray(1, -1))).toStrictEqual(status);
  });

  it('are none of a status of which everything is empty', () => {
    expect(encodeStatus({ code: 0, message: '', details: {} })).toHaveLength(0);
    expect(decodeStatus(new Uint8Array())).toStrictEqual({ code: 0, message: '', details: {} });
  });
});
