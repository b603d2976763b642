import { show } from './show.js';

/** These would be wrong on another response: cookies, framing, and what belongs to one connection or moment. */
const NEVER_REPLAYED = [
  'set-cookie',
  'content-length',
  'transfer-encoding',
  'connection',
  'keep-alive',
  'upgrade',
  'trailer',
  'date',
  'proxy-authenticate',
  'www-authenticate',
];

/** They describe the body. */
export const REPLAYED = [
  'content-type',
  'content-location',
  'location',
  'etag',
  'last-modified',
  'link',
] as const;

/** What is wrong with the option `replayHeaders`; each with its remedy. */
export function problemsOfHeaders(headers: readonly string[] | undefined): string[] {
  return (headers ?? [])
    .filter((name) => typeof name !== 'string' || NEVER_REPLAYED.includes(name.toLowerCase()))
    .map((name) => `replayHeaders: ${show(name)} must not be replayed. Take it out.`);
}
