import { counted, EXIT, type Answer } from '@acme/nest-message-context/cli';

/** What a command says that has moved so many messages. */
export const moved = (
  what: 'redriven' | 'discarded' | 'replayed',
  count: number,
  { further = '', none }: { readonly further?: string; readonly none: string },
): Answer => ({
  exit: count > 0 ? EXIT.done : EXIT.nothing,
  json: { [what]: count },
  text:
    count > 0
      ? `${what[0]!.toUpperCase()}${what.slice(1)}: ${counted(count, 'message')}.${further}`
      : `Nothing was ${what}: ${none}`,
});

/** Of parked messages. */
export const NO_SUCH = { none: 'there is no such parked message.' };
