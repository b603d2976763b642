import type { OutboxExamination, OutboxFinding } from '../contracts/examination.js';
import type { OutboxStatus } from '../contracts/messages.js';
import { durationText } from '@acme/nest-message-context/kit';
import type { BrokerReport } from './broker.js';
import type { DoctorSettings } from './doctor.js';

/** Beyond what a network's jitter makes of two clocks that are kept. */
const SKEW_MS = 1_000;
/** A kept message may outlive its time by so much: cleaners come once a minute, and in pieces. */
const PURGE_LATE_MS = 10 * 60_000;
/** Where nobody says how long messages are to be kept. */
const KEPT_LONG_MS = 30 * 86_400_000;

interface Patient {
  readonly status: OutboxStatus;
  readonly examination: OutboxExamination | undefined;
  readonly broker: BrokerReport | undefined;
  readonly settings: DoctorSettings;
}

/** Whether messages move, and are moved on time. */
export function judgeFlow(patient: Patient): OutboxFinding[] {
  return [relays(patient), lanes(patient), lag(patient)]
    .filter((finding) => finding !== undefined)
    .concat(leases(patient), delays(patient), retention(patient), clocks(patient));
}

function relays({ status }: Patient): OutboxFinding | undefined {
  if (status.relays > 0) return undefined;
  const waiting = status.pending + status.waiting + status.delayed;
  return {
    code: 'NO_RELAY',
    severity: waiting > 0 ? 'error' : 'warning',
    message: `No relay has given a sign of life, so nobody publishes${waiting > 0 ? ` the ${waiting} messages that are here` : ''}.`,
    remedy:
      "Start a process whose relay.mode is 'embedded' or 'worker', on these tables. Where only runOnce() publishes, see that it is called.",
    detail: { waiting },
  };
}

function lanes({ status }: Patient): OutboxFinding | undefined {
  const unheld = status.lanes - status.heldLanes;
  if (status.relays === 0 || unheld === 0) return undefined;
  return {
    code: 'LANES_UNHELD',
    severity: 'error',
    message: `${unheld} of ${status.lanes} lanes are held by no relay, although ${status.relays} live: their messages stay.`,
    remedy:
      'After a start or a crash this ends within relay.lease. If it lasts, look into the logs of the relays: one that hangs counts as alive, or the database refuses the claim.',
    detail: { unheld, lanes: status.lanes, relays: status.relays },
  };
}

function lag(patient: Patient): OutboxFinding | undefined {
  const { status, settings } = patient;
  const { oldestAgeMs, pending } = status;
  if (oldestAgeMs <= settings.maxAgeMs) return undefined;
  const [cause, why, remedy] = causeOf(patient);
  return {
    code: 'LAG',
    severity: 'error',
    message: `The oldest message that could be published is ${durationText(oldestAgeMs)} old (${pending} could be): ${why}.`,
    remedy,
    detail: { cause, oldestAgeMs, pending },
  };
}

function causeOf({
  status,
  broker,
}: Patient): readonly [cause: string, why: string, remedy: string] {
  if (status.relays === 0) return ['NO_RELAY', 'no relay runs', 'See NO_RELAY.'];
  if (broker?.obstacle) return ['BROKER', broker.obstacle, `See ${broker.findings[0]?.code}.`];
  if (status.heldLanes < status.lanes)
    return ['LANES_UNHELD', 'not all lanes are held', 'See LANES_UNHELD.'];
  if (!broker)
    return [
      'UNKNOWN',
      'relays hold all lanes, and whether the broker takes messages was not asked',
      'Give --amqp with the URL that the relays have, or connect to OutboxAdmin.doctor().',
    ];
  return [
    'RELAYS',
    'relays hold all lanes, and the broker confirms from here',
    'Look into the logs of the relays. "The broker does not answer": compare their URL, virtual host and permissions with those used here. Otherwise they are too slow: look at the findings about tables, give a relay a larger window, or start more of them.',
  ];
}

function leases({ examination, status }: Patient): OutboxFinding[] {
  return (examination?.lapsed ?? []).map(({ relay, lanes: count, agoMs }) => ({
    code: 'LEASE_EXPIRED',
    severity: 'warning',
    message: `The relay ${relay} holds ${count} of ${status.lanes} lanes with a lease that ran out ${durationText(agoMs)} ago: its process has died, or hangs.`,
    remedy:
      'The next relay that starts or looks takes them over. If its process still runs, find out what it waits for, and end it.',
    detail: { relay, lanes: count, agoMs },
  }));
}

function delays({ examination }: Patient): OutboxFinding[] {
  const { count, oldestMs } = examination?.overdue ?? { count: 0, oldestMs: 0 };
  if (count === 0) return [];
  return [
    {
      code: 'DELAYED_OVERDUE',
      severity: 'error',
      message: `${count} delayed messages are due and have not been let in; the oldest for ${durationText(oldestMs)}.`,
      remedy:
        'Every relay lets them in, whatever lanes it holds. See that one runs, and whether its log tells of errors of the database.',
      detail: { count, oldestMs },
    },
  ];
}

function retention({ examination, status, settings }: Patient): OutboxFinding[] {
  const oldestMs = examination?.oldestPublishedMs;
  const { retentionMs } = settings;
  const limit = retentionMs === undefined ? KEPT_LONG_MS : retentionMs + PURGE_LATE_MS;
  if (oldestMs === undefined || oldestMs <= limit) return [];
  const bound =
    retentionMs === undefined ? '' : `, and they are to be kept for ${durationText(retentionMs)}`;
  return [
    {
      code: 'RETENTION_OVERDUE',
      severity: 'warning',
      message: `Published messages are not removed: the oldest that is kept was published ${durationText(oldestMs)} ago (${status.published} are kept)${bound}.`,
      remedy:
        'The relay that holds lane 0 removes them, if it has the option retention. Set it in every process that relays; what was kept before it was taken away is yours to delete.',
      detail: { oldestMs, published: status.published, retentionMs: retentionMs ?? null },
    },
  ];
}

function clocks({ examination }: Patient): OutboxFinding[] {
  const { aheadMs = 0, uncertaintyMs = 0 } = examination?.clock ?? {};
  if (Math.abs(aheadMs) - uncertaintyMs <= SKEW_MS) return [];
  const how = aheadMs > 0 ? 'ahead of' : 'behind';
  return [
    {
      code: 'CLOCK_SKEW',
      severity: 'warning',
      message: `The clock of this machine is ${durationText(Math.abs(aheadMs))} ${how} that of the database. Leases and delays go by the database's; availableAt, timestamp and the times in histories are those of the services.`,
      remedy:
        'Keep the time of both machines (chrony, systemd-timesyncd), and of those that run the service.',
      detail: { aheadMs, uncertaintyMs },
    },
  ];
}
