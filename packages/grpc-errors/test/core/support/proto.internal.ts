import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import protobuf from 'protobufjs';
import type { ErrorDetails } from '../../../src/core/details/types.js';

/** The proto files of Google, read by protobufjs: neither knows our tables. */
const protos = join(dirname(createRequire(import.meta.url).resolve('google-gax')), '../protos');

function load(): protobuf.Root {
  const root = new protobuf.Root();
  root.resolvePath = (_origin, target) => join(protos, target);
  return root.loadSync(['google/rpc/status.proto', 'google/rpc/error_details.proto']);
}

const root = load();
const Status = root.lookupType('google.rpc.Status');

export type Slot = Exclude<keyof ErrorDetails, 'other'>;
export const SLOTS: Readonly<Record<Slot, string>> = {
  errorInfo: 'ErrorInfo',
  retryInfo: 'RetryInfo',
  debugInfo: 'DebugInfo',
  quotaFailure: 'QuotaFailure',
  preconditionFailure: 'PreconditionFailure',
  badRequest: 'BadRequest',
  requestInfo: 'RequestInfo',
  resourceInfo: 'ResourceInfo',
  help: 'Help',
  localizedMessage: 'LocalizedMessage',
};

export const typeUrlOf = (slot: Slot): string => `type.googleapis.com/google.rpc.${SLOTS[slot]}`;
export const typeOf = (slot: Slot): protobuf.Type => root.lookupType(`google.rpc.${SLOTS[slot]}`);

type Json = Record<string, unknown>;

/** What protobufjs wants of a detail: the same property names, except of the wait. */
const toProto = (slot: Slot, detail: unknown): Json => {
  if (slot !== 'retryInfo') return detail as Json;
  const { retryDelayMs } = detail as { retryDelayMs: number };
  const seconds = Math.floor(retryDelayMs / 1_000);
  return { retryDelay: { seconds, nanos: (retryDelayMs % 1_000) * 1_000_000 } };
};

export const encodeDetail = (slot: Slot, detail: unknown): Buffer => {
  const type = typeOf(slot);
  return Buffer.from(type.encode(type.fromObject(toProto(slot, detail))).finish());
};

/** As protobufjs reads a detail, with what was not written as proto3 has it. */
export const decodeDetail = (slot: Slot, bytes: Uint8Array): unknown =>
  typeOf(slot).toObject(typeOf(slot).decode(bytes), { longs: Number, defaults: true });

/** The same object that `decodeDetail` makes of a detail that protobufjs itself has written. */
export const throughProto = (slot: Slot, detail: unknown): unknown =>
  decodeDetail(slot, encodeDetail(slot, detail));

export interface PackedStatus {
  readonly code?: number;
  readonly message?: string;
  readonly details?: readonly { readonly typeUrl?: string; readonly value?: Uint8Array }[];
}

/** `google.protobuf.Any` keeps the underscore in protobufjs' own copy of it. */
export function encodePacked({ details = [], ...status }: PackedStatus): Buffer {
  const anys = details.map(({ typeUrl, value }) => ({ type_url: typeUrl, value }));
  return Buffer.from(Status.encode(Status.fromObject({ ...status, details: anys })).finish());
}

export function decodePacked(bytes: Uint8Array): Required<PackedStatus> {
  const { code, message, details } = Status.toObject(Status.decode(bytes), {
    defaults: true,
  }) as { code: number; message: string; details: { type_url: string; value: Uint8Array }[] };
  return {
    code,
    message,
    details: details.map(({ type_url: typeUrl, value }) => ({ typeUrl, value })),
  };
}
