import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { OutboxStore, Tended } from '../../src/contracts/outbox-store.js';
import { LaneKeeper } from '../../src/relay/lane-keeper.js';
import { answering, Patience } from '../../src/relay/patience.js';

const LEASE = 9_000;

/** As the relay asks it. */
const patient = (store: object): OutboxStore =>
  answering(store as OutboxStore, new Patience(LEASE));

/** Answers as a database would whose lanes are free, unless a test says otherwise. */
function storeOfTwoLanes() {
  let token = 0;
  return {
    lanes: 2,
    tend: vi.fn<OutboxStore['tend']>(async (_relay, held) => ({
      relays: 1,
      renewed: held.map(({ lane }) => lane),
    })),
    claim: vi.fn<OutboxStore['claim']>(async (_relay, _held, limit) =>
      Array.from({ length: limit }, (_, lane) => ({ lane, token: ++token, takenOver: false })),
    ),
    release: vi.fn<OutboxStore['release']>(async () => {}),
  };
}

/** Both clocks of a machine. */
class Machine {
  monotonicMs = 0;
  wallMs = 1_700_000_000_000;
  run(ms: number): void {
    this.monotonicMs += ms;
    this.wallMs += ms;
  }
  sleep(ms: number): void {
    this.wallMs += ms;
  }
  readonly now = () => ({ monotonicMs: this.monotonicMs, wallMs: this.wallMs });
}

async function keeperWithLanes(store = storeOfTwoLanes()) {
  const machine = new Machine();
  const keeper = new LaneKeeper(patient(store), LEASE, machine.now);
  await keeper.tend(true);
  keeper.open(keeper.unopened);
  return { store, machine, keeper };
}

describe('a lease', () => {
  it('ends with its time, which renewing begins anew', async () => {
    const { machine, keeper } = await keeperWithLanes();
    machine.run(LEASE - 1);
    expect(keeper.usable()).toEqual([0, 1]);
    await keeper.tend(true);
    machine.run(LEASE - 1);
    expect(keeper.usable()).toEqual([0, 1]);
    machine.run(1);
    expect(keeper.usable()).toEqual([]);
  });

  it('counts from before the database was asked', async () => {
    const { store, machine, keeper } = await keeperWithLanes();
    store.tend.mockImplementationOnce(async (_relay, held) => {
      machine.run(4_000);
      return { relays: 1, renewed: held.map(({ lane }) => lane) };
    });
    await keeper.tend(true);
    machine.run(LEASE - 4_000);
    expect(keeper.usable()).toEqual([]);
  });

  it('ends while the machine is suspended, and is to be renewed at once', async () => {
    const { machine, keeper } = await keeperWithLanes();
    expect(keeper.dueInMs).toBe(LEASE / 3);
    machine.sleep(LEASE);
    expect(keeper.usable()).toEqual([]);
    expect(keeper.mayPublish(0)).toBe(false);
    expect(keeper.dueInMs).toBeLessThanOrEqual(0);
    await keeper.tend(true);
    expect(keeper.usable()).toEqual([0, 1]);
  });

  it.each([
    ['forward by less than what is left of it', 500],
    ['back', -3_600_000],
  ])('outlives a wall clock that is set %s', async (_how, step) => {
    const { machine, keeper } = await keeperWithLanes();
    machine.run(LEASE / 3);
    machine.sleep(step);
    expect(keeper.usable()).toEqual([0, 1]);
  });
});

describe('an answer of the database that comes too late', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  const late = <T>() => {
    let answer = (_value: T): void => {};
    const coming = new Promise<T>((done) => (answer = done));
    return { coming, answer };
  };
  const timesOut = async (work: Promise<unknown>) => {
    const refused = work.catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(LEASE);
    expect(await refused).toMatchObject({ code: 'OUTBOX_STORE_TIMEOUT' });
  };

  it('neither takes a lane away that was claimed since, nor shortens a lease', async () => {
    const { store, machine, keeper } = await keeperWithLanes();
    const slow = late<Tended>();
    store.tend.mockReturnValueOnce(slow.coming);
    await timesOut(keeper.tend(true));
    machine.run(LEASE);
    await keeper.tend(true);
    slow.answer({ relays: 1, renewed: [0] });
    await vi.advanceTimersByTimeAsync(0);
    expect(keeper.usable()).toEqual([0, 1]);
  });

  it('does not bring a lane back that was lost since', async () => {
    const { store, keeper } = await keeperWithLanes();
    const slow = late<Tended>();
    store.tend.mockReturnValueOnce(slow.coming);
    await timesOut(keeper.tend(true));
    store.tend.mockResolvedValueOnce({ relays: 1, renewed: [1] });
    await expect(keeper.tend(false)).resolves.toMatchObject({ lost: [0] });
    slow.answer({ relays: 1, renewed: [0, 1] });
    await vi.advanceTimersByTimeAsync(0);
    expect(keeper.proofs()).toMatchObject([{ lane: 1 }]);
  });

  it('gives no lane that nobody knows of', async () => {
    const store = storeOfTwoLanes();
    const slow = late<Awaited<ReturnType<OutboxStore['claim']>>>();
    store.claim.mockReturnValueOnce(slow.coming);
    const keeper = new LaneKeeper(patient(store), LEASE, new Machine().now);
    await timesOut(keeper.tend(true));
    slow.answer([{ lane: 0, token: 1, takenOver: false }]);
    await vi.advanceTimersByTimeAsync(0);
    expect(keeper.proofs()).toEqual([]);
  });

  it('does not forget a lane that was released, and claimed again since', async () => {
    const { store, keeper } = await keeperWithLanes();
    const slow = late<void>();
    store.release.mockReturnValueOnce(slow.coming);
    await timesOut(keeper.release([0]));
    store.tend.mockResolvedValueOnce({ relays: 1, renewed: [1] });
    store.claim.mockResolvedValueOnce([{ lane: 0, token: 9, takenOver: false }]);
    await keeper.tend(true);
    slow.answer();
    await vi.advanceTimersByTimeAsync(0);
    expect(keeper.proofs()).toContainEqual({ lane: 0, token: 9 });
  });
});

it('a lane is not usable before it is opened', async () => {
  const store = storeOfTwoLanes();
  const keeper = new LaneKeeper(patient(store), LEASE, new Machine().now);
  await keeper.tend(true);
  expect([keeper.usable(), keeper.unopened]).toEqual([[], [0, 1]]);
  keeper.open([1]);
  expect([keeper.usable(), keeper.unopened]).toEqual([[1], [0]]);
});

it('publishes nothing more of a lane that it is about to hand over', async () => {
  let relays = 1;
  const store: Partial<OutboxStore> = {
    lanes: 2,
    tend: async (_relay, held) => ({ relays, renewed: held.map(({ lane }) => lane) }),
    claim: async (_relay, _held, limit) =>
      Array.from({ length: limit }, (_, lane) => ({ lane, token: 1, takenOver: false })),
  };
  const lanes = new LaneKeeper(store as OutboxStore, 9_000);
  await lanes.tend(true);
  lanes.open([0, 1]);
  expect(lanes.usable()).toEqual([0, 1]);
  relays = 2;
  await lanes.tend(true);
  expect(lanes.usable()).toHaveLength(1);
  expect([...lanes.leaving].some((lane) => lanes.mayTry(lane) || lanes.mayPublish(lane))).toBe(
    false,
  );
  expect([...lanes.leaving].every((lane) => lanes.holds(lane))).toBe(true);
});
