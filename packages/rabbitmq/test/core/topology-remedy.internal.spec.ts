import { describe, expect, it } from 'vitest';
import { compareDeclaration, type DeclaredAs } from '../../src/core/declaration-differences.js';
import { remedyFor, stepsFor, type TopologyRemedy } from '../../src/core/topology-remedy.js';

describe('the safe way', () => {
  it.each<[argument: string, wanted: unknown, actual: unknown, remedy: TopologyRemedy]>([
    ['x-message-ttl', 5, undefined, 'policy'],
    ['x-message-ttl', 5, 10, 'policy'],
    ['x-message-ttl', 10, 5, 'replace'],
    ['x-message-ttl', undefined, 5, 'replace'],
    ['x-expires', 5, undefined, 'policy'],
    ['x-max-length', 5, undefined, 'policy'],
    ['x-max-length-bytes', 5, 9, 'policy'],
    ['x-delivery-limit', 5, undefined, 'policy'],
    ['x-delivery-limit', -1, undefined, 'replace'],
    ['x-overflow', 'reject-publish', undefined, 'policy'],
    ['x-overflow', 'reject-publish', 'drop-head', 'replace'],
    ['x-dead-letter-exchange', '', undefined, 'policy'],
    ['x-dead-letter-exchange', 'b', 'a', 'replace'],
    ['x-dead-letter-routing-key', 'b', undefined, 'policy'],
    ['x-dead-letter-strategy', 'at-least-once', undefined, 'policy'],
    ['x-consumer-timeout', 5, undefined, 'policy'],
    ['alternate-exchange', 'x', undefined, 'policy'],
    ['x-queue-leader-locator', 'balanced', undefined, 'declare'],
    ['x-quorum-initial-group-size', 3, undefined, 'declare'],
    ['x-queue-type', 'quorum', 'classic', 'replace'],
    ['x-single-active-consumer', true, undefined, 'replace'],
    ['x-max-priority', 5, undefined, 'replace'],
    ['durable', true, false, 'replace'],
    ['auto_delete', false, true, 'replace'],
    ['exclusive', undefined, true, 'replace'],
    ['type', 'topic', 'direct', 'replace'],
    ['constructor', 1, undefined, 'replace'],
  ])('of %s, wanted %o and %o there, is %s', (argument, wanted, actual, remedy) => {
    expect(remedyFor({ argument, wanted, actual })).toBe(remedy);
  });

  const where = { kind: 'queue', name: "o'r.ders", vhost: 'shop' } as const;

  it('is one policy for all that one can set, as a command that a shell understands', () => {
    const steps = stepsFor({
      ...where,
      differences: [
        { argument: 'x-message-ttl', wanted: 5, actual: 10 },
        { argument: 'x-dead-letter-exchange', wanted: 'dlx', actual: undefined },
        { argument: 'x-queue-leader-locator', wanted: 'balanced', actual: undefined },
      ],
    });
    expect(steps).toEqual([
      String.raw`set it by a policy: rabbitmqctl set_policy -p 'shop' 'o'\''r.ders' '^o'\''r\.ders$' '{"message-ttl":5,"dead-letter-exchange":"dlx"}' --apply-to queues`,
      'only one policy applies to a queue: where rabbitmqctl list_policies shows one, add this to that',
      'declare x-message-ttl 10 and no x-dead-letter-exchange, as it is',
      'declare no x-queue-leader-locator, as it is: it says only where a new queue is placed.',
    ]);
  });

  it('is another queue beside it, as soon as one difference needs that', () => {
    const differences = [
      { argument: 'x-message-ttl', wanted: 5, actual: undefined },
      { argument: 'x-queue-type', wanted: 'quorum', actual: 'classic' },
    ];
    const steps = stepsFor({ ...where, differences }).join('\n');
    expect(steps).toMatch(/declare another one[^]*bind it[^]*empty[^]*delete it once it is empty/);
    expect(steps).not.toContain('set_policy');
    expect(stepsFor({ ...where, kind: 'exchange', differences }).join()).toContain('new exchange');
    expect(stepsFor({ ...where, differences: [] })).toEqual([]);
  });
});

describe('all that differs', () => {
  /** A broker that has this, and names the first thing that differs. */
  const brokerWith = (has: DeclaredAs, write: (value: unknown) => string = String) => {
    const asked: DeclaredAs[] = [];
    const declare = async (as: DeclaredAs): Promise<string | undefined> => {
      asked.push(as);
      const first = [...new Set([...Object.keys(has), ...Object.keys(as)])].find(
        (name) => has[name] !== as[name],
      );
      if (first === undefined) return undefined;
      const [received, current] = [as[first], has[first]];
      const typed = (value: unknown): string =>
        value === undefined
          ? 'none'
          : `the value '${write(value)}' of type '${typeof value === 'string' ? 'longstr' : typeof value === 'boolean' ? 'bool' : 'signedint'}'`;
      const text =
        received === undefined || current === undefined
          ? `received ${typed(received)} but current is ${typed(current)}`
          : `received '${write(received)}' but current is '${write(current)}'`;
      return `PRECONDITION_FAILED - inequivalent arg '${first}' for queue 'q' in vhost 'v': ${text}`;
    };
    return { declare, asked };
  };

  it('is found one by one, whatever the types are', async () => {
    const has = { durable: false, a: 5, b: 'x', c: true, d: '7', e: 'true', same: 1 };
    const wanted = { durable: true, a: '5', b: 'y', d: 7, e: true, f: 3, same: 1 };
    const { declare } = brokerWith(has);
    const found = await compareDeclaration(wanted, declare);
    expect(found.unread).toBeUndefined();
    expect(found.vhost).toBe('v');
    expect(found.differences).toEqual([
      { argument: 'a', wanted: '5', actual: 5 },
      { argument: 'b', wanted: 'y', actual: 'x' },
      { argument: 'c', wanted: undefined, actual: true },
      { argument: 'd', wanted: 7, actual: '7' },
      { argument: 'durable', wanted: true, actual: false },
      { argument: 'e', wanted: true, actual: 'true' },
      { argument: 'f', wanted: 3, actual: undefined },
    ]);
  });

  it('is tried as other types, where the likeliest was wrong', async () => {
    const { declare } = brokerWith({ a: '10' });
    const found = await compareDeclaration({ a: 5 }, declare);
    expect(found.differences).toEqual([{ argument: 'a', wanted: 5, actual: '10' }]);
    expect(found.unread).toBeUndefined();
  });

  it('ends where the broker cannot be followed, and says what it said', async () => {
    const { declare, asked } = brokerWith({ a: 'x', b: 1 }, (value) => `?${String(value)}`);
    const found = await compareDeclaration({ a: 'y', b: 2 }, declare);
    expect(found.differences).toEqual([{ argument: 'a', wanted: 'y', actual: '?x' }]);
    expect(found.unread).toContain("inequivalent arg 'a'");
    expect(asked).toHaveLength(2);
    const other = await compareDeclaration({}, async () => 'something else');
    expect(other).toEqual({ differences: [], unread: 'something else', vhost: undefined });
  });

  it('asks once where nothing differs', async () => {
    const { declare, asked } = brokerWith({ a: 1 });
    await expect(compareDeclaration({ a: 1, b: undefined }, declare)).resolves.toMatchObject({
      differences: [],
    });
    expect(asked).toHaveLength(1);
  });
});
