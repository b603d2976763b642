import { TestingError, reason } from '../testing.errors.js';
import type { Service, ServiceName } from './contracts.js';
import { dockerObstacle, startContainer } from './docker.js';
import { services } from './servers/index.js';
import { absentOf, installBinaries, installCommand, startPrivate } from './start-private.js';

const ALL: readonly ServiceName[] = ['postgres', 'rabbitmq', 'redis', 'mariadb'];

/** Which servers `provideServices` provides, and whom it tells. */
export interface ProvideOptions {
  /** Which servers; all four by default. */
  readonly need?: readonly ServiceName[];
  /** Gets one line per server: which way was taken. Written to standard error by default. */
  readonly log?: (line: string) => void;
}

/** Servers that answer. */
export interface ProvidedServices {
  /** `DATABASE_URL`, `AMQP_URL`, `RABBITMQ_MANAGEMENT_URL` (where known), `REDIS_URL`, `MYSQL_URL`. */
  readonly env: Record<string, string>;
  /**
   * What clients have made and left in the servers that were started for this call, as `PostgreSQL: schema orders`. Servers
   * that were there before may have other users, so nothing is said of them.
   */
  leftBehind(): Promise<string[]>;
  /** Stops what was started for this call and nothing else. Calling it again does nothing. */
  stop(): Promise<void>;
}

interface Found {
  readonly how: string;
  readonly env: Record<string, string>;
  /** Undefined when we did not start it. */
  readonly leftBehind?: () => Promise<string[]>;
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
  const wanted = [...new Set(need)].map(known);
  const started: Found[] = [];
  const take = (service: Service) => (found: Found) => {
    started.push(found);
    log(`${service.label}: ${found.how}`);
  };
  let stopping: Promise<void> | undefined;
  const stop = () => (stopping ??= stopAll(started));
  try {
    const notRunning = await each(wanted, alreadyRunning, take);
    const { left, obstacle } = await inContainers(notRunning, take, log);
    await fromBinaries(left, obstacle, take, log);
    const env = Object.assign({}, ...started.map((one) => one.env)) as Record<string, string>;
    const leftBehind = async () =>
      (await Promise.all(started.map(async (one) => one.leftBehind?.()))).flatMap(
        (left) => left ?? [],
      );
    return { env, leftBehind, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function known(name: ServiceName): Service {
  if (Object.hasOwn(services, name)) return services[name];
  throw new TestingError(
    'UNKNOWN_SERVICE',
    `There is no service "${String(name)}". There are: ${ALL.join(', ')}.`,
  );
}

type Take = (service: Service) => (found: Found) => void;

/** Tries one way for all services at once; returns those for which it is not the way. */
async function each(
  all: readonly Service[],
  way: (service: Service) => Promise<Found | undefined>,
  take: Take,
): Promise<Service[]> {
  const tried = all.map(async (service) => {
    const found = await way(service);
    if (found) take(service)(found);
    return found ? [] : [service];
  });
  // Not only `all`: a start that is under way when another one fails must be stopped as well.
  await Promise.allSettled(tried);
  return (await Promise.all(tried)).flat();
}

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

/** The third way. Says why it was none for the services that are left. */
async function inContainers(
  wanted: readonly Service[],
  take: Take,
  log: (line: string) => void,
): Promise<{ left: readonly Service[]; obstacle: string }> {
  if (wanted.length === 0) return { left: [], obstacle: '' };
  const noEngine = await dockerObstacle();
  if (noEngine) return { left: wanted, obstacle: noEngine };
  const failures: string[] = [];
  const start = async (service: Service): Promise<Found | undefined> => {
    const { image } = service.container;
    try {
      const container = await startContainer(service);
      const leftBehind = () => leftIn(service, container.env);
      return { ...container, how: `container ${image}`, leftBehind };
    } catch (error) {
      failures.push(`${image}: ${reason(error)}`);
      log(`${service.label}: no container (${reason(error)})`);
      return undefined;
    }
  };
  return { left: await each(wanted, start, take), obstacle: failures.join('; ') };
}

/** The last way. */
async function fromBinaries(
  wanted: readonly Service[],
  noContainer: string,
  take: Take,
  log: (line: string) => void,
): Promise<void> {
  const obstacle = await installBinaries(wanted, log);
  if (obstacle) throw unavailable(absentOf(wanted), noContainer, obstacle);
  const start = async (service: Service): Promise<Found> => {
    const server = await startPrivate(service.name);
    return {
      leftBehind: () => leftIn(service, server.env),
      how: `${await service.ping(server.url, 10_000)}, private instance on port ${server.port}`,
      env: { ...server.env },
      stop: () => server.stop(),
    };
  };
  await each(wanted, start, take);
}

async function leftIn(
  { label, contents }: Service,
  env: Readonly<Record<string, string>>,
): Promise<string[]> {
  return (await contents(env)).map((one) => `${label}: ${one}`);
}

function unavailable(absent: readonly Service[], docker: string, apt: string): TestingError {
  const names = absent.map(({ label }) => label).join(', ');
  const variables = absent.map(({ variable }) => variable).join(', ');
  return new TestingError(
    'SERVICES_UNAVAILABLE',
    [
      `No ${names} to be had. Tried:`,
      `  - environment: ${variables} not set`,
      `  - default ports: ${absent.flatMap(({ defaultUrls }) => defaultUrls.map(masked)).join(', ')} do not answer`,
      `  - container: ${docker}`,
      `  - Debian packages: ${apt}`,
      `What to do: set ${variables}; or start Docker; or, ${installCommand(absent)}`,
    ].join('\n'),
  );
}

async function stopAll(started: readonly Found[]): Promise<void> {
  const stopping = started.map((one) => one.stop());
  await Promise.allSettled(stopping);
  await Promise.all(stopping);
}

function masked(url: string): string {
  return url.replace(/:[^:@/]+@/, ':***@');
}
