import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';

/** 32 bytes: as they are, or as 64 hexadecimal digits, base64 or base64url. Made by `openssl rand -base64 32`. */
export interface EncryptionKey {
  readonly key: Uint8Array | string;
  /**
   * What records name the key by, which they do in the clear: up to 32 letters, digits, `_` and `-`.
   * @default 8 hexadecimal digits of a hash of the key, so that no two keys share one
   */
  readonly id?: string | undefined;
}

/**
 * Encryption of stored replies: the key that new ones are sealed with, and those that older ones may have been sealed with.
 *
 * To change the key while processes are replaced one by one: give the new one as `previous` first, everywhere; then make it
 * `key` and the old one `previous`; take that out when `ttl` has passed. What is sealed with a key that a process does not
 * have, it refuses to replay (`IDEMPOTENCY_RECORD_UNREADABLE`); so does one that has no encryption yet.
 */
export interface EncryptionOptions extends EncryptionKey {
  readonly previous?: readonly EncryptionKey[] | undefined;
}

interface NamedKey {
  readonly id: string;
  readonly bytes: Buffer;
}

const CIPHER = 'aes-256-gcm';
const KEY_BYTES = 32;
const IV_BYTES = 12;
const TAG_BYTES = 16;

/** No reply looks like it: those are JSON. */
const MARK = 'sealed-1';
const FORM = /^sealed-1:([\w-]{1,32}):([\w-]+)$/;
const ID = /^[\w-]{1,32}$/;

/** Seals what is stored of a reply with AES-256-GCM, bound to its record: moved to another one it cannot be opened. */
export class Sealing {
  readonly #current: NamedKey;
  readonly #keys: ReadonlyMap<string, NamedKey>;

  /** Takes options without problems. */
  constructor(options: EncryptionOptions) {
    const [current, ...previous] = keysOf(options).map(({ key, id }): NamedKey => ({
      id: id ?? idOf(bytesOf(key)!),
      bytes: bytesOf(key)!,
    }));
    this.#current = current!;
    this.#keys = new Map([...previous, this.#current].map((key) => [key.id, key]));
  }

  /** `sealed-1:<key id>:<base64url of IV, ciphertext and tag>` */
  seal(text: string, recordId: string): string {
    const { id, bytes } = this.#current;
    const iv = randomBytes(IV_BYTES);
    const cipher = createCipheriv(CIPHER, bytes, iv).setAAD(boundTo(id, recordId));
    const sealed = [iv, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()];
    return `${MARK}:${id}:${Buffer.concat(sealed).toString('base64url')}`;
  }

  /** @internal */
  key(id: string): NamedKey | undefined {
    return this.#keys.get(id);
  }

  /** @internal */
  get ids(): string[] {
    return [...this.#keys.keys()];
  }
}

/**
 * What was sealed, or the text itself where it never was: a reply that was stored before there was a key stays readable.
 * @throws Error that says which key is missing, or that the record is not the one that was sealed
 */
export function opened(stored: string, recordId: string, sealing: Sealing | undefined): string {
  if (!stored.startsWith(MARK)) return stored;
  const [, id, payload] = FORM.exec(stored) ?? [];
  if (id === undefined) throw new Error('it was sealed, and has been damaged');
  const key = sealing?.key(id);
  if (!key)
    throw new Error(
      sealing
        ? `it is sealed with the key "${id}", and only ${sealing.ids.map((known) => `"${known}"`).join(', ')} are configured: give that key to encryption.previous`
        : `it is sealed with the key "${id}", and no encryption is configured: give that key to encryption`,
    );
  try {
    return open(Buffer.from(payload!, 'base64url'), key, recordId);
  } catch (cause) {
    throw new Error(
      `it does not open with the key "${id}": it was changed, belongs to another record, or another key had this id`,
      { cause },
    );
  }
}

function open(sealed: Buffer, { id, bytes }: NamedKey, recordId: string): string {
  if (sealed.length < IV_BYTES + TAG_BYTES) throw new RangeError('too short');
  const iv = sealed.subarray(0, IV_BYTES);
  const decipher = createDecipheriv(CIPHER, bytes, iv, { authTagLength: TAG_BYTES })
    .setAAD(boundTo(id, recordId))
    .setAuthTag(sealed.subarray(-TAG_BYTES));
  const text = decipher.update(sealed.subarray(IV_BYTES, -TAG_BYTES));
  return Buffer.concat([text, decipher.final()]).toString('utf8');
}

const boundTo = (keyId: string, recordId: string): Buffer =>
  Buffer.from(`${MARK}:${keyId}:${recordId}`);

/** What is wrong with the option `encryption`; each with its remedy. Never shows a key. */
export function problemsOfEncryption(encryption: unknown): string[] {
  if (encryption === undefined) return [];
  if (typeof encryption !== 'object' || encryption === null)
    return ['encryption: it is no object. Give { key }, or leave it out.'];
  const { previous, ...current } = encryption as Partial<EncryptionOptions>;
  if (previous !== undefined && !Array.isArray(previous))
    return [
      ...problemsOfKey('encryption', current),
      'encryption.previous: it is no list of { key }.',
    ];
  const olders = (previous ?? []) as readonly unknown[];
  const problems = [
    ...problemsOfKey('encryption', current),
    ...olders.flatMap((older, at) => problemsOfKey(`encryption.previous[${at}]`, older)),
  ];
  return problems.length > 0 ? problems : problemsOfIds(encryption as EncryptionOptions);
}

function problemsOfKey(where: string, given: unknown): string[] {
  if (typeof given !== 'object' || given === null) return [`${where}: it is no { key }.`];
  const { key, id, ...rest } = given as Partial<EncryptionKey>;
  return [
    ...Object.keys(rest).map((name) => `${where}.${name}: there is no such option.`),
    ...(bytesOf(key)
      ? []
      : [
          `${where}.key: it is not ${KEY_BYTES} bytes. Give them as a Buffer, in base64 or in hexadecimal, as openssl rand -base64 ${KEY_BYTES} makes them.`,
        ]),
    ...(id === undefined || (typeof id === 'string' && ID.test(id))
      ? []
      : [`${where}.id: it cannot be used. Give up to 32 letters, digits, _ and -.`]),
  ];
}

function problemsOfIds(options: EncryptionOptions): string[] {
  const ids = keysOf(options).map(({ key, id }) => id ?? idOf(bytesOf(key)!));
  return [...new Set(ids.filter((id, at) => ids.indexOf(id) !== at))].map(
    (id) => `encryption: two keys have the id "${id}". Give each its own.`,
  );
}

const keysOf = ({ previous, ...current }: EncryptionOptions): readonly EncryptionKey[] => [
  current,
  ...(previous ?? []),
];

function bytesOf(key: unknown): Buffer | undefined {
  const bytes = key instanceof Uint8Array ? Buffer.from(key) : decoded(key);
  return bytes?.length === KEY_BYTES ? bytes : undefined;
}

function decoded(key: unknown): Buffer | undefined {
  if (typeof key !== 'string') return undefined;
  if (/^[0-9a-f]{64}$/i.test(key)) return Buffer.from(key, 'hex');
  // Node's decoder skips what it does not know, and would make a key of a sentence.
  return /^[\w+/-]{43}=?$/.test(key) ? Buffer.from(key, 'base64') : undefined;
}

const idOf = (bytes: Buffer): string =>
  createHash('sha256')
    .update('@acme/nest-idempotency:key-id:')
    .update(bytes)
    .digest('hex')
    .slice(0, 8);
