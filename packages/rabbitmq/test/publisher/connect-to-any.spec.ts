import { EventEmitter } from 'node:events';
import { connectToAny } from '@acme/nest-rabbitmq';
import { describe, expect, it, vi } from 'vitest';

const URLS = ['amqp://ann:s3%20cret@mq-1/shop', 'amqp://ann:s3%20cret@mq-2:5673', 'mq-3'];

const connectionTo = (url: string) =>
  Object.assign(new EventEmitter(), { url, close: vi.fn<() => Promise<void>>(async () => {}) });

function nodes() {
  const down = new Set<string>();
  const asked: string[] = [];
  const open = async (url: string) => {
    asked.push(url);
    if (down.has(url)) throw new Error(`connect ECONNREFUSED ${url}, as "s3 cret"`);
    return connectionTo(url);
  };
  return { down, asked, open };
}

describe('connectToAny()', () => {
  it('tries them in turn, beginning with the one that answered last', async () => {
    const { down, asked, open } = nodes();
    const connect = connectToAny(URLS, open);
    expect((await connect()).url).toBe(URLS[0]);
    down.add(URLS[0]!).add(URLS[1]!);
    expect((await connect()).url).toBe(URLS[2]);
    down.clear();
    expect((await connect()).url).toBe(URLS[2]);
    expect(asked).toEqual([URLS[0], ...URLS, URLS[2]]);
  });

  it('names all that were tried, and why, without a password', async () => {
    const { down, open } = nodes();
    for (const url of URLS) down.add(url);
    const failed = connectToAny(URLS, open)();
    await expect(failed).rejects.toThrow(AggregateError);
    const { message, errors } = (await failed.catch((error: unknown) => error)) as AggregateError;
    expect(message).toMatchInlineSnapshot(
      `"none of 3 answers: mq-1/shop (connect ECONNREFUSED ***, as "***"), mq-2:5673 (connect ECONNREFUSED ***, as "***"), URL 3 (connect ECONNREFUSED ***, as "***"). See that one of them runs, and can be reached from here."`,
    );
    expect(errors).toHaveLength(3);
  });

  it('leaves one that does not answer, closes what it opens late, and goes on behind it', async () => {
    const late = connectionTo('late');
    let answer: (opened: typeof late) => void = () => {};
    const asked: string[] = [];
    const open = (url: string): Promise<typeof late> => {
      asked.push(url);
      return url === 'a' ? new Promise((done) => (answer = done)) : Promise.reject(new Error('no'));
    };
    const connect = connectToAny(['a', 'b'], open, { timeout: 20 });
    await expect(connect()).rejects.toThrow(
      'none of 2 answers: URL 1 (no connection within 20 ms), URL 2 (no).',
    );
    answer(late);
    await vi.waitFor(() => expect(late.close).toHaveBeenCalledOnce());
    // Nobody listens to it: it must not end the process.
    expect(() => late.emit('error', new Error('reset'))).not.toThrow();
    expect(asked).toEqual(['a', 'b']);
  });

  it('goes on where a call was given up', async () => {
    const asked: string[] = [];
    const connection = connectionTo('b');
    const answers: (() => void)[] = [];
    const open = (url: string): Promise<typeof connection> => {
      asked.push(url);
      if (url === 'a') return Promise.reject(new Error('no'));
      return new Promise((done) => answers.push(() => done(connection)));
    };
    const connect = connectToAny(['a', 'b', 'c'], open);
    const givenUp = connect();
    await vi.waitFor(() => expect(asked).toEqual(['a', 'b']));
    const next = connect();
    await vi.waitFor(() => expect(asked).toEqual(['a', 'b', 'b']));
    for (const answer of answers) answer();
    await Promise.all([givenUp, next]);
  });

  it.each([
    [[], {}, 'urls: they are no list of URLs. Give one or more.'],
    ['amqp://h', {}, 'urls: they are no list of URLs. Give one or more.'],
    [['amqp://h', 1], {}, 'urls[1]: 1 is no URL. Give a string.'],
    [['amqp://h'], { timeout: 'soon' }, 'timeout: '],
    [['amqp://h'], { timeouts: 1 }, 'options.timeouts: there is no such option.'],
  ])('refuses %j with %j', (urls, options, problem) => {
    const { open } = nodes();
    expect(() => connectToAny(urls as never, open, options as never)).toThrow(problem);
  });

  it('refuses what opens nothing', () => {
    expect(() => connectToAny(['amqp://h'], 'amqp://h' as never)).toThrow(
      'open: "amqp://h" is not a function. Give (url) => amqplib.connect(url).',
    );
  });
});
