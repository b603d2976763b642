import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KeyLanes, type Place, type Turn } from '../../src/core/key-lanes.js';

interface Message {
  readonly key: string;
  /** Of its key. */
  readonly n: number;
  readonly id: string | undefined;
}

interface Stood extends Message {
  readonly place: Place;
  turn: Turn | undefined;
}

const settled = (): Promise<void> => new Promise((done) => queueMicrotask(done));

/** A queue, a consumer with lanes, and the deliveries that are between them. */
class Scene {
  readonly lanes = new KeyLanes();
  /** On their way, as a broker sends them. */
  readonly #sent: { message: Message; redelivered: boolean }[] = [];
  readonly #returned: Message[] = [];
  readonly under: Stood[] = [];
  readonly done: Message[] = [];
  readonly begun: Message[] = [];
  returns = 0;

  constructor(private readonly ready: Message[]) {}

  /** What came back goes out first. */
  send(): void {
    const again = this.#returned.shift();
    const message = again ?? this.ready.shift();
    if (message) this.#sent.push({ message, redelivered: again !== undefined });
  }

  async receive(): Promise<void> {
    const next = this.#sent.shift();
    if (!next) return;
    const { message, redelivered } = next;
    const { key, id } = message;
    const place = this.lanes.take(key, { delivery: next, id, redelivered });
    const stood: Stood = { ...message, place, turn: undefined };
    this.under.push(stood);
    const tell = (turn: Turn): void => {
      stood.turn = turn;
      this.begun.push(message);
    };
    if (typeof place.turn === 'string') tell(place.turn);
    else void place.turn.then(tell);
    await settled();
  }

  async end(which: number, how: 'succeeds' | 'goes back' | 'has waited for long'): Promise<void> {
    const isMeant = ({ turn }: Stood): boolean =>
      (turn !== 'go') === (how === 'has waited for long');
    const those = this.under.filter(isMeant);
    const one = those[which % those.length];
    if (!one) return;
    const { key, n, id, place } = one;
    this.under.splice(this.under.indexOf(one), 1);
    if (how === 'succeeds') {
      this.done.push({ key, n, id });
      place.leave();
    } else {
      this.returns += 1;
      this.#returned.push({ key, n, id });
      place.keep();
    }
    await settled();
  }

  get isIdle(): boolean {
    return [this.ready, this.#sent, this.#returned, this.under].every(({ length }) => length === 0);
  }
}

const event = fc.oneof(
  { weight: 6, arbitrary: fc.constant('send' as const) },
  { weight: 5, arbitrary: fc.constant('receive' as const) },
  {
    weight: 4,
    arbitrary: fc.record({
      which: fc.nat(20),
      how: fc.constantFrom(
        'succeeds' as const,
        'succeeds' as const,
        'goes back' as const,
        'has waited for long' as const,
      ),
    }),
  },
);

const messages = (count: number): Message[] =>
  Array.from({ length: count }, (_, at) => ({
    key: 'abc'[at % 3]!,
    n: Math.floor(at / 3),
    id: `m-${at}`,
  }));

const numbersOf = (key: string, of: readonly Message[]): number[] =>
  of.filter((one) => one.key === key).map(({ n }) => n);

describe('lanes of keys', () => {
  it('let one message of a key go at a time, in order, whatever goes back meanwhile, and leave nothing behind', async () => {
    let returns = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(event, { minLength: 20, maxLength: 120, size: 'max' }),
        async (events) => {
          const scene = new Scene(messages(30));
          for (const one of events) {
            if (one === 'send') scene.send();
            else if (one === 'receive') await scene.receive();
            else await scene.end(one.which, one.how);
            for (const key of 'abc') {
              const running = scene.under.filter(
                (stood) => stood.key === key && stood.turn === 'go',
              );
              expect(running.length).toBeLessThanOrEqual(1);
            }
          }
          // Whatever has happened, it comes to an end.
          for (let rounds = 0; !scene.isIdle; rounds += 1) {
            expect(rounds).toBeLessThan(1_000);
            scene.send();
            await scene.receive();
            await scene.end(0, 'succeeds');
          }
          for (const key of 'abc') {
            const numbers = numbersOf(key, messages(30));
            expect(numbersOf(key, scene.done)).toEqual(numbers);
            // Also what began again did so before those behind it.
            const begun = numbersOf(key, scene.begun);
            expect(begun).toEqual(begun.toSorted((a, b) => a - b));
          }
          expect(scene.lanes.size).toBe(0);
          returns += scene.returns;
        },
      ),
      { numRuns: 400 },
    );
    // Otherwise nothing was tested.
    expect(returns).toBeGreaterThan(1_000);
  });

  const turnsOf = async (places: readonly Place[]): Promise<(Turn | undefined)[]> => {
    await settled();
    return Promise.all(
      places.map(({ turn }) =>
        Promise.race([
          turn,
          settled()
            .then(settled)
            .then(() => undefined),
        ]),
      ),
    );
  };
  const first = (id?: string) => ({ delivery: {}, id, redelivered: false });
  const again = (id?: string) => ({ delivery: {}, id, redelivered: true });

