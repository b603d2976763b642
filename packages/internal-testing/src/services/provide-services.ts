import { TestingError, reason } from '../testing.errors.js';
import { aptObstacle, installPackages } from './apt.js';
import type { Service, ServiceName } from './contracts.js';
import { dockerObstacle, startContainer } from './docker.js';
import { PrivateServer } from './private-server.js';
import { services } from './servers/index.js';

const ALL: readonly ServiceName[] = ['postgres', 'rabbitmq', 'redis', 'mariadb'];

export interface ProvideOptions {
  /** Which servers; all four by default. */
  readonly need?: readonly ServiceName[];
  /** Gets one line per server: which way was taken. Written to standard error by default. */
  readonly log?: (line: string) => void;
}

export interface ProvidedServices {
  /** `DATABASE_URL`, `AMQP_URL`, `RABBITMQ_MANAGEMENT_URL` (where known), `REDIS_URL`, `MYSQL_URL`. */
  readonly env: Record<string, string>;
  /** Stops what was started for this call and nothing else. Calling it again does nothing. */
  stop(): Promise<void>;
}

interface Found {
  readonly how: string;
  readonly env: Record<string, string>;
  stop(): Promise<void>;
}

/**
 * Provides real servers, each in the first way that works: the address from the environment; a server on the default port
 * that takes the default development login; a container; a private instance from installed binaries, which are installed
 * by apt-get when we are root. What was started ends with `stop()`, or with this process, however that ends.
 *
 * Rejects with `SERVICES_UNAVAILABLE`, which lists what was tried and what to do, and with `SERVICE_URL_DEAD` when the
 * environment names a server that does not answer: a given address is never silently replaced.
 */
export async function provideServices(options: ProvideOptions = {}): Promise<ProvidedServices> {
  const { need = ALL, log = (line) => void process.stderr.write(`${line}\n`) } = options;
  const wanted = [...new Set(need)].map((name) => services[name]);
  const started: Found[] = [];
  let stopping: Promise<void> | undefined;
  const stop = () => (stopping ??= stopAll(started));
  try {
    const running = await Promise.all(wanted.map(alreadyRunning));
    const missing = wanted.filter((_, index) => !running[index]);
    const start = missing.length ? await wayToStart(missing, log) : undefined;
    const found = await settleAll(
      wanted.map(async (service, index) => {
        const one = running[index] ?? (await (start as Start)(service));
        started.push(one);
        log(`${service.label}: ${one.how}`);
        return one;
      }),
    );
    return {
      env: Object.assign({}, ...found.map(({ env }) => env)) as Record<string, string>,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

type Start = (service: Service) => Promise<Found>;

/** The first two ways: a server that runs already. */
async function alreadyRunning(service: Service): Promise<Found | undefined> {
  const given = process.env[service.variable];
  if (given) {
    const version = await service.ping(given, 10_000).catch((error: unknown) => {
      throw new TestingError(
        'SERVICE_URL_DEAD',
        `${service.variable}=${masked(given)} does not answer as ${service.label}: ${reason(error)}\n` +
          `Start that server or correct the address; or unset ${service.variable} to have one provided.`,
        { cause: error },
      );
    });
    return existing(service, given, `${version}, from ${service.variable}`);
  }
  for (const url of service.defaultUrls) {
    const version = await service.ping(url, 2_000).catch(() => undefined);
    if (version) return existing(service, url, `${version}, on its default port`);
  }
  return undefined;
}

async function existing(service: Service, url: string, how: string): Promise<Found> {
  const further = await service.discover?.(url);
  return { how, env: { [service.variable]: url, ...further }, stop: async () => {} };
}

/** The other two ways. Decided once for all that is missing, so that apt-get runs once. */
async function wayToStart(
  missing: readonly Service[],
  log: (line: string) => void,
): Promise<Start> {
  const noDocker = await dockerObstacle();
  if (!noDocker) return inContainer;
  const absent = missing.filter((service) => !service.locate());
  if (absent.length === 0) return fromBinaries;
  const packages = absent.flatMap((service) => service.packages);
  const noApt = aptObstacle();
  if (noApt) throw unavailable(absent, noDocker, noApt);
  log(`Installing ${packages.join(', ')} with apt-get`);
  await installPackages(packages).catch((error: unknown) => {
    throw unavailable(absent, noDocker, (error as Error).message);
  });
  const still = absent.filter((service) => !service.locate());
  if (still.length) throw unavailable(still, noDocker, 'apt-get brought no usable binaries');
  return fromBinaries;
}

async function inContainer(service: Service): Promise<Found> {
  const container = await startContainer(service);
  return { ...container, how: `container ${service.container.image}` };
}

async function fromBinaries(service: Service): Promise<Found> {
  const server = await startPrivate(service.name);
  const version = await service.ping(server.url, 10_000);
  return {
    how: `${version}, private instance on port ${server.port}`,
    env: { ...server.env },
    stop: () => server.stop(),
  };
}

/**
 * Starts a server for tests that stop, restart, freeze or flood it. Always from installed binaries, never a shared one.
 * `settings` are in the server's own words (`max_connections: '5'`).
 */
export async function startPrivate(
  name: ServiceName,
  options: { readonly settings?: Readonly<Record<string, string>> } = {},
): Promise<PrivateServer> {
  const service = services[name];
  const recipe = service.locate();
  if (!recipe) {
    const obstacle = aptObstacle();
    if (obstacle) throw unavailable([service], 'a private instance is run from binaries', obstacle);
    await installPackages(service.packages);
  }
  const found = recipe ?? service.locate();
  if (!found) throw unavailable([service], 'a private instance is run from binaries', 'not found');
  return PrivateServer.start(service, found, options.settings);
}

function unavailable(absent: readonly Service[], docker: string, apt: string): TestingError {
  const names = absent.map(({ label }) => label).join(', ');
  const variables = absent.map(({ variable }) => variable).join(', ');
  const packages = absent.flatMap((service) => service.packages).join(' ');
  return new TestingError(
    'SERVICES_UNAVAILABLE',
    [
      `No ${names} to be had. Tried:`,
      `  - environment: ${variables} not set`,
      `  - default ports: ${absent.flatMap(({ defaultUrls }) => defaultUrls.map(masked)).join(', ')} do not answer`,
      `  - container: ${docker}`,
      `  - Debian packages: ${apt}`,
      `What to do: set ${variables}; or start Docker; or, as root on Debian: apt-get install --no-install-recommends ${packages}`,
    ].join('\n'),
  );
}

/** Like `Promise.all`, but never leaves a start under way behind. */
async function settleAll<T>(work: Promise<T>[]): Promise<T[]> {
  await Promise.allSettled(work);
  return Promise.all(work);
}

async function stopAll(started: readonly Found[]): Promise<void> {
  await settleAll(started.map((one) => one.stop()));
}

function masked(url: string): string {
  return url.replace(/:[^:@/]+@/, ':***@');
}
