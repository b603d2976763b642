import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Pauses } from '@acme/nest-message-context/kit';
import { PatientHops } from '../../src/settlement/patient-hops.js';

const away = new Error('The broker is away.');
const hop = {} as Parameters<PatientHops['publish']>[0];

/** After how many tries the broker takes the message. */
function patient(failures = Infinity) {
  let tries = 0;
  const publish = vi.fn<PatientHops['publish']>(async () => {
    tries += 1;
    if (tries <= failures) throw away;
  });
  const error = vi.fn<(text: string) => void>();
  const pauses = new Pauses();
  return {
    hops: new PatientHops({ publish }, { of: () => pauses }, { error }),
    pauses,
    publish,
    error,
  };
}

describe('a hop that fails', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('is tried again until the broker takes the message, and is told of once', async () => {
    const { hops, publish, error } = patient(3);
    const published = hops.publish(hop);
    await vi.runAllTimersAsync();
    await expect(published).resolves.toBeUndefined();
    expect(publish).toHaveBeenCalledTimes(4);
    expect(publish).toHaveBeenLastCalledWith(hop);
    expect(error.mock.calls).toEqual([
      [expect.stringContaining('The broker is away. The message is held')],
    ]);
  });

  it('is given up after ten minutes, seldom tried until then', async () => {
    const { hops, publish } = patient();
    const outcome = Promise.allSettled([hops.publish(hop)]);
    await vi.advanceTimersByTimeAsync(9.9 * 60_000);
    expect(vi.getTimerCount()).toBe(1);
    await vi.advanceTimersByTimeAsync(12_000);
    await expect(outcome).resolves.toEqual([{ status: 'rejected', reason: away }]);
    expect(publish.mock.calls.length).toBeLessThan(250);
  });

  it('has one try more when its client closes, and no pause after that', async () => {
    const { hops, pauses, publish } = patient();
    const outcome = Promise.allSettled([hops.publish(hop)]);
    await vi.advanceTimersByTimeAsync(1);
    pauses.release();
    await expect(outcome).resolves.toEqual([{ status: 'rejected', reason: away }]);
    expect(publish).toHaveBeenCalledTimes(2);
    await expect(hops.publish(hop)).rejects.toBe(away);
    expect(vi.getTimerCount()).toBe(0);
  });
});
