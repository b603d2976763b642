import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';

/** A certificate and its private key, in PEM. */
export interface Certified {
  readonly cert: string;
  readonly key: string;
}

/** An authority that nobody else believes, and two that it vouches for: a server on 127.0.0.1 and a client. */
export interface TestCertificates {
  readonly ca: string;
  readonly server: Certified;
  readonly client: Certified;
}

/** For TLS in tests, with nothing installed: valid for a day. */
export function testCertificates(): TestCertificates {
  const authority = { name: 'test authority', ...keys() };
  const issue = (name: string, extensions: readonly Buffer[]): Certified => {
    const { publicKey, privateKey } = keys();
    return {
      cert: certificate({ name, publicKey, extensions }, authority),
      key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
    };
  };
  const { name, publicKey } = authority;
  return {
    ca: certificate({ name, publicKey, extensions: [IS_AUTHORITY] }, authority),
    server: issue('test server', [ON_LOOPBACK]),
    client: issue('test client', []),
  };
}

interface Subject {
  readonly name: string;
  readonly publicKey: KeyObject;
  readonly extensions: readonly Buffer[];
}

interface Authority {
  readonly name: string;
  readonly privateKey: KeyObject;
}

const keys = () => generateKeyPairSync('ec', { namedCurve: 'P-256' });

/** DER: a tag, the length, and what is in it. */
function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const size =
    length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}

const sequence = (...parts: readonly Buffer[]): Buffer => der(0x30, ...parts);
const oid = (hex: string): Buffer => der(0x06, Buffer.from(hex, 'hex'));
const bits = (content: Buffer): Buffer => der(0x03, Buffer.from([0]), content);
const ECDSA_SHA256 = sequence(oid('2a8648ce3d040302'));

const extension = (id: string, isCritical: boolean, value: Buffer): Buffer =>
  sequence(oid(id), ...(isCritical ? [der(0x01, Buffer.from([0xff]))] : []), der(0x04, value));
/** basicConstraints: CA. */
const IS_AUTHORITY = extension('551d13', true, sequence(der(0x01, Buffer.from([0xff]))));
/** subjectAltName: 127.0.0.1. */
const ON_LOOPBACK = extension('551d11', false, sequence(der(0x87, Buffer.from([127, 0, 0, 1]))));

/** commonName alone. */
const named = (name: string): Buffer =>
  sequence(der(0x31, sequence(oid('550403'), der(0x0c, Buffer.from(name)))));

/** UTCTime. */
const time = (ms: number): Buffer =>
  der(0x17, Buffer.from(`${new Date(ms).toISOString().replaceAll(/\D/g, '').slice(2, 14)}Z`));

function certificate({ name, publicKey, extensions }: Subject, by: Authority): string {
  const day = 24 * 60 * 60 * 1_000;
  const serial = randomBytes(8);
  // Positive, and without a leading zero.
  serial[0] = (serial[0]! & 0x3f) | 0x40;
  const body = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, serial),
    ECDSA_SHA256,
    named(by.name),
    sequence(time(Date.now() - day), time(Date.now() + day)),
    named(name),
    publicKey.export({ type: 'spki', format: 'der' }),
    ...(extensions.length > 0 ? [der(0xa3, sequence(...extensions))] : []),
  );
  const signed = sequence(body, ECDSA_SHA256, bits(sign('sha256', body, by.privateKey)));
  const lines = signed.toString('base64').replaceAll(/.{64}/g, '$&\n').trimEnd();
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
}
