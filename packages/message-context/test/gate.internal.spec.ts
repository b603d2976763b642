import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Gate } from '../src/transports/rpc/gate.js';

describe('the gate', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('says why messages wait, once, when nobody initialises the application', async () => {
    const warnings: string[] = [];
    const gate = new Gate((text) => warnings.push(text));
    const waiting = [gate.pass(), gate.pass()];
    await vi.advanceTimersByTimeAsync(9_999);
    expect(warnings).toEqual([]);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(warnings).toEqual([
      expect.stringMatching(/^2 message\(s\) wait .* Call app\.listen\(\) or app\.init\(\)/),
    ]);
    gate.open();
    await Promise.all(waiting);
  });

  it('says nothing when it opens in time, and leaves no timer', async () => {
    const warnings: string[] = [];
    const gate = new Gate((text) => warnings.push(text));
    const waiting = gate.pass();
    gate.open();
    await waiting;
    await gate.pass();
    expect([gate.isOpen, vi.getTimerCount(), warnings]).toEqual([true, 0, []]);
  });

  it('once closed turns away who waits and who comes, and does not open again', async () => {
    const gate = new Gate(() => {});
    const waiting = gate.pass().catch((error: unknown) => error);
    gate.close();
    expect(await waiting).toMatchObject({ code: 'REQUEUE' });
    gate.open();
    await expect(gate.pass()).rejects.toMatchObject({ code: 'REQUEUE' });
    expect([gate.isOpen, vi.getTimerCount()]).toEqual([false, 0]);
  });
});
