import { MessageContextCoreModule } from '@acme/nest-message-context';
import { show } from '@acme/nest-message-context/kit';
import { Client, credentials as channelCredentials } from '@grpc/grpc-js';
import {
  Inject,
  Logger,
  Module,
  type DynamicModule,
  type InjectionToken,
  type OnApplicationShutdown,
  type OptionalFactoryDependency,
  type Provider,
} from '@nestjs/common';
import { harmless } from '../observability/harmless.js';
import { ClientSpans } from '../observability/client-spans.js';
import { GrpcCaller, type CallerSettings } from './grpc-caller.js';
import { Retries } from './retries.js';
import {
  assertNoProblems,
  resolveClient,
  targetProblems,
  type GrpcClientOptions,
  type GrpcClientSettings,
  type GrpcTarget,
} from './grpc-clients.options.js';
import { grpcService } from './grpc-service.js';
import { serviceToken } from './inject-grpc-service.js';
import { loadServices, packageOf, packagesIn } from './load-services.js';

/** Nest prints it where the module is imported without clients. */
const CALLERS = 'GrpcClientsModule needs register([{ url, packages, protoPath }])';

/** Those of one module, to be closed with the application. */
class Callers {
  readonly all: GrpcCaller[] = [];
}

/** Makes gRPC services of others callable: import it where they are called. Calls have a deadline, pass on what has to be, and fail with typed errors. */
@Module({ imports: [MessageContextCoreModule] })
export class GrpcClientsModule implements OnApplicationShutdown {
  constructor(@Inject(CALLERS) private readonly callers: Callers) {}

  /** @throws {GrpcErrorsConfigurationError} listing every problem */
  static register(clients: readonly GrpcClientOptions[]): DynamicModule {
    if (!Array.isArray(clients))
      assertNoProblems([
        `${show(clients)} is no list of clients. Give register([{ url, packages, protoPath }]).`,
      ]);
    const problems: string[] = [];
    const served = new Map<string, string>();
    const providers: Provider[] = [{ provide: CALLERS, useClass: Callers }];
    const exported: string[] = [];
    clients.forEach((client, index) => {
      const settings = resolveClient(client, problems);
      if (!settings) return;
      const found = servicesOf(client, settings, problems);
      const caller = `@acme/nest-grpc-errors:client ${index} ${settings.packages.join(', ')}`;
      providers.push(callerProvider(caller, client, settings));
      for (const [name, definition] of found) {
        const other = served.get(name);
        if (other !== undefined) problems.push(`${name}: is in two clients. Leave it out of one.`);
        served.set(name, caller);
        const provide = serviceToken(name);
        exported.push(provide);
        providers.push({
          provide,
          inject: [caller],
          useFactory: (made: GrpcCaller) => grpcService(definition, made),
        });
      }
    });
    assertNoProblems(problems);
    const imports = clients.flatMap((client) => client.imports ?? []);
    return { module: GrpcClientsModule, imports, providers, exports: exported };
  }

  onApplicationShutdown(): void {
    for (const caller of this.callers.all.splice(0)) caller.close();
  }
}

function servicesOf(
  { loader }: GrpcClientOptions,
  { packages, protoPath }: GrpcClientSettings,
  problems: string[],
): ReturnType<typeof loadServices> {
  try {
    const services = loadServices(protoPath, packages, loader);
    for (const one of packages)
      if (![...services.keys()].some((name) => packageOf(name) === one))
        problems.push(
          `${one}: there is no service of it in ${protoPath.join(', ')}, which has services of ${packagesIn(protoPath, loader).join(', ') || 'no package'}.`,
        );
    return services;
  } catch (error) {
    problems.push(
      `${packages.join(', ')}: protoPath: ${error instanceof Error ? error.message : 'cannot be read'}. Give the file by its absolute path, and see that it is there where the service runs: a build of Nest copies only what \`assets\` in nest-cli.json names.`,
    );
    return new Map();
  }
}

function callerProvider(
  provide: string,
  { url = '', credentials, channelOptions, useFactory, inject = [] }: GrpcClientOptions,
  settings: GrpcClientSettings,
): Provider {
  const fixed: GrpcTarget = {
    url,
    ...(credentials && { credentials }),
    ...(channelOptions && { channelOptions }),
  };
  return {
    provide,
    inject: [CALLERS, ...(inject as (InjectionToken | OptionalFactoryDependency)[])],
    useFactory: async (callers: Callers, ...injected: never[]) => {
      const target = useFactory ? await useFactory(...injected) : fixed;
      assertNoProblems(
        targetProblems(target).map((problem) => `${settings.packages.join(', ')}: ${problem}`),
      );
      const client = new Client(
        target.url,
        target.credentials ?? channelCredentials.createInsecure(),
        target.channelOptions ?? {},
      );
      const safely = harmless(new Logger('GrpcClients'));
      const spans = settings.isTraced ? await ClientSpans.load(client, safely) : undefined;
      const caller = new GrpcCaller(client, { ...settingsFor(target, settings), spans });
      callers.all.push(caller);
      return caller;
    },
  };
}

/** Two layers would multiply: the channel's goes before ours. */
function settingsFor(
  { url, channelOptions }: GrpcTarget,
  settings: GrpcClientSettings,
): CallerSettings {
  const config: unknown = channelOptions?.['grpc.service_config'];
  const isRetried = typeof config === 'string' && /"(?:retry|hedging)Policy"/.test(config);
  if (!isRetried || channelOptions?.['grpc.enable_retries'] === 0) return settings;
  new Logger('GrpcClients').warn(
    `The channel to ${url} has a retryPolicy or hedgingPolicy in its grpc.service_config, so calls are made again by that, and \`retry\` is not used: both together would multiply. Take one of them out.`,
  );
  return { ...settings, retries: Retries.none };
}
