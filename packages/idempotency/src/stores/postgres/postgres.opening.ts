import type { ClaimRequest } from '../../core/store.js';
import type { PostgresTables } from './postgres.schema.js';
import { notify } from './postgres.sql.js';

/** What needs no thought about quotes and backslashes, whatever the settings of the server are. */
const PLAIN = /^[\w.:@/ -]*$/;

const HOUR_MS = 3_600_000;

/**
 * What `insertSql` does in a transaction, as a text without parameters: it travels with the `begin`. It says no type that
 * the table says already, and nothing that is null: to parse and plan it is half of what a claim costs the server.
 */
export function openingSql({ records }: PostgresTables, channel: string | undefined) {
  const answers = `on conflict do nothing\nreturning r.fence${notify(channel)}`;
  return ({ id, name, fingerprint }: ClaimRequest, keepMs: number, lock: string): string => {
    const [column, value] =
      fingerprint === undefined ? ['', ''] : ['fingerprint, ', `${literalOf(fingerprint)}, `];
    return `insert into ${records} as r (id, name, ${column}expires_at)
select E'\\\\x${id}', ${literalOf(name)}, ${value}now() + interval '${intervalOf(keepMs)}'
where pg_try_advisory_xact_lock('${lock}')
${answers}`;
  };
}

/** A text as an SQL literal; one that is not plain is sent by its bytes. */
const literalOf = (text: string): string =>
  PLAIN.test(text)
    ? `'${text}'`
    : `convert_from(decode('${Buffer.from(text).toString('hex')}', 'hex'), 'UTF8')`;

/** In hours, which unlike days are of one length, and in seconds: the fields of an interval do not take many milliseconds. */
function intervalOf(ms: number): string {
  const hours = Math.floor(ms / HOUR_MS);
  return `${hours} hours ${(ms - hours * HOUR_MS) / 1_000} secs`;
}
