import type { FailureOf } from '../core/failure.js';
import type { GrpcErrorsSettings } from '../grpc-errors.options.js';
import { pgFailure, prismaFailure, typeormFailure } from './databases.js';
import { httpFailure } from './http.js';
import { nodeFailure } from './node.js';
import { rpcFailure } from './rpc.js';
import { statusSymbolFailure } from './status-symbol.js';
import { isUpstream, transparentFailure, upstreamFailure } from './upstream.js';
import { validationFailure } from './validation.js';

/** Those that are asked, in their order: what an error says itself first, then what is the most specific. */
export function presetsFor({
  presets,
  validation,
  relay,
}: Pick<GrpcErrorsSettings, 'presets' | 'validation' | 'relay'>): FailureOf[] {
  const chosen: FailureOf[] = [];
  // Goes before the status that such an error carries as well: it says which fields.
  if (presets.has('validation')) chosen.push(validationFailure(validation));
  // Carries a status as well, for those who are not asked over gRPC.
  chosen.push(relay === 'transparent' ? transparentFailure : upstreamFailure, statusSymbolFailure);
  if (presets.has('http')) chosen.push(httpFailure);
  chosen.push(rpcFailure);
  if (presets.has('node')) chosen.push(nodeFailure);
  if (presets.has('pg')) chosen.push(pgFailure);
  if (presets.has('prisma')) chosen.push(prismaFailure);
  if (presets.has('typeorm')) chosen.push(typeormFailure);
  return relay === 'opaque' ? chosen.map(ofOurs) : chosen;
}

const ofOurs =
  (preset: FailureOf): FailureOf =>
  (error) =>
    isUpstream(error) ? undefined : preset(error);
