import { join } from 'node:path';
import { connect } from 'amqplib';
import { ManagementApi } from '../../fixtures/management-api.js';
import type { Command, Place, PrivateRecipe, Service } from '../contracts.js';
import { findProgram } from './find-program.js';
import { writeFile } from './write-file.js';

// Not the server in /usr/sbin: Debian's wrapper insists on its own user, folders and cookie.
const FOLDER = '/usr/lib/rabbitmq/bin';
const OF_DEBIAN = {
  server: `${FOLDER}/rabbitmq-server`,
  control: `${FOLDER}/rabbitmqctl`,
  epmd: '/usr/bin/epmd',
};

const PLUGINS = ['rabbitmq_management', 'rabbitmq_consistent_hash_exchange'];

export const rabbitmq: Service = {
  name: 'rabbitmq',
  label: 'RabbitMQ',
  variable: 'AMQP_URL',
  defaultUrls: ['amqp://guest:guest@127.0.0.1:5672'],
  packages: ['rabbitmq-server'],
  container: {
    image: 'rabbitmq:4-management',
    env: {},
    command: [
      'sh',
      '-c',
      `rabbitmq-plugins enable --offline ${PLUGINS.join(' ')} && exec docker-entrypoint.sh rabbitmq-server`,
    ],
    ports: [5672, 15672],
    addresses,
  },
  ping,
  discover: (url) => discover(url),
  contents,
  locate,
};

function addresses([amqp, management]: readonly number[]): Record<string, string> {
  return {
    AMQP_URL: `amqp://guest:guest@127.0.0.1:${amqp}`,
    RABBITMQ_MANAGEMENT_URL: `http://guest:guest@127.0.0.1:${management}`,
  };
}

async function ping(address: string, timeoutMs: number): Promise<string> {
  const connection = await connect(address, { timeout: timeoutMs });
  connection.on('error', () => {});
  const { version } = connection.connection.serverProperties as { version?: string };
  await connection.close();
  return version ?? 'unknown version';
}

/**
 * The management API of a broker that we did not start: what the environment says, else the one on the default port, if it
 * belongs to this very broker and lets the same login create virtual hosts.
 */
export async function discover(address: string, port = 15672): Promise<Record<string, string>> {
  const given = process.env['RABBITMQ_MANAGEMENT_URL'];
  if (given) return { RABBITMQ_MANAGEMENT_URL: given };
  const { hostname, username, password, port: amqpPort } = new URL(address);
  const url = `http://${username || 'guest'}:${password || 'guest'}@${hostname}:${port}`;
  const api = new ManagementApi(url, 2_000);
  try {
    const { tags } = await api.call<{ tags: string | string[] }>('GET', 'whoami');
    const { listeners } = await api.call<Overview>('GET', 'overview');
    const ours = listeners.some(
      (one) => one.protocol === 'amqp' && one.port === Number(amqpPort || 5672),
    );
    return ours && tags.includes('administrator') ? { RABBITMQ_MANAGEMENT_URL: url } : {};
  } catch {
    return {};
  }
}

/** Unknown, and so nothing, without the management API. What is exclusive is left out: it goes with its connection. */
async function contents(addresses: Readonly<Record<string, string>>): Promise<string[]> {
  const management = addresses['RABBITMQ_MANAGEMENT_URL'];
  if (!management) return [];
  const api = new ManagementApi(management);
  type Listed = { name: string; vhost: string; exclusive?: boolean }[];
  const [vhosts, queues, exchanges] = await Promise.all([
    api.call<Listed>('GET', 'vhosts'),
    api.call<Listed>('GET', 'queues'),
    api.call<Listed>('GET', 'exchanges'),
  ]);
  const inside = (what: string, listed: Listed): string[] =>
    listed
      .filter(({ exclusive }) => !exclusive)
      .map(({ name, vhost }) => `${what} ${name} in virtual host ${vhost}`);
  return [
    ...vhosts.flatMap(({ name }) => (name === '/' ? [] : [`virtual host ${name}`])),
    ...inside('queue', queues),
    ...inside(
      'exchange',
      exchanges.filter(({ name }) => name !== '' && !name.startsWith('amq.')),
    ),
  ];
}

