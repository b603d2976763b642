import type * as cli from '@acme/nest-message-context/cli';
import type { OpenBroker } from './open-broker.js';
import type { Values } from './options.js';

export type Command = cli.Command<Values, OpenBroker>;
export type Desk = cli.Desk<Values, OpenBroker>;
