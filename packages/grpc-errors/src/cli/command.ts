import type * as cli from '@acme/nest-message-context/cli';
import type { OpenModule } from './open-module.js';
import type { Values } from './options.js';

export type Command = cli.Command<Values, OpenModule>;
