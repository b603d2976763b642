import type { z } from 'zod';

/** The environment is not what the service needs; the message says all of it at once. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';

  constructor(message: string) {
    super(message);
    // Where it was noticed says nothing about what is wrong, and would push the list of problems off the screen.
    this.stack = `${this.name}: ${message}`;
  }
}

/**
 * Reads a service's configuration from the environment. An empty variable counts as not set.
 *
 * @throws {ConfigurationError} which names every bad variable, its value and what it must be
 */
export function readConfig<Schema extends z.ZodObject>(
  service: string,
  schema: Schema,
  environment: NodeJS.ProcessEnv = process.env,
): z.infer<Schema> {
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''));
  const { success, data, error } = schema.safeParse(given);
  if (success) return data;
  const problems = error.issues.map(({ path, message }) => {
    const name = path.join('.');
    return `  ${name}=${shown(name, given[name])}: ${message}`;
  });
  throw new ConfigurationError(
    [`${service} cannot start with this environment:`, ...problems].join('\n'),
  );
}

/** Logs are read by many: a password in a URL stays out of them. */
function shown(name: string, value: string | undefined): string {
  if (value === undefined) return '(not set)';
  return /secret|password|token/i.test(name) ? '***' : value.replace(/:[^:@/]+@/, ':***@');
}