interface Programs {
  readonly server: string;
  readonly control: string;
  readonly epmd: string;
}

interface Overview {
  readonly listeners: readonly { readonly protocol: string; readonly port: number }[];
}

function locate(): PrivateRecipe | undefined {
  const root = process.env['RABBITMQ_ROOT'];
  if (root) return recipe(OF_DEBIAN, (command) => inside(root, command));
  const server = findProgram('rabbitmq-server', [FOLDER]);
  const control = findProgram('rabbitmqctl', [FOLDER]);
  const epmd = findProgram('epmd');
  return server && control && epmd ? recipe({ server, control, epmd }) : undefined;
}

/**
 * The command with the programs and libraries of another Debian, from whose folder they are laid over this machine's for the
 * process alone: a newer RabbitMQ needs a newer Erlang, and that a newer C library. Files, ports and process stay the same.
 */
function inside(root: string, { file, args, env }: Command): Command {
  const enter = 'mount --bind "$0/usr" /usr && exec "$@"';
  return {
    file: 'unshare',
    args: ['--user', '--map-root-user', '--mount', 'sh', '-c', enter, root, file, ...args],
    ...(env && { env }),
  };
}

function recipe(
  { server, control, epmd }: Programs,
  run: (command: Command) => Command = (command) => command,
): PrivateRecipe {
  return {
    user: 'nobody',
    ports: 4,
    abruptSignal: 'SIGKILL',
    gracefulSignal: 'SIGTERM',
    prepare: async (place) => configurationFiles(place),
    processes: (place) => [
      {
        // A port mapper of its own, in the foreground: the shared one would outlive the run.
        name: 'epmd',
        ...run({ file: epmd, args: ['-port', String(place.ports[3]), '-address', '127.0.0.1'] }),
        companionPort: place.ports[3] as number,
      },
      { name: 'rabbitmq', ...run({ file: server, args: [], env: environment(place) }) },
    ],
    addresses: ({ ports }) => addresses(ports),
    control: (place, args) =>
      run({ file: control, args: ['--node', node(place), ...args], env: environment(place) }),
  };
}

const node = ({ ports: [port] }: Place) => `acme-${port}@localhost`;

function environment(place: Place): Record<string, string> {
  const { folder, ports } = place;
  return {
    RABBITMQ_BASE: folder,
    RABBITMQ_MNESIA_BASE: join(folder, 'data'),
    RABBITMQ_LOG_BASE: join(folder, 'log'),
    RABBITMQ_LOGS: '-',
    RABBITMQ_CONFIG_FILE: join(folder, 'rabbitmq.conf'),
    RABBITMQ_ADVANCED_CONFIG_FILE: join(folder, 'none.config'),
    RABBITMQ_CONF_ENV_FILE: join(folder, 'none.env'),
    RABBITMQ_ENABLED_PLUGINS_FILE: join(folder, 'enabled_plugins'),
    RABBITMQ_PID_FILE: join(folder, 'rabbitmq.erlang-pid'),
    RABBITMQ_NODENAME: node(place),
    RABBITMQ_NODE_PORT: String(ports[0]),
    RABBITMQ_DIST_PORT: String(ports[2]),
    // An idle Erlang scheduler otherwise spins for a while, on cores that the tests need.
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS:
      '-kernel inet_dist_use_interface {127,0,0,1} +sbwt none +sbwtdcpu none +sbwtdio none',
    ERL_EPMD_PORT: String(ports[3]),
    ERL_EPMD_ADDRESS: '127.0.0.1',
  };
}

function configurationFiles({ ports, settings }: Place): Command[] {
  const lines: Record<string, string> = {
    'listeners.tcp.default': `127.0.0.1:${ports[0]}`,
    'management.tcp.ip': '127.0.0.1',
    'management.tcp.port': String(ports[1]),
    // Statistics every second instead of every five: specs wait for queue counts.
    collect_statistics_interval: '1000',
    ...settings,
  };
  const conf = Object.entries(lines).map(([key, value]) => `${key} = ${value}`);
  return [
    writeFile('rabbitmq.conf', conf.join('\n')),
    writeFile('enabled_plugins', `[${PLUGINS.join(',')}].`),
  ];
}
