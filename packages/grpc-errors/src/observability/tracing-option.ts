import { show } from '@acme/nest-message-context/kit';

/** Whether there are spans of OpenTelemetry: wherever an SDK is set up, or never. */
export type GrpcTracing = 'auto' | false;

export function isTraced(tracing: GrpcTracing = 'auto', problems: string[]): boolean {
  if (tracing !== 'auto' && tracing !== false)
    problems.push(`tracing: ${show(tracing)} is unknown. Give 'auto' or false.`);
  return tracing !== false;
}
