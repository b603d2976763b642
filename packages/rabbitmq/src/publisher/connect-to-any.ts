import { OptionsCheck, show, within, type Duration } from '@acme/nest-message-context/kit';
import { textOf } from '../core/read-safely.js';
import { RabbitMqConfigurationError } from '../rabbitmq.errors.js';
import { closeAndSever } from './close-and-sever.js';

/** Options of `connectToAny()`. */
export interface ConnectToAnyOptions {
  /**
   * How long each of them may take to open. All of them together should take less than whoever connects waits, which is 10 seconds
   * (`publishTimeout`): then one call tries them all.
   * @default '3s'
   */
  readonly timeout?: Duration | undefined;
}

/** The part of a connection that is used here. */
interface OpenedLike {
  on(event: string, listener: (detail: unknown) => void): unknown;
  close(): PromiseLike<unknown>;
}

/**
 * Makes a `connect` of several URLs that lead to the same: nodes of one cluster, or its load balancers. They are tried in turn, beginning
 * with the one that answered last, so that a node that is down is left out at once.
 *
 *     connect: connectToAny(['amqps://mq-1/shop', 'amqps://mq-2/shop'], (url) => amqplib.connect(url, { ca }))
 *
 * For whatever takes a `connect`. When none answers it rejects with an `AggregateError` that names each, without passwords, and why.
 *
 * @param open opens a connection to one of them; called again whenever a connection is wanted
 * @throws {RabbitMqConfigurationError} listing every wrong argument
 */
export function connectToAny<Connection extends OpenedLike>(
  urls: readonly string[],
  open: (url: string) => PromiseLike<Connection>,
  options: ConnectToAnyOptions = {},
): () => Promise<Connection> {
  const timeoutMs = checkedTimeout(urls, open, options);
  const all = [...urls];
  // Shared by all calls. Whoever calls may give up before the last was tried: the next call goes on behind those that failed.
  let first = 0;
  return async () => {
    const failures: Failure[] = [];
    for (let at = first; failures.length < all.length; at = (at + 1) % all.length) {
      try {
        const connection = await opened(() => open(all[at]!), timeoutMs);
        first = at;
        return connection;
      } catch (error) {
        failures.push({ at, error });
        if (first === at) first = (at + 1) % all.length;
      }
    }
    throw noneOf(all, failures);
  };
}

interface Failure {
  readonly at: number;
  readonly error: unknown;
}

async function opened<Connection extends OpenedLike>(
  open: () => PromiseLike<Connection>,
  timeoutMs: number,
): Promise<Connection> {
  const opening = Promise.resolve().then(open);
  let isLate = false;
  opening.then(
    (late) => {
      if (!isLate) return;
      // An `error` without a listener ends the process.
      late.on('error', () => {});
      void closeAndSever(timeoutMs, late);
    },
    () => {},
  );
  return within(timeoutMs, opening, () => {
    isLate = true;
    return new Error(`no connection within ${timeoutMs} ms`);
  });
}

function noneOf(urls: readonly string[], failures: readonly Failure[]): AggregateError {
  const hide = hiding(urls);
  const said = failures.map(({ at, error }) => `${nameOf(urls[at]!, at)} (${hide(textOf(error))})`);
  const errors = failures.map(({ error }) => error);
  return new AggregateError(
    errors,
    `none of ${urls.length} answers: ${said.join(', ')}. See that one of them runs, and can be reached from here.`,
  );
}

/** What people know it by, without the login. */
function nameOf(url: string, index: number): string {
  if (!URL.canParse(url)) return `URL ${index + 1}`;
  const { host, pathname } = new URL(url);
  return `${host}${pathname}`;
}

/** Client libraries quote what they were given. */
function hiding(urls: readonly string[]): (text: string) => string {
  const secrets = urls
    .flatMap((url) => {
      const { password = '' } = URL.canParse(url) ? new URL(url) : {};
      return [url, password, decoded(password)].filter((secret) => secret !== '');
    })
    // The longest first, so that nothing of it is left over.
    .toSorted((a, b) => b.length - a.length);
  return (text) => secrets.reduce((hidden, secret) => hidden.replaceAll(secret, '***'), text);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function checkedTimeout(urls: unknown, open: unknown, options: ConnectToAnyOptions): number {
  const check = new OptionsCheck();
  const isUrl = (url: unknown): boolean => typeof url === 'string' && url !== '';
  if (!Array.isArray(urls) || urls.length === 0)
    check.problems.push('urls: they are no list of URLs. Give one or more.');
  else
    for (const [index, url] of urls.entries())
      if (!isUrl(url))
        check.problems.push(`urls[${index}]: ${show(url)} is no URL. Give a string.`);
  if (typeof open !== 'function')
    check.problems.push(
      `open: ${show(open)} is not a function. Give (url) => amqplib.connect(url).`,
    );
  const given = check.object<ConnectToAnyOptions>('options', options, ['timeout']);
  const timeoutMs = check.timeout('timeout', given.timeout, '3s');
  if (check.problems.length > 0)
    throw new RabbitMqConfigurationError(check.problems, 'connectToAny()');
  return timeoutMs;
}
