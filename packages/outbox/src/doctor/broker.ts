import type { BrokerAnswers, BrokerProbe } from '@acme/nest-message-context';
import type { OutboxExamination, OutboxFinding } from '../contracts/examination.js';

/** What the broker says. */
export interface BrokerReport {
  /** Why it takes no message at all, as the end of a sentence. */
  readonly obstacle: string | undefined;
  readonly findings: readonly OutboxFinding[];
}

type Exchanges = OutboxExamination['exchanges'];

/**
 * @param exchanges those that messages name
 * @param usual the publisher's, of messages that name none; undefined when nobody knows
 */
export async function checkBroker(
  probe: BrokerProbe,
  exchanges: Exchanges,
  usual?: string,
): Promise<BrokerReport> {
  // The usual one also where no message is here now: the next one would not leave.
  const names = new Set(exchanges.map(({ exchange }) => exchange));
  if (usual !== undefined) names.add(usual);
  const answers = await probe([...names]);
  if (answers.unreachable) return unreachable(answers.unreachable);
  const missing = [...answers.exchanges]
    .toSorted(([one], [other]) => Number(other === usual) - Number(one === usual))
    .map(([exchange, problem]) => {
      const found = exchange === usual ? usualUnavailable : unavailable;
      return found(exchange, messagesFor(exchange, exchanges), problem);
    });
  const { obstacle, findings } = confirmReport(answers);
  return { obstacle, findings: [...findings, ...missing] };
}

const messagesFor = (usual: string, exchanges: Exchanges): number =>
  exchanges.find(({ exchange }) => exchange === usual)?.messages ?? 0;

const unavailable = (exchange: string, messages: number, problem: Error): OutboxFinding => ({
  code: 'EXCHANGE_UNAVAILABLE',
  severity: 'error',
  message: `${messages} messages are for exchange "${exchange}", which cannot be published to: ${reasonOf(problem)}`,
  remedy: DECLARE,
  detail: { exchange, messages },
});

const usualUnavailable = (exchange: string, messages: number, problem: Error): OutboxFinding => ({
  code: 'DEFAULT_EXCHANGE_UNAVAILABLE',
  severity: 'error',
  message: `Messages that name no exchange go to "${exchange}", the publisher's own${messages > 0 ? `, and ${messages} name it themselves` : ''}; it cannot be published to: ${reasonOf(problem)}`,
  remedy: `${DECLARE} If it is a wrong name: the publisher's option exchange says where messages go that name none.`,
  detail: { exchange, messages },
});

const DECLARE =
  'Declare it in this virtual host, or permit the relay to use it; the messages leave by themselves then. Those that are parked: nest-outbox redrive --reason EXCHANGE_UNAVAILABLE.';

function confirmReport({ confirms, reason = '' }: BrokerAnswers): BrokerReport {
  if (confirms === 'yes') return { obstacle: undefined, findings: [] };
  return confirms === 'blocked' ? blockedReport(reason) : silentReport(reasonOf(reason));
}

const report = (
  obstacle: string,
  code: string,
  message: string,
  remedy: string,
  reason: string,
): BrokerReport => ({
  obstacle,
  findings: [{ code, severity: 'error', message, remedy, detail: { reason } }],
});

function unreachable(error: unknown): BrokerReport {
  const reason = reasonOf(error);
  return report(
    'the broker cannot be reached',
    'BROKER_UNREACHABLE',
    `The broker cannot be reached from here: ${reason}`,
    'See that it runs, and that host, port, virtual host, user and password of the URL are right. Messages wait meanwhile and lose no attempts.',
    reason,
  );
}

const blockedReport = (reason: string): BrokerReport =>
  report(
    'the broker has blocked publishing',
    'BROKER_BLOCKED',
    `The broker has blocked publishing: ${reason}`,
    'Relieve its alarm: free memory or disk, or let consumers catch up (rabbitmq-diagnostics alarms). Messages wait meanwhile and lose no attempts.',
    reason,
  );

const silentReport = (reason: string): BrokerReport =>
  report(
    'the broker does not confirm',
    'BROKER_SILENT',
    `The broker gave no confirm: ${reason}`,
    'Look at its log and its alarms (rabbitmq-diagnostics alarms, cluster_status). What stands between may not pass publisher confirms on.',
    reason,
  );

/** Clients quote URLs. */
function reasonOf(error: unknown): string {
  const { message, code } = (error ?? {}) as { message?: unknown; code?: unknown };
  const text = [message, code].find((one) => typeof one === 'string' && one !== '');
  return String(text ?? error).replace(/:\/\/[^\s@]*@/g, '://***@');
}
