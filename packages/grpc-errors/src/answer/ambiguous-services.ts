import { handlerName, type GrpcServed } from '@acme/nest-message-context';

/**
 * Handlers that say the name of a service without its package, where several packages have one of that name: Nest has one of them answer the calls of all, so that callers
 * of one version get what the other one says.
 */
export function ambiguousServices(served: readonly GrpcServed[]): string[] {
  const problems: string[] = [];
  for (const { handlers, paths } of served) {
    if (paths.length < 2) continue;
    const methods = paths.map((path) => path.slice(1).split('/') as [service: string, rpc: string]);
    const services = methods.map(([service]) => service);
    const [[, rpc]] = methods as [[string, string]];
    const names = handlers.map(({ handler }) => handlerName(handler)).join(', ') || 'A handler';
    problems.push(
      `${names}: one handler would answer the calls of ${services.join(' and ')}, as it names its service without a package. Name it in full, for each of them: @GrpcMethod('${services[0]!}', '${rpc}').`,
    );
  }
  return problems;
}
