import { GrpcCode, isErrorCode, type GrpcErrorCode } from '../core/codes.js';
import { decodeStatus } from '../core/details/status-codec.js';
import type { ErrorDetails } from '../core/details/types.js';
import { callSafely, readSafely, textIn } from '../core/read-safely.js';
import type { ErrorClass } from '../mapping/error-rules.js';
import { withoutStack } from './call-site.js';
import { revive } from './revive.js';
import { REMOTE_ERRORS, type RemoteError } from './remote-error.js';

/** Classes of errors by the domain and the reason that they travel under. */
export type KnownErrors = ReadonlyMap<string, ErrorClass>;

export const keyOfError = (domain: string, reason: string): string => `${domain} ${reason}`;

const NO_DETAILS: ErrorDetails = {};

/** What grpc-js has given for a call that failed, as the error that the application sees, without a stack. Never throws. */
export function remoteErrorOf(error: unknown, path: string, known: KnownErrors): unknown {
  const valid = codeOf(error);
  const said = textIn(error, 'details') ?? textIn(error, 'message') ?? 'The call failed.';
  const message = said.startsWith(UNREACHED) ? `${said.trim()} ${remedyOf(path)}` : said;
  const failure = { code: valid, message, path, details: detailsOf(error, valid) };
  const remote = withoutStack(() => new REMOTE_ERRORS[valid](failure, { cause: error }));
  const target = remote.domain === undefined ? undefined : classOf(remote, remote.domain, known);
  return target ? revive(target, remote) : remote;
}

/** What grpc-js says of calls that have died with their connection, where HTTP/2 has ended it (GOAWAY) and nobody has cut it: that would be UNAVAILABLE to it. */
const DIED = /: Session closed with error code \d+$/;

/** What a call has failed with. */
export function codeOf(error: unknown): GrpcErrorCode {
  const code = readSafely(error, 'code');
  if (code === GrpcCode.INTERNAL && DIED.test(textIn(error, 'details') ?? ''))
    return GrpcCode.UNAVAILABLE;
  return isErrorCode(code) ? code : GrpcCode.UNKNOWN;
}

/** What grpc-js says where nobody was reached. That one side speaks TLS and the other does not is "Failed to connect" to it. */
const UNREACHED = 'No connection established';

const remedyOf = (path: string): string =>
  `[${path}: see that its service runs at the \`url\` of the client, and that both sides have \`credentials\` for TLS, of authorities that the other trusts, or neither has.]`;

const classOf = (
  { reason }: RemoteError,
  domain: string,
  known: KnownErrors,
): ErrorClass | undefined => known.get(keyOfError(domain, reason));

/** Of a status whose code is that of the call: others were made by who knows whom on the way. */
export function detailsOf(error: unknown, code: number): ErrorDetails {
  const metadata = readSafely(error, 'metadata');
  const all = callSafely(metadata, 'toJSON');
  const [bytes] = (readSafely(all, 'grpc-status-details-bin') ?? []) as readonly unknown[];
  const status = bytes instanceof Uint8Array ? decodeStatus(bytes) : undefined;
  return status?.code === code ? status.details : NO_DETAILS;
}
