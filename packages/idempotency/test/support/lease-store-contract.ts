import { randomUUID } from 'node:crypto';
import type { LeaseStore } from '@acme/nest-idempotency';
import { waitFor } from '@acme/internal-testing';
import { expect, it } from 'vitest';

const id = (): string => randomUUID().replaceAll('-', '').repeat(2);

/** What every lease store promises. */
export function leaseStoreContract(open: () => LeaseStore): void {
  const claim = (key: string, token: string, more: object = {}) =>
    open().claim({
      id: key,
      name: 'contract',
      fingerprint: undefined,
      token,
      lockTtlMs: 60_000,
      ...more,
    });
  const complete = (
    key: string,
    token: string,
    outcome: string | undefined,
    ttlMs: number,
    fingerprint?: string,
  ) => open().complete({ id: key, name: 'contract', fingerprint, token }, outcome, ttlMs);
  const fenceOf = async (key: string, token: string): Promise<number> => {
    const claimed = await claim(key, token);
    if (claimed.state !== 'claimed') throw new Error(`is ${claimed.state}`);
    return claimed.fence;
  };

  it('gives a key to one of many', async () => {
    const key = id();
    const claims = await Promise.all(Array.from({ length: 20 }, () => claim(key, randomUUID())));
    expect(claims.filter(({ state }) => state === 'claimed')).toHaveLength(1);
    expect(claims.filter(({ state }) => state === 'running')).toHaveLength(19);
  });

  it('answers a repeated claim of one token as it did the first time', async () => {
    const key = id();
    expect(await claim(key, 'a')).toEqual(await claim(key, 'a'));
  });

  it('tells the fingerprint of who runs and of what is done, and keeps any text', async () => {
    const key = id();
    await claim(key, 'a', { fingerprint: 'print' });
    expect(await claim(key, 'b')).toEqual({ state: 'running', fingerprint: 'print' });
    const outcome = `{"text":"\u0000 ü € 😀","long":"${'x'.repeat(100_000)}"}`;
    expect(await complete(key, 'a', outcome, 60_000, 'print')).toBe('held');
    expect(await claim(key, 'b')).toEqual({ state: 'done', fingerprint: 'print', outcome });
  });

  it('tells nothing from an empty reply', async () => {
    const [one, other] = [id(), id()];
    await Promise.all([claim(one, 'a'), claim(other, 'a')]);
    await complete(one, 'a', undefined, 60_000);
    await complete(other, 'a', '', 60_000);
    expect(await claim(one, 'b')).toMatchObject({ state: 'done', outcome: undefined });
    expect(await claim(other, 'b')).toMatchObject({ state: 'done', outcome: '' });
  });

  it('completes twice for the same token, and never for another', async () => {
    const key = id();
    await claim(key, 'a');
    expect(await complete(key, 'b', 'b', 60_000)).toBe('lost');
    expect(await complete(key, 'a', 'a', 60_000)).toBe('held');
    expect(await complete(key, 'a', 'a', 60_000)).toBe('held');
    expect(await claim(key, 'c')).toMatchObject({ outcome: 'a' });
  });

  it('releases only what is running and the caller’s', async () => {
    const key = id();
    await claim(key, 'a');
    await open().release(key, 'b');
    expect(await claim(key, 'b')).toMatchObject({ state: 'running' });
    await open().release(key, 'a');
    expect(await claim(key, 'b')).toMatchObject({ state: 'claimed' });
    await complete(key, 'b', undefined, 60_000);
    await open().release(key, 'b');
    expect(await claim(key, 'c')).toMatchObject({ state: 'done' });
  });

  it('takes a key over when its lease has run out; the zombie learns it, the fence grows', async () => {
    const key = id();
    const first = await claim(key, 'a', { lockTtlMs: 30 });
    const second = await waitFor(() => fenceOf(key, 'b'));
    expect(second).toBeGreaterThan((first as { fence: number }).fence);
    expect(await open().extend(key, 'a', 60_000)).toBe('lost');
    expect(await complete(key, 'a', 'zombie', 60_000)).toBe('lost');
    await open().release(key, 'a');
    expect(await complete(key, 'b', 'winner', 60_000)).toBe('held');
  });

  it('lets a lease that ran out without a successor be completed, fingerprint and all, but not be extended', async () => {
    const key = id();
    await claim(key, 'a', { lockTtlMs: 5, fingerprint: 'print' });
    await waitFor(async () => (await open().extend(key, 'a', 5)) === 'lost');
    expect(await complete(key, 'a', 'late', 60_000, 'print')).toBe('held');
    expect(await claim(key, 'b')).toEqual({ state: 'done', fingerprint: 'print', outcome: 'late' });
  });

  it('starts a lease anew that is extended, and forgets an outcome in time', async () => {
    const [one, other] = [id(), id()];
    await claim(one, 'a');
    expect(await open().extend(one, 'a', 5)).toBe('held');
    await waitFor(async () => (await claim(one, 'b')).state === 'claimed');
    await claim(other, 'a');
    await complete(other, 'a', undefined, 20);
    await waitFor(async () => (await claim(other, 'b')).state === 'claimed');
  });

  it('counts its fence on over keys that were given back', async () => {
    const key = id();
    const first = await fenceOf(key, 'a');
    await open().release(key, 'a');
    expect(await fenceOf(key, 'b')).toBeGreaterThan(first);
  });
}
