import { describe, expect, it } from 'vitest';
import { queueWaitMs } from '../../src/core/queue-wait.js';

const NOW = 1_800_000_000_500;

describe('how long a message was in its queue', () => {
  it.each<[what: string, sent: Parameters<typeof queueWaitMs>[0], wait: number | undefined]>([
    ['not known without a timestamp', {}, undefined],
    ['not known of what is no time', { timestamp: 'yesterday' }, undefined],
    ['not known of 0, as some clients write it', { timestamp: 0 }, undefined],
    ['not known of what is no number', { timestamp: Number.NaN }, undefined],
    ['counted from the end of its second', { timestamp: 1_799_999_990 }, 9_501],
    ['0 within its second', { timestamp: 1_800_000_000 }, 0],
    ['0 where the clock of the sender is ahead', { timestamp: 1_800_000_060 }, 0],
    ['exact where the sender has written milliseconds', { timestamp: NOW - 20 }, 20],
    [
      'told by the broker rather than by the sender',
      { timestamp: 1_700_000_000, headers: { timestamp_in_ms: NOW - 30 } },
      30,
    ],
    [
      'told by the sender where the broker says nothing that could be read',
      { timestamp: 1_799_999_990, headers: { timestamp_in_ms: 'soon' } },
      9_501,
    ],
  ])('is %s', (_what, sent, wait) => {
    expect(queueWaitMs(sent, NOW)).toBe(wait);
  });
});
