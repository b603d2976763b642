// A service on stock Nest, on stock Nest 12 with its own filter, and with this package: what its caller sees.
import * as microservices from '@nestjs/microservices';
import { status as Status, type ServiceError } from '@grpc/grpc-js';
import { APP_FILTER } from '@nestjs/core';
import type { Type } from '@nestjs/common';
import { openProbe, type ProbeOptions } from './probe-app.js';

export type Setting = 'stock' | 'filter' | 'ours';

/** Tries a row of the page, and says in words what has become of it. */
export type Probe = (setting: Setting) => Promise<string>;

/** Long enough for an answer, and short where there is none. */
const SOON = 900;

/** Nest 12 has one, Nest 11 has not. */
export const { GrpcExceptionFilter } = microservices as never as { GrpcExceptionFilter?: Type };

export const optionsFor = (setting: Setting): Pick<ProbeOptions, 'modules' | 'providers'> =>
  setting === 'ours'
    ? {}
    : {
        modules: [],
        providers:
          setting === 'filter' ? [{ provide: APP_FILTER, useClass: GrpcExceptionFilter! }] : [],
      };

/** How a call has ended, in words. */
export function ended(error: ServiceError | undefined, answer: unknown): string {
  if (!error) return `answered ${JSON.stringify(answer)}`;
  const { code, details } = error;
  // The client's own: nobody has answered.
  if (code === Status.DEADLINE_EXCEEDED && details.startsWith('Deadline exceeded'))
    return 'no answer';
  const text = details.length > 80 ? `${details.slice(0, 8)}… (${details.length})` : details;
  return `${Status[code] ?? code} "${text}"`;
}

/** Calls a handler that does that; and says what became of it. */
export async function callOf(
  setting: Setting,
  handle: ProbeOptions['handle'],
  { method = 'Unary', ...more }: Partial<ProbeOptions> & { readonly method?: string } = {},
): Promise<string> {
  const { invoke, log, close } = await openProbe({ handle, ...more, ...optionsFor(setting) });
  const boot = log.entries.length;
  const { error, messages } = await invoke(method, { timeout: SOON });
  const isLogged = log.entries.length > boot;
  await close();
  const text = ended(error, messages.map(({ id }) => id).join());
  return error && text !== 'no answer' ? `${text}, ${isLogged ? 'logged' : 'not logged'}` : text;
}
