/** Who serves. */
export type Served =
  | 'raw'
  | 'nice'
  | 'niceDetails'
  | 'connect'
  | 'bare'
  | 'localStorage'
  | 'oneInterceptor'
  | 'context'
  | 'ours'
  | 'oursThousand';

/** Who calls. */
export type Calling = 'rawClient' | 'ourClient';

/** What a subject can be asked for: `succeed`, `refuse` and `decode` give the CPU in µs per call, without a connection. */
export type Command = 'succeed' | 'refuse' | 'decode' | 'listeners' | 'heap' | 'port' | 'cpu';
