import { unescape } from 'node:querystring';

/** Where a connection leads, as far as the broker says so. */
export interface VirtualHost {
  /** The name of the cluster, which a single broker has as well. */
  readonly cluster: string | undefined;
  readonly name: string | undefined;
}

/**
 * Reads the name out of what a broker says of a queue that it does not have: `NOT_FOUND - no queue 'q' in vhost '/'`. It is said nowhere
 * else: neither client nor broker repeats what a connection was opened for.
 */
export const virtualHostIn = (words: string): string | undefined =>
  /\bin vhost '(.*)'"?$/s.exec(words)?.[1];

/** Whether they are one, as far as is known: what the one or the other does not say may be the same. */
export const mayBeSame = (one: VirtualHost, other: VirtualHost): boolean =>
  isOneOf(one.cluster, other.cluster) && isOneOf(one.name, other.name);

const isOneOf = (one: string | undefined, other: string | undefined): boolean =>
  one === undefined || other === undefined || one === other;

/** As people know it. */
export const virtualHostText = ({ cluster, name }: VirtualHost): string =>
  [
    name === undefined ? 'a virtual host that has no name' : `virtual host "${name}"`,
    ...(cluster === undefined ? [] : [`of cluster "${cluster}"`]),
  ].join(' ');

/**
 * The virtual host that a client library connects to, as its URLs say; undefined where they say several, or nothing that is known here.
 *
 * @param urls one or several, each a URL, `{ url }`, or the options of amqplib
 */
export function virtualHostOfUrls(urls: unknown): string | undefined {
  const [first, ...more] = new Set([urls].flat().map(nameInUrl));
  return more.length === 0 ? first : undefined;
}

function nameInUrl(url: unknown): string | undefined {
  if (typeof url === 'string')
    return URL.canParse(url) ? named(new URL(url).pathname.slice(1)) : undefined;
  if (typeof url !== 'object' || url === null) return undefined;
  const { url: inside, vhost = '' } = url as { readonly url?: unknown; readonly vhost?: unknown };
  if (inside !== undefined) return nameInUrl(inside);
  return typeof vhost === 'string' ? named(vhost) : undefined;
}

/** As amqplib reads it. */
const named = (text: string): string => (text === '' ? '/' : unescape(text));
