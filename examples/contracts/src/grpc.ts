import { join } from 'node:path';

const protoFolder = join(__dirname, '../proto');

/** Where the messages of `order.v1` are defined, for Nest's `protoPath`. */
export const orderProto = join(protoFolder, 'order/v1/order.proto');

/**
 * How proto-loader must read messages for the generated types to be true. Its own defaults leave missing fields undefined
 * and turn 64-bit numbers into objects.
 */
export const grpcLoader = {
  keepCase: false,
  longs: String,
  enums: String,
  defaults: true,
  arrays: true,
  oneofs: true,
  includeDirs: [protoFolder],
};
