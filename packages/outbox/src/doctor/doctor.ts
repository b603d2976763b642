import type { BrokerProbe } from '@acme/nest-message-context';
import type { OutboxFinding } from '../contracts/examination.js';
import type { OutboxOperations } from '../contracts/outbox-store.js';
import { checkBroker } from './broker.js';
import { judgeFailures } from './failures.js';
import { judgeFlow } from './flow.js';
import { judgeTables } from './tables.js';

/** What the doctor is told, its defaults filled in. */
export interface DoctorSettings {
  /** What has waited longer is too late. */
  readonly maxAgeMs: number;
  /** How long published messages are to be kept, where that is known. */
  readonly retentionMs: number | undefined;
  /** Asks the broker. */
  readonly broker: BrokerProbe | undefined;
  /** Where messages go that name no exchange, where that is known. */
  readonly exchange: string | undefined;
}

/** Why messages do not leave, and what will keep them from leaving: errors first. It changes nothing. */
export async function diagnose(
  operations: OutboxOperations,
  settings: DoctorSettings,
): Promise<OutboxFinding[]> {
  const version = await operations.version?.();
  const tables = version ? judgeTables(version) : [];
  // Nothing else can be asked.
  if (tables.some(({ severity }) => severity === 'error')) return tables;
  const status = await operations.status();
  const examination = await operations.examine?.(settings.maxAgeMs);
  const { broker: probe, exchange } = settings;
  const broker = probe && (await checkBroker(probe, examination?.exchanges ?? [], exchange));
  const findings = [
    ...tables,
    ...judgeFlow({ status, examination, broker, settings }),
    ...(broker?.findings ?? []),
    ...judgeFailures(status, examination),
    ...(examination?.findings ?? []),
  ];
  return findings.toSorted((one, other) => rank(one) - rank(other));
}

const rank = ({ severity }: OutboxFinding): number => (severity === 'error' ? 0 : 1);
