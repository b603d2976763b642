import { AsyncLocalStorage } from 'node:async_hooks';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { HintTeller } from '../../src/wakeup/hint-teller.js';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);
const events = () => ({
  failing: vi.fn<(error: unknown) => void>(),
  recovered: vi.fn<(lost: number) => void>(),
});

it('tells at once, and what comes meanwhile together at the end of the pause', async () => {
  const send = vi.fn<() => Promise<void>>(async () => {});
  const teller = new HintTeller(send, events());
  teller.tell();
  expect(send).toHaveBeenCalledTimes(1);
  for (let n = 0; n < 100; n += 1) teller.tell();
  await pass(24);
  expect(send).toHaveBeenCalledTimes(1);
  await pass(1);
  expect(send).toHaveBeenCalledTimes(2);
  await pass(1_000);
  expect(send).toHaveBeenCalledTimes(2);
  teller.tell();
  expect(send).toHaveBeenCalledTimes(3);
});

it('waits for the statement before the next one, also where it takes long', async () => {
  let answer = (): void => {};
  const send = vi.fn<() => Promise<void>>(() => new Promise((done) => (answer = done)));
  const teller = new HintTeller(send, events());
  teller.tell();
  teller.tell();
  await pass(1_000);
  expect(send).toHaveBeenCalledTimes(1);
  answer();
  await pass(0);
  expect(send).toHaveBeenCalledTimes(2);
});

it('gives up a statement that never ends, and tells of failures once, with their number', async () => {
  const { failing, recovered } = events();
  const send = vi.fn<() => Promise<void>>(() => new Promise(() => {}));
  const teller = new HintTeller(send, { failing, recovered });
  teller.tell();
  await pass(5_000);
  expect(failing.mock.calls).toEqual([
    [expect.objectContaining({ message: expect.stringMatching(/did not answer/) as string })],
  ]);
  send.mockRejectedValue(new Error('down'));
  for (let n = 0; n < 2; n += 1) {
    teller.tell();
    await pass(25);
  }
  expect(failing).toHaveBeenCalledTimes(1);
  send.mockResolvedValue();
  teller.tell();
  await pass(25);
  expect(recovered.mock.calls).toEqual([[3]]);
});

it('tells what is left before the end, without a pause, and waits for no server that hangs', async () => {
  const { failing, recovered } = events();
  const send = vi.fn<() => Promise<void>>(async () => {});
  const teller = new HintTeller(send, { failing, recovered });
  teller.tell();
  teller.tell();
  await teller.flush();
  expect(send).toHaveBeenCalledTimes(2);
  send.mockReturnValue(new Promise(() => {}));
  teller.tell();
  const flushed = teller.flush();
  await pass(1_000);
  await flushed;
  await pass(10_000);
  expect(failing).not.toHaveBeenCalled();
});

it('keeps nothing of the request that told first', async () => {
  const request = new AsyncLocalStorage<string>();
  const seen: unknown[] = [];
  const teller = new HintTeller(async () => void seen.push(request.getStore()), events());
  request.run('the first', () => {
    teller.tell();
    teller.tell();
  });
  await pass(25);
  expect(seen).toEqual([undefined, undefined]);
});

it('counts what was lost from the beginning each time', async () => {
  const told = events();
  const send = vi.fn<() => Promise<void>>(async () => {});
  const teller = new HintTeller(send, told);
  for (let n = 0; n < 2; n += 1) {
    send.mockRejectedValueOnce(new Error('away'));
    for (let hint = 0; hint < 2; hint += 1) {
      teller.tell();
      await pass(100);
    }
  }
  expect(told.failing).toHaveBeenCalledTimes(2);
  expect(told.recovered.mock.calls).toEqual([[1], [1]]);
});
