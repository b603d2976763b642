import type * as cli from '@acme/nest-message-context/cli';
import type { Values } from './options.js';
import type { OpenStore } from './stores/open-store.js';

export type Command = cli.Command<Values, OpenStore>;
export type Desk = cli.Desk<Values, OpenStore>;
