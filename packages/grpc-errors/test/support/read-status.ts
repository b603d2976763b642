import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import protobuf from 'protobufjs';

// Google's own proto files, read by protobufjs: what callers of other languages read.
const protos = join(dirname(createRequire(import.meta.url).resolve('google-gax')), '../protos');
const root = new protobuf.Root();
root.resolvePath = (_origin, target) => join(protos, target);
root.loadSync(['google/rpc/status.proto', 'google/rpc/error_details.proto']);

interface Violation {
  readonly field: string;
  readonly description: string;
  readonly reason?: string;
}

/** A `google.rpc.Status` as it was sent. */
export interface SentStatus {
  readonly code: number;
  readonly message: string;
  readonly details: {
    readonly errorInfo?: {
      readonly reason: string;
      readonly domain: string;
      readonly metadata: Readonly<Record<string, string>>;
    };
    readonly badRequest?: { readonly fieldViolations: readonly Violation[] };
    readonly retryInfo?: {
      readonly retryDelay: { readonly seconds: number; readonly nanos: number };
    };
    readonly localizedMessage?: { readonly locale: string; readonly message: string };
    readonly help?: { readonly links: readonly object[] };
    readonly requestInfo?: { readonly requestId: string };
    readonly debugInfo?: { readonly stackEntries: readonly string[]; readonly detail: string };
  };
}

interface Packed {
  readonly code: number;
  readonly message: string;
  readonly details: readonly { readonly type_url: string; readonly value: Uint8Array }[];
}

export function readStatus(bytes: Uint8Array): SentStatus {
  const { code, message, details } = read('Status', bytes) as unknown as Packed;
  const found: Record<string, unknown> = {};
  for (const { type_url: url, value } of details) {
    const name = url.slice(url.lastIndexOf('.') + 1);
    found[name.charAt(0).toLowerCase() + name.slice(1)] = read(name, value);
  }
  return { code, message, details: found };
}

function read(name: string, bytes: Uint8Array): Record<string, unknown> {
  const type = root.lookupType(`google.rpc.${name}`);
  return type.toObject(type.decode(bytes), { longs: Number, arrays: true, objects: true });
}