  it('let handlers of one delivery go side by side', async () => {
    const lanes = new KeyLanes();
    const delivery = first('1');
    const places = [
      lanes.take('a', delivery),
      lanes.take('a', delivery),
      lanes.take('a', first('2')),
    ];
    await expect(turnsOf(places)).resolves.toEqual(['go', 'go', undefined]);
    places[0]!.leave();
    await expect(turnsOf(places)).resolves.toEqual(['go', 'go', undefined]);
    places[1]!.leave();
    await expect(turnsOf(places)).resolves.toEqual(['go', 'go', 'go']);
  });

  it.each([
    { what: 'with ids', one: '1', two: '2' },
    { what: 'without ids', one: undefined, two: undefined },
  ])('keep the place of what goes back: $what', async ({ one, two }) => {
    const lanes = new KeyLanes();
    lanes.take('a', first(one)).keep();
    // Sent before the broker knew.
    const next = lanes.take('a', first(two));
    await expect(turnsOf([next, lanes.take('b', first('3'))])).resolves.toEqual([undefined, 'go']);
    const returned = lanes.take('a', again(one));
    await expect(turnsOf([returned, next])).resolves.toEqual(['go', undefined]);
    returned.leave();
    await expect(turnsOf([next])).resolves.toEqual(['go']);
  });

  const numbered = (number: number) => ({
    delivery: {},
    id: `m-${number}`,
    redelivered: false,
    number,
  });

  it('let those with lower numbers go before others that have not begun', async () => {
    const lanes = new KeyLanes();
    const [five, nine, without, seven] = [
      lanes.take('a', numbered(5)),
      lanes.take('a', numbered(9)),
      lanes.take('a', first('x')),
      lanes.take('a', numbered(7)),
    ];
    five.leave();
    await expect(turnsOf([seven, nine, without])).resolves.toEqual(['go', undefined, undefined]);
    seven.leave();
    await expect(turnsOf([nine, without])).resolves.toEqual(['go', undefined]);
  });

  it('let one that has begun wait for lower numbers, each of which wakes it', async () => {
    const lanes = new KeyLanes();
    const nine = lanes.take('a', numbered(9));
    const turn = nine.yield();
    // Higher ones change nothing for it.
    const ten = lanes.take('a', numbered(10));
    await expect(turnsOf([{ ...nine, turn }, ten])).resolves.toEqual([undefined, undefined]);
    const eight = lanes.take('a', numbered(8));
    await expect(turnsOf([eight, { ...nine, turn }])).resolves.toEqual(['go', undefined]);
    eight.leave();
    await expect(turnsOf([{ ...nine, turn }, ten])).resolves.toEqual(['go', undefined]);
  });

  it('let those with lower numbers go first that have come before it knew', async () => {
    const lanes = new KeyLanes();
    const nine = lanes.take('a', numbered(9));
    const [eight, ten] = [lanes.take('a', numbered(8)), lanes.take('a', numbered(10))];
    const turn = nine.yield();
    await expect(turnsOf([eight, { ...nine, turn }, ten])).resolves.toEqual([
      'go',
      undefined,
      undefined,
    ]);
    eight.leave();
    await expect(turn).resolves.toBe('go');
    nine.leave();
    await expect(turnsOf([ten])).resolves.toEqual(['go']);
  });

  it('let one go on that waits no longer, once those before it have left', async () => {
    const lanes = new KeyLanes();
    const nine = lanes.take('a', numbered(9));
    const alone = nine.yield();
    nine.resume();
    await expect(alone).resolves.toBe('go');
    const again = nine.yield();
    const eight = lanes.take('a', numbered(8));
    nine.resume();
    await expect(turnsOf([{ ...nine, turn: again }])).resolves.toEqual([undefined]);
    eight.leave();
    await expect(again).resolves.toBe('go');
  });

  it('give back what waits for lower numbers, when nothing begins any more', async () => {
    const lanes = new KeyLanes();
    const nine = lanes.take('a', numbered(9));
    const before = nine.yield();
    lanes.release();
    await expect(before).resolves.toBe('give-back');
    await expect(nine.yield()).resolves.toBe('give-back');
  });

  it('go on without what does not come again', async () => {
    const lanes = new KeyLanes();
    const lost = lanes.take('a', first('1'));
    lost.keep();
    const next = lanes.take('a', first('2'));
    lost.leave();
    await expect(turnsOf([next])).resolves.toEqual(['go']);
    next.leave();
    expect(lanes.size).toBe(0);
  });

  it('do not take the place from one that has come again', async () => {
    const lanes = new KeyLanes();
    const before = lanes.take('a', first('1'));
    before.keep();
    const places = [lanes.take('a', again('1')), lanes.take('a', first('2'))];
    before.leave();
    await expect(turnsOf(places)).resolves.toEqual(['go', undefined]);
  });

  it('let nothing begin after the release, and send back at once what waits', async () => {
    const lanes = new KeyLanes();
    const places = [lanes.take('a', first('1')), lanes.take('a', first('2'))];
    lanes.release();
    places.push(lanes.take('a', first('3')), lanes.take('b', first('4')));
    await expect(turnsOf(places)).resolves.toEqual(['go', 'give-back', 'give-back', 'give-back']);
  });
});
