import { seededRandom } from '@acme/internal-testing';
import { Chain, type Linked } from '@acme/nest-message-context/kit';
import { describe, expect, it } from 'vitest';

class One implements Linked<One> {
  previous: One | undefined;
  next: One | undefined;
  chain: object | undefined;

  constructor(readonly name: number) {}
}

const namesOf = (chain: Chain<One>): number[] => [...chain].map(({ name }) => name);

describe('a chain', () => {
  it('is a set in the order in which things came, whatever comes and goes', () => {
    const random = seededRandom(7);
    const chain = new Chain<One>();
    const model = new Set<One>();
    const all = Array.from({ length: 20 }, (_, name) => new One(name));
    for (let step = 0; step < 2_000; step += 1) {
      const one = all[Math.floor(random() * all.length)]!;
      const comes = random() < 0.5;
      if (comes) {
        chain.add(one);
        model.add(one);
      }
      expect(!comes && chain.remove(one)).toBe(!comes && model.delete(one));
      expect(chain.has(one)).toBe(model.has(one));
      expect(namesOf(chain)).toEqual([...model].map(({ name }) => name));
      expect([chain.size, chain.first]).toEqual([model.size, [...model][0]]);
    }
  });

  it('is passed through as it stood when that began', () => {
    const [chain, one, two] = [new Chain<One>(), new One(1), new One(2)];
    for (const each of [one, two]) chain.add(each);
    const passed: number[] = [];
    for (const each of chain) {
      passed.push(each.name);
      chain.remove(two);
      chain.add(new One(3));
    }
    expect(passed).toEqual([1, 2]);
  });

  it('takes nobody who stands in another one, and lets nobody go who does', () => {
    const [chain, other, one] = [new Chain<One>(), new Chain<One>(), new One(1)];
    chain.add(one);
    other.add(one);
    expect([other.size, other.remove(one), chain.size]).toEqual([0, false, 1]);
  });

  it('leaves whoever is gone without a way to the others', () => {
    const [chain, one, two] = [new Chain<One>(), new One(1), new One(2)];
    for (const each of [one, two]) chain.add(each);
    chain.remove(one);
    expect([one.previous, one.next, two.previous]).toEqual([undefined, undefined, undefined]);
  });
});
