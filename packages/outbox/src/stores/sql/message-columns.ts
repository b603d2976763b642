import type { NewMessage } from '../../contracts/messages.js';
import { laneOf } from '../../core/lane.js';

/** One column after the other, in the order in which every insert statement takes them. */
export function messageColumns(messages: readonly NewMessage[], lanes: number): unknown[][] {
  return COLUMNS.map((column) => messages.map((message) => column(message, lanes)));
}

/** The same of one message, its time as a `Date`: a tenth of the insert's time went into computing one from a number. */
export function messageValues(message: NewMessage, lanes: number): unknown[] {
  return COLUMNS.map((column) =>
    column === occurredAt ? new Date(Math.round(message.occurredAt)) : column(message, lanes),
  );
}

/** When each is due: at a time, or after a delay, both in milliseconds; null twice is at once. */
export function dueColumns(messages: readonly NewMessage[]): [unknown[], unknown[]] {
  return [
    messages.map(({ due }) => (due && 'atMs' in due ? due.atMs : null)),
    messages.map(({ due }) => (due && 'inMs' in due ? due.inMs : null)),
  ];
}

type Column = (message: NewMessage, lanes: number) => unknown;

const occurredAt: Column = (message) => message.occurredAt;

const COLUMNS: readonly Column[] = [
  ({ key, messageId }, lanes) => laneOf(key ?? messageId, lanes),
  ({ messageId }) => messageId,
  ({ type }) => type,
  ({ key }) => key,
  ({ exchange }) => exchange,
  ({ routingKey }) => routingKey,
  ({ contentType }) => contentType,
  ({ headers }) => headers,
  occurredAt,
  ({ payload }) => (typeof payload === 'string' ? payload : null),
  ({ payload }) => (typeof payload === 'string' ? null : payload),
];
