import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, startPrivate, testCertificates } from '@acme/internal-testing';

/** A broker that speaks TLS, and to nobody without a certificate. */
export interface TlsBroker {
  readonly url: string;
  /** For amqplib. */
  readonly options: { readonly ca: string[]; readonly cert: string; readonly key: string };
  /** A file with `ca`, `cert` or `key`. */
  file(name: 'ca' | 'cert' | 'key'): string;
  removeFiles(): void;
}

export async function startTlsBroker(): Promise<TlsBroker> {
  const { ca, server, client } = testCertificates();
  const folder = mkdtempSync(join(tmpdir(), 'rabbitmq-tls-'));
  // The broker runs as another user.
  chmodSync(folder, 0o755);
  const file = (name: string): string => join(folder, `${name}.pem`);
  const files = { ca, 'server-cert': server.cert, 'server-key': server.key };
  const all = { ...files, cert: client.cert, key: client.key };
  for (const [name, pem] of Object.entries(all)) writeFileSync(file(name), pem);
  const port = await freePort();
  const broker = await startPrivate('rabbitmq', {
    settings: {
      'listeners.ssl.default': `127.0.0.1:${port}`,
      'ssl_options.cacertfile': file('ca'),
      'ssl_options.certfile': file('server-cert'),
      'ssl_options.keyfile': file('server-key'),
      'ssl_options.verify': 'verify_peer',
      'ssl_options.fail_if_no_peer_cert': 'true',
    },
  });
  return {
    url: broker.url.replace('amqp:', 'amqps:').replace(`:${broker.port}`, `:${port}`),
    options: { ca: [ca], cert: client.cert, key: client.key },
    file,
    removeFiles: () => rmSync(folder, { recursive: true }),
  };
}
