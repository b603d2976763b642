// What becomes of what a service throws, or answers with.
import { fileURLToPath } from 'node:url';
import { freePort, openApp, spawnChild, waitFor } from '@acme/internal-testing';
import { Catch, NotFoundException, type ExceptionFilter } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { finalize, lastValueFrom, NEVER, throwError, toArray, type Observable } from 'rxjs';
import {
  grpcTransport,
  openProbe,
  probeClient,
  probeModule,
  type Message,
  type ProbeOptions,
} from './probe-app.js';
import { callOf, ended, optionsFor, type Probe } from './stock-settings.js';

export const thrown =
  (make: () => unknown, more: Partial<ProbeOptions> & { method?: string } = {}): Probe =>
  (setting) =>
    callOf(
      setting,
      () => {
        throw make();
      },
      more,
    );

export const handled =
  (handle: ProbeOptions['handle'], more: Partial<ProbeOptions> & { method?: string } = {}): Probe =>
  (setting) =>
    callOf(setting, handle, more);

/** Text that no compression of headers makes short. */
export function noise(length: number): string {
  let [text, x] = ['too long: ', 1];
  while (text.length < length) {
    x = (x * 1_103_515_245 + 12_345) & 0x7fffffff;
    text += String.fromCharCode(33 + (x % 90));
  }
  return text;
}

const CHILD = fileURLToPath(new URL('../children/crashing.mjs', import.meta.url));

export const inChild =
  (what: string): Probe =>
  async (setting) => {
    const env = { SETTING: setting, WHAT: what, PORT: String(await freePort()) };
    const child = spawnChild(CHILD, { env });
    const { code } = await child.exited;
    return code === 0 ? child.lines.join(' ') : 'the process ends';
  };

/** The caller of a handler whose stream goes on has gone. */
export const gone: Probe = async (setting) => {
  let [begun, isOver] = [false, false];
  const { invoke, close } = await openProbe({
    handle: () => {
      begun = true;
      return NEVER.pipe(finalize(() => (isOver = true)));
    },
    ...optionsFor(setting),
  });
  await invoke('Unary', { onCall: (call) => void waitFor(() => begun).then(() => call.cancel()) });
  // Another call of the same connection: by its end the server has heard of the first.
  await invoke('Unary', { timeout: 300 });
  const text = isOver ? 'it is ended' : 'it goes on';
  await close();
  return text;
};

/** A filter of the application that knows the error, in a hybrid application whose microservice is connected as it is. */
export const hybrid: Probe = async (setting) => {
  const { url, transport } = await grpcTransport();
  const handle = (): never => {
    throw new NotFoundException('No order 7');
  };
  @Catch(NotFoundException)
  class Filter implements ExceptionFilter {
    catch(error: Error): Observable<never> {
      return throwError(() => ({ code: 5, message: error.message }));
    }
  }
  const { modules, providers = [] } = optionsFor(setting);
  const own = { provide: APP_FILTER, useClass: Filter };
  const module = probeModule({
    handle,
    ...(modules && { modules }),
    providers: setting === 'ours' ? [] : [...providers, own],
  });
  const { close } = await openApp(module, {
    configure: (app) => void app.connectMicroservice(transport),
  });
  const client = probeClient(url);
  const { error } = await client.invoke('Unary');
  client.close();
  await close();
  return ended(error, '');
};

/** A handler that awaits its whole request stream. */
export const AWAITS = async (messages: unknown): Promise<Message> => {
  const all = await lastValueFrom((messages as Observable<Message>).pipe(toArray()));
  return { id: String(all.length) };
};
