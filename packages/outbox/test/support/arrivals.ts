import type { Message } from 'amqplib';

/** What arrived first, of every message that arrived: a duplicate is no violation of the order. */
export function firstOccurrences(messages: readonly Message[]): Message[] {
  const seen = new Set<unknown>();
  return messages.filter(({ properties }) => {
    const isNew = !seen.has(properties.messageId);
    seen.add(properties.messageId);
    return isNew;
  });
}

/** Pairs of neighbours of one key that arrived in the wrong order, by first occurrence. Payload: `{ key, n }`. */
export function orderViolations(messages: readonly Message[]): string[] {
  const last = new Map<string, number>();
  const violations: string[] = [];
  for (const { content } of firstOccurrences(messages)) {
    const { key, n } = JSON.parse(content.toString()) as { key: string; n: number };
    const before = last.get(key);
    if (before !== undefined && before > n) violations.push(`${key}: ${n} after ${before}`);
    last.set(key, n);
  }
  return violations;
}
